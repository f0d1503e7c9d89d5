"""What the deployment instructions tell people to type can be typed, and names what there is."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.aws_commands import complaint
from tests.support.cloudformation import read_template
from tests.support.shipped import ROOT

TEXT = (ROOT / "deployment_instructions.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", TEXT, re.DOTALL)
TEMPLATES = {
    path.name: read_template(path)
    for path in (ROOT / "deploy").glob("*.yaml")
    if path.name != "checkov.yaml"
}
PROGRAM = "deploy/deploy.py"


def commands(program: str) -> Iterator[list[str]]:
    """Yield the arguments of every call of a program, also inside of ``$(…)`` and pipes."""
    for block in BLOCKS:
        joined = re.sub(r"\\\n\s*", " ", block)
        for start in re.finditer(
            rf"(?:^|(?<=[\s(])){re.escape(program)} (?=[a-z-]|[A-Z]\w+=)", joined
        ):
            yield _arguments(joined[start.end() :])


def _arguments(text: str) -> list[str]:
    """Return the words up to the end of a command; what the shell would put in is left as it is."""
    depth = quote = 0
    end = len(text)
    for place, character in enumerate(text):
        if quote:
            quote = 0 if character == chr(quote) and not depth else quote
        elif character in "'\"":
            quote = ord(character)
        if character == "(" and quote != ord("'"):
            depth += 1
        elif character == ")" and quote != ord("'"):
            if not depth:
                end = place
                break
            depth -= 1
        elif character in "\n|;" and not quote and not depth:
            end = place
            break
    return shlex.split(text[:end])


def list_complaints(calls: list[list[str]]) -> list[str]:
    """Return what the models of AWS's interfaces say against commands."""
    return [call for call in map(complaint, calls) if call]


_KNOWN_LATER = {
    "$NETWORK": '{"awsvpcConfiguration": {"subnets": ["subnet-1"]}}',
    "$CERTIFICATE": "arn:aws:acm:us-east-1:123456789012:certificate/1",
    "file://training.json": "{}",
    "file://public.pem": "key",
}
"""Values that only the shell or AWS knows, in the shape that they will have."""


def test_every_command_within_the_text_is_known() -> None:
    """What it requires may be left out there."""
    calls = [shlex.split(match) for match in re.findall(r"`aws ([^`]+)`", TEXT)]
    assert calls
    assert [item for item in list_complaints(calls) if "are required" not in item] == []


def test_every_aws_command_is_one_that_the_aws_cli_takes() -> None:
    """With all it requires, and values of the right shape."""
    calls = [
        [_KNOWN_LATER.get(word, word) for word in call]
        for call in commands("aws")
        if len(call) > 1 and call[0] != "configure"
    ]
    assert len(calls) > 40
    assert list_complaints(calls) == []


@pytest.mark.parametrize(
    "command",
    [
        "ecs describe-services --clustr x --services y",
        "ecs describe-services --cluster x",
        "ecs describe-service --cluster x",
        "cloudformation deploy --stack-name x",
        "s3 cp alone",
        "ecs wait services-stabl --services x",
        "ecs create-express-gateway-service --infrastructure-role-arn x --scaling-target most=1",
    ],
)
def test_a_wrong_aws_command_would_be_found(command: str) -> None:
    """The check checks: options, what is required, operations, subcommands, waiters, shapes."""
    assert list_complaints([command.split()])


@pytest.mark.parametrize("block", BLOCKS, ids=[block.split("\n")[0][:40] for block in BLOCKS])
def test_every_block_is_shell(block: str) -> None:
    """As bash reads it."""
    completed = subprocess.run(
        ["bash", "-n"], input=block, capture_output=True, text=True, check=False
    )
    assert completed.stderr == ""


def test_every_parameter_is_one_of_the_template() -> None:
    """In commands with values that it allows, and in the text."""
    for call in [*commands(PROGRAM), *commands("aws")]:
        (named,) = [Path(word).name for word in call if word.startswith("deploy/")] or ["ecs.yaml"]
        template = TEMPLATES["ecs-minimal.yaml" if "--minimal" in call else named]
        for name, value in re.findall(r"(?<![\w-])([A-Z][a-z]\w+)=(\S+)", " ".join(call)):
            if name in ("Name", "OutputKey"):  # a filter's, a query's
                continue
            allowed = template["Parameters"][name].get("AllowedValues", [value])
            assert value in map(str, allowed)
    every = set().union(*(template["Parameters"] for template in TEMPLATES.values()))
    for name in re.findall(r"`([A-Z][a-z]\w+)=", TEXT):
        assert name in every


def test_the_task_that_trains_is_one_that_ecs_takes(tmp_path: Path) -> None:
    """What the shell writes has the right shape, and is about the bucket."""
    (block,) = (block for block in BLOCKS if "training.json" in block)
    written = re.search(r"^cat >training.json.*?^END$", block, re.DOTALL | re.MULTILINE)
    assert written
    variables = os.environ | {"ACCOUNT": "123456789012", "ROLE": "trains", "BUCKET": "shop"}
    subprocess.run(["bash", "-c", written[0]], cwd=tmp_path, env=variables, check=True)
    overrides = (tmp_path / "training.json").read_text()
    run = ["ecs", "run-task", "--task-definition", "x", "--overrides", overrides]
    assert list_complaints([run]) == []
    command = " ".join(json.loads(overrides)["containerOverrides"][0]["command"])
    assert "python train.py" in command
    assert "s3://shop/data/" in command


def test_every_output_and_resource_is_one_of_the_template() -> None:
    """Those that commands ask for."""
    template = TEMPLATES["ecs.yaml"]
    request = re.findall(r"OutputKey=='(\w+)'|\(output (\w+)\)", TEXT)
    assert request
    assert {"".join(pair) for pair in request} <= set(template["Outputs"])
    assert set(re.findall(r"--logical-resource-id (\w+)", TEXT)) <= set(template["Resources"])


def test_every_option_of_the_program_is_one_that_it_has() -> None:
    """And every exit status that the text speaks of."""
    completed = subprocess.run(
        [sys.executable, PROGRAM, "--help"], capture_output=True, text=True, check=True
    )
    options = set(re.findall(r"--[a-z-]+", completed.stdout))
    used = {word for call in commands(PROGRAM) for word in call if word.startswith("--")}
    assert {"--tag", "--minimal", "--dry-run"} <= used <= options
    statuses = set(re.findall(r"^  (\d+) ", completed.stdout, re.MULTILINE))
    table = TEXT.partition("| status |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| (\d+) \|", table, re.MULTILINE)) == statuses


def test_every_file_that_is_named_is_there() -> None:
    """Below deploy, data and scripts."""
    named = set(re.findall(r"\b(?:deploy|data|docs)/[\w./-]+\.\w+", TEXT))
    assert "deploy/ecs.yaml" in named
    assert [name for name in named if not (ROOT / name).exists()] == []


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    """By the name that Git hosts give to it."""
    headings = {
        re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")
        for heading in re.findall(r"^#+ (.+)$", TEXT, re.MULTILINE)
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", TEXT)) <= headings
