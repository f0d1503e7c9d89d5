# Everything a person does with this project. `make help` lists it.
# Only Python 3.11 to 3.13 and make have to be there; the rest is set up in .venv.

SHELL := /bin/bash
.DEFAULT_GOAL := help

PYTHON ?= $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	"$$python" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& command -v "$$python" && break; done)
VENV := .venv
BIN := $(VENV)/bin
ARGS ?=
STUDY ?= all
# Test files that run at a time; 0 is one after the other, with what they print.
JOBS ?= 2

.PHONY: help serve train test lint deploy-check bench data repro lock sbom clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.serve  ## set up and serve on port 9696 (PORT, MODEL_PATH and more: README)
	$(BIN)/python predict.py

train: $(VENV)/.serve  ## fit all studies from their samples (STUDY=name ARGS="--data FILE …" for one)
	$(BIN)/python train.py --study $(STUDY) $(ARGS)

test: $(VENV)/.dev  ## set up and run every test (ARGS="-k name" for some)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

lint: $(VENV)/.dev  ## ruff, mypy --strict, the import rules and hadolint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/hadolint Dockerfile

deploy-check: $(VENV)/.dev $(VENV)/.checkov  ## lint and try deploy/ on an emulator of AWS
	$(VENV)/checkov/bin/checkov --config-file deploy/checkov.yaml -f deploy/ecs.yaml deploy/ecs-minimal.yaml
	$(BIN)/python -m pytest tests/test_deploy_*.py $(ARGS)

bench: $(VENV)/.dev  ## compare speed with a route that does nothing and with the usual ways
	$(BIN)/python -m benchmarks.serving $(ARGS)

data: $(VENV)/.serve  ## write the synthetic samples in data again
	for study in mobile household credit_card retail; do \
		$(BIN)/python data/make_$$study.py > data/$$study.csv || exit 1; done

repro: $(VENV)/.dev  ## run the data pipeline of retail (dvc.yaml), as far as something changed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

lock: $(VENV)/.dev  ## pin the dependencies of pyproject.toml, with hashes
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --group dev -o requirements-dev.txt
	$(BIN)/uv pip compile --quiet --group checkov -o deploy/requirements-checkov.txt
	$(BIN)/uv pip compile --quiet pyproject.toml --extra pages --extra train \
		-c requirements-dev.txt -o requirements.txt
	$(BIN)/uv pip compile --quiet pyproject.toml -c requirements-dev.txt -o requirements-serve.txt

sbom: $(VENV)/.dev  ## list what is in both images, once they are built (README), as CycloneDX
	for image in segmentation segmentation-serve; do \
		$(BIN)/python -m scripts.sbom $$image build/$$image.cdx.json || exit 1; done

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# One environment; the development packages come on top of what the service needs.
$(VENV)/bin/python:
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 or 3.13 is needed" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@# So that joblib.load("model.bin") finds our estimators from whichever folder.
	@$(BIN)/python -c 'import site, sys; open(site.getsitepackages()[0] + "/segmentation.pth", "w").write(sys.argv[1] + "\n")' "$(CURDIR)"

$(VENV)/.serve: requirements.txt | $(VENV)/bin/python
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements.txt
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.serve
	$(BIN)/pip install --quiet --disable-pip-version-check --require-hashes -r requirements-dev.txt
	@touch $@

# On its own: it pins what others need newer.
$(VENV)/.checkov: deploy/requirements-checkov.txt | $(VENV)/bin/python
	$(PYTHON) -m venv $(VENV)/checkov
	$(VENV)/checkov/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@
