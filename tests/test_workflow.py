"""The recipe for GitHub Actions, and the role in which it may deploy.

Nothing here runs on GitHub: linters read the workflow; what it calls is compared with what there
is.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.cloudformation import Stack, read_template
from tests.support.shipped import ROOT

WORKFLOW = ROOT / ".github/workflows/deploy.yml"
TEXT = WORKFLOW.read_text()
JOBS: dict[str, dict[str, Any]] = yaml.safe_load(TEXT)["jobs"]
SCRIPT = "\n".join(step.get("run", "") for job in JOBS.values() for step in job["steps"])
TEMPLATE = read_template(ROOT / "deploy/github-oidc.yaml")
GITHUB = "token.actions.githubusercontent.com"
PROVIDER = f"arn:aws:iam::123456789012:oidc-provider/{GITHUB}"
ROLE = Stack(TEMPLATE, {"Repository": "shop/segmentation"})["Role"]


def allowed() -> dict[str, list[str]]:
    """Return the actions that the role may do, with their resources."""
    actions: dict[str, list[str]] = {}
    for statement in ROLE["Policies"][0]["PolicyDocument"]["Statement"]:
        resources = statement["Resource"]
        for action in (
            [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
        ):
            actions[action] = [resources] if isinstance(resources, str) else resources
    return actions


@pytest.mark.parametrize(
    "linter",
    [
        ["actionlint", "-shellcheck", str(Path(sys.executable).with_name("shellcheck"))],
        ["zizmor", "--offline", "--no-progress", "--quiet", "--persona", "regular"],
    ],
    ids=lambda linter: linter[0],
)
def test_linters_of_workflows_have_nothing_to_say(linter: list[str]) -> None:
    """About its syntax, types, shell and permissions."""
    program, *options = linter
    command = [str(Path(sys.executable).with_name(program)), *options, str(WORKFLOW)]
    completed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert completed.returncode == 0, completed.stdout + completed.stderr


def test_a_wrong_workflow_would_be_found(tmp_path: Path) -> None:
    """By both linters: an unknown context, and an action by a tag with all permissions."""
    (tmp_path / ".github/workflows").mkdir(parents=True)
    faulty = tmp_path / ".github/workflows/deploy.yml"
    faulty.write_text(
        TEXT.replace("${{ vars.AWS_REGION }}", "${{ matrics.processor }}")
        .replace("permissions: {}\n", "permissions: write-all\n")
        .replace("faadad0cce49287aee09b3a48701e75088a2c6ad", "v4")
    )
    for program, *options in (["actionlint"], ["zizmor", "--offline", "--no-progress"]):
        command = [str(Path(sys.executable).with_name(program)), *options, str(faulty)]
        completed = subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=False
        )
        assert completed.returncode != 0, program


def test_every_action_is_pinned_by_commit() -> None:
    """With the version that it is of; the same action is the same everywhere."""
    used = re.findall(r"uses: (\S+)@(\S+)(.*)", TEXT)
    assert used
    for name, commit, comment in used:
        assert re.fullmatch(r"[0-9a-f]{40}", commit), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", comment), name
    assert len({name for name, *_ in used}) == len(set(used))


def test_nothing_is_deployed_that_was_not_tested_scanned_and_signed() -> None:
    """In this order, for both kinds of processors."""
    assert (JOBS["image"]["needs"], JOBS["deploy"]["needs"]) == ("test", "image")
    processors = [item["processor"] for item in JOBS["image"]["strategy"]["matrix"]["include"]]
    assert processors == ["amd64", "arm64"]
    names = [step["name"] for step in JOBS["image"]["steps"] if "name" in step]
    assert names == ["Build and push", "Scan Debian's packages", "Scan Python's packages", "Sign"]
    assert "cosign verify" in JOBS["deploy"]["steps"][-2]["run"]
    assert "deploy/deploy.py" in JOBS["deploy"]["steps"][-1]["run"]


def test_only_jobs_that_need_aws_can_have_its_role() -> None:
    """The tests of a change run its code: they get no token."""
    for name, job in JOBS.items():
        needs = "configure-aws-credentials" in str(job["steps"])
        assert (job["permissions"].get("id-token") == "write") is needs, name
        assert (job.get("environment") == "production") is needs, name
    assert not re.search(r"secrets\.", TEXT)


def test_what_it_calls_is_there() -> None:
    """Targets, scripts, locks and options."""
    assert re.search(r"^test:", (ROOT / "Makefile").read_text(), re.MULTILINE)
    for path in ("scripts/install-test-tools", "requirements.txt", "deploy/requirements.txt"):
        assert path in SCRIPT
        assert (ROOT / path).is_file()
    command = [sys.executable, str(ROOT / "deploy/deploy.py"), "--help"]
    help_text = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    (deploy,) = re.findall(r"deploy/deploy\.py (.*)", SCRIPT)
    for option in re.findall(r"--[a-z-]+", deploy):
        assert option in help_text


def test_the_role_is_for_one_environment_of_one_repository() -> None:
    """GitHub's provider is made, or the one that is there is taken."""
    (trust,) = ROLE["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Action"] == "sts:AssumeRoleWithWebIdentity"
    assert trust["Principal"] == {"Federated": "ref:Provider"}
    assert trust["Condition"] == {
        "StringEquals": {
            f"{GITHUB}:aud": "sts.amazonaws.com",
            f"{GITHUB}:sub": "repo:shop/segmentation:environment:production",
        }
    }
    remote = Stack(TEMPLATE, {"Repository": "shop/segmentation", "ProviderArn": PROVIDER})
    assert "Provider" not in remote.resources
    (trust,) = remote["Role"]["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Federated": PROVIDER}


@pytest.mark.parametrize("repository", ["shop", "shop/*", "*/*", "shop/a:ref", "shop/a/b", ""])
def test_the_role_is_not_for_repositories_by_pattern(repository: str) -> None:
    """Nor for something that would end the condition early."""
    pattern = TEMPLATE["Parameters"]["Repository"]["AllowedPattern"]
    assert not re.fullmatch(pattern, repository)


def test_the_role_may_do_what_the_workflow_asks_for() -> None:
    """Each command of the AWS CLI is an action of the same name; the waiter describes findings."""
    called = {
        f"{service}:{''.join(word.capitalize() for word in command.split('-'))}"
        for service, command in re.findall(r"aws (ecr) ([a-z-]+)", SCRIPT)
    }
    renamed = {"ecr:GetLoginPassword": "ecr:GetAuthorizationToken"}
    called = {renamed.get(action, action) for action in called} - {"ecr:Wait"}
    assert called <= set(allowed())


def test_the_role_may_do_nothing_to_other_stacks() -> None:
    """But for what AWS can't narrow: the registry's password, and task definitions."""
    for action, resources in allowed().items():
        assert "*" not in action
        if resources == ["*"]:
            assert action.startswith(("ecr:GetAuthorizationToken", "ecs:")), action
            assert action == "ecr:GetAuthorizationToken" or action.endswith("TaskDefinition")
        else:
            for resource in resources:
                assert re.search(r"[:/]segmentation(/|-|$)", resource), action
    assert not {action for action in allowed() if action.startswith(("s3:", "secretsmanager:"))}
