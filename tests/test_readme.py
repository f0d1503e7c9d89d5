"""What the README shows is what the service does."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
from typing import Any

import pytest

from tests.support.servers import Server
from tests.support.shipped import ROOT

README = (ROOT / "README.md").read_text()
EXAMPLES = re.findall(r"```console\n\$ (curl [^\n]+)\n(.*?)\n```", README, re.DOTALL)


def without_version(answer: dict[str, Any]) -> dict[str, Any]:
    """Leave out what every training changes."""
    return answer | {"model": answer["model"]["study"]} if "model" in answer else answer


def test_there_are_examples() -> None:
    """A survey, a household without purchases, an explanation, a customer's orders, an error."""
    assert len(EXAMPLES) == 5


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
@pytest.mark.parametrize(
    ("command", "shown"), EXAMPLES, ids=["survey", "household", "explain", "orders", "error"]
)
def test_every_example_answers_what_is_shown(server: Server, command: str, shown: str) -> None:
    """The command is run as it stands there, against a port of ours."""
    arguments = shlex.split(command.replace("localhost:9696", f"127.0.0.1:{server.port}"))
    answer = subprocess.run(arguments, capture_output=True, check=True).stdout
    assert without_version(json.loads(answer)) == without_version(json.loads(shown))


@pytest.mark.parametrize("file", ["README.md", "deployment_instructions.md"])
def test_every_link_to_a_file_leads_somewhere(file: str) -> None:
    """Inside the repository."""
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / file).read_text())
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_module_in_the_map_exists() -> None:
    """Renaming one means changing the map."""
    for name in re.findall(r"^\| `([^`]+)`", README, re.MULTILINE):
        if "/" in name and not name.startswith(("GET", "POST")):
            assert (ROOT / name).exists(), name


def test_every_make_target_is_explained() -> None:
    """``make help`` lists all of them."""
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.*)", makefile, re.MULTILINE)
    assert phony
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True)
    for target in phony[1].split():
        assert f"make {target}" in listed.stdout
