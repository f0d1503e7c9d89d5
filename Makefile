# Everything a person does with this project. `make help` lists it.
# Only make and a Python of a version that pyproject.toml states have to be there; the rest is set
# up in .venv, from the locks alone: nothing is resolved, whatever the index holds by then.

SHELL := /bin/bash
.DEFAULT_GOAL := help

# "11 15" for >=3.11,<3.15.
MINORS := $(shell sed -nE 's/^requires-python = ">=3\.([0-9]+),<3\.([0-9]+)"$$/\1 \2/p' pyproject.toml)
LEAST := $(firstword $(MINORS))
ABOVE := $(lastword $(MINORS))
# The first one that fits and can make environments, which Debian's needs a package for.
ifndef PYTHON
PYTHON := $(shell for python in python3 $$(seq -f 'python3.%g' $$(($(ABOVE) - 1)) -1 $(LEAST)) python; do \
	"$$python" -c 'import ensurepip, sys; sys.exit(not (3, $(LEAST)) <= sys.version_info < (3, $(ABOVE)))' 2>/dev/null \
	&& command -v "$$python" && break; done)
endif
VENV := .venv
BIN := $(VENV)/bin
UV := $(VENV)/uv/bin/uv
ARGS ?=
STUDY ?= all
# Whatever the shell says: tests start Python some hundred times, and compiling what trains takes
# longer than importing it.
unexport PYTHONDONTWRITEBYTECODE
# Test files that run at a time, one more than two cores as tests wait for servers; 0: one after the
# other, with what they print.
JOBS ?= 3

.PHONY: help serve train test test-install soak mutation lint docs deploy-check bench data repro lock sbom clean

help:  ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

serve: $(VENV)/.serve  ## set up and serve on port 9696 (PORT, MODEL_PATH and more: docs/settings.md)
	$(BIN)/python predict.py

train: $(VENV)/.serve  ## fit all studies from their samples (STUDY=name ARGS="--data FILE …" for one)
	$(BIN)/python train.py --study $(STUDY) $(ARGS)

test: $(VENV)/.dev  ## set up and run every test (ARGS="-k name" for some)
	$(BIN)/python -m pytest -n $(JOBS) --dist loadfile $(ARGS)

SHIPPED := segmentation scripts train.py predict.py gunicorn.conf.py deploy data

lint: $(VENV)/.dev  ## ruff, mypy --strict, import rules, bandit, secrets, hadolint, documentation
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/bandit --quiet --recursive $(SHIPPED) 2> /dev/null
	PYTHON=$(BIN)/python scripts/find-secrets
	$(BIN)/hadolint Dockerfile
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict --quiet

docs: $(VENV)/.dev  ## serve the documentation: http://localhost:9697/
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs serve --dev-addr localhost:9697

test-install:  ## make fresh environments from the locks, with the oldest and the newest Python here
	$(MAKE) test ARGS="-m installation -n 0 -s"

soak: $(VENV)/.dev  ## stop the service 50 times under load, then send it a million requests (half an hour)
	$(BIN)/python -m pytest -m soak -n 0 --log-cli-level info $(ARGS)

mutation: $(VENV)/.dev  ## change the code and see which changes no test notices (hours; ARGS="segmentation.errors*" for some)
	$(BIN)/mutmut run --max-children $(JOBS) $(ARGS)
	$(BIN)/python -m scripts.mutation_score

deploy-check: $(VENV)/.dev $(VENV)/.checkov  ## lint and try deploy/ on an emulator of AWS
	$(VENV)/checkov/bin/checkov --config-file deploy/checkov.yaml -f deploy/ecs.yaml deploy/ecs-minimal.yaml deploy/github-oidc.yaml
	$(BIN)/python -m pytest tests/deploy tests/test_deploy_*.py tests/test_workflow.py $(ARGS)

bench: $(VENV)/.dev  ## compare speed with a route that does nothing and with the usual ways
	$(BIN)/python -m benchmarks.serving $(ARGS)

data: $(VENV)/.serve  ## write the synthetic samples in data again
	for study in mobile household credit_card retail; do \
		$(BIN)/python data/make_$$study.py > data/$$study.csv || exit 1; done

repro: $(VENV)/.dev  ## run the data pipeline of retail (dvc.yaml), as far as something changed
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/dvc repro

lock: | $(UV)  ## pin the dependencies of pyproject.toml, with hashes (ARGS="--upgrade" for the newest)
	@$(COMPILE) pyproject.toml --all-extras --group dev -o requirements-dev.txt
	@$(COMPILE) pyproject.toml --extra pages --extra train -c requirements-dev.txt -o requirements.txt
	@$(COMPILE) pyproject.toml -c requirements-dev.txt -o requirements-serve.txt
	@$(COMPILE) --group uv -o requirements-uv.txt
	@$(COMPILE) --group deploy -c requirements-dev.txt -o deploy/requirements.txt
	@$(COMPILE) --group checkov -o deploy/requirements-checkov.txt

sbom: $(VENV)/.dev  ## list what is in both images, once they are built (docs/containers.md), as CycloneDX
	for image in segmentation segmentation-serve; do \
		$(BIN)/python -m scripts.sbom $$image build/$$image.cdx.json || exit 1; done

clean:  ## remove the environment and caches
	rm -rf $(VENV) .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

# One environment; the development packages come on top of what the service needs. Environments are
# made without pip: uv installs what a lock lists, with the hashes that it states, and removes what it
# does not list. Packages that are built from their source are built with what the lock lists as well.
COMPILE = $(SETTINGS) $(UV) pip compile --no-config --quiet --universal --python-version 3.$(LEAST) \
	--fork-strategy fewest --generate-hashes --custom-compile-command "make lock" $(ARGS)
INSTALL = $(SETTINGS) $(UV) pip sync --require-hashes
# uv does not read pip's configuration; a company's own index or certificates are usually there.
SETTINGS = UV_SYSTEM_CERTS=$${UV_SYSTEM_CERTS:-true} UV_DEFAULT_INDEX="$${UV_DEFAULT_INDEX:-$$( \
	$(VENV)/uv/bin/pip config list | sed -nE "s/^[a-z:]+\.index-url='(.*)'$$/\1/p" | tail -n 1)}"
# What a person reads while it works: "count packages" of a lock.
PACKAGES = $$(grep -c '^[a-z].*==' $<) packages

$(VENV)/bin/python: | $(UV)
	@$(PYTHON) -m venv --without-pip $(VENV)
	@# So that joblib.load("model.bin") finds our estimators from whichever folder.
	@$(BIN)/python -c 'import site, sys; open(site.getsitepackages()[0] + "/segmentation.pth", "w").write(sys.argv[1] + "\n")' "$(CURDIR)"

# In an environment of its own, so that whichever pip Python brought has one package to install.
$(UV): requirements-uv.txt | $(VENV)/uv/bin/pip
	@$(VENV)/uv/bin/pip install --quiet --disable-pip-version-check --no-deps --only-binary :all: \
		--require-hashes -r requirements-uv.txt
	@touch $@

$(VENV)/uv/bin/pip:
	@test -n "$(PYTHON)" || { echo "make: Python 3.$(LEAST) to 3.$$(($(ABOVE) - 1)) is needed, with its module venv." \
		"Debian and Ubuntu: apt install python3-venv; Fedora: dnf install python3; macOS: brew install python;" \
		"anywhere: uv python install. One that is not on the PATH: make PYTHON=/path/to/python" >&2; exit 1; }
	@echo "make: setting up $(VENV) with Python $$($(PYTHON) -c 'import platform; print(platform.python_version())')"
	@$(PYTHON) -m venv $(VENV)/uv

$(VENV)/.serve: requirements.txt | $(VENV)/bin/python
	@echo "make: installing the $(PACKAGES) of the service, once: 0.8 GB on disk, a minute at most on a fast line"
	@$(INSTALL) --python $(BIN)/python $<
	@touch $@

$(VENV)/.dev: requirements-dev.txt $(VENV)/.serve
	@echo "make: installing the $(PACKAGES) for development, once: 2 GB on disk"
	@$(INSTALL) --build-constraints $< --python $(BIN)/python $<
	@touch $@

# On its own: it pins what others need newer.
$(VENV)/.checkov: deploy/requirements-checkov.txt | $(UV)
	@echo "make: installing checkov with its $(PACKAGES), once"
	@$(PYTHON) -m venv --without-pip $(VENV)/checkov
	@$(INSTALL) --build-constraints $< --python $(VENV)/checkov/bin/python $<
	@touch $@
