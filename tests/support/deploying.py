"""What tests of deploy/deploy.py need: a checkout, an account with a stack, and what runs on it."""

from __future__ import annotations

import importlib.util
import json
import shutil
import subprocess
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from deployer.operation import Pace

from tests.support.cloud import Cloud
from tests.support.faults import Plan, Proxy
from tests.support.shipped import ROOT

STACK = "segmentation"
CIDR = "AllowedCidr=203.0.113.7/32"
SMALL = ROOT / "tests/support/small.yaml"
FAST = Pace(interval=0.02, patience=0.3, limit=60)
"""The account on this machine is done with a change before it answers."""


def load_program() -> ModuleType:
    """Return deploy/deploy.py as a module."""
    specification = importlib.util.spec_from_file_location(
        "deploy_program", ROOT / "deploy/deploy.py"
    )
    assert specification
    assert specification.loader
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


def git(folder: Path, *arguments: str) -> str:
    """Run git as nobody in particular."""
    who = ["-c", "user.name=test", "-c", "user.email=test@example.com"]
    completed = subprocess.run(
        ["git", *who, *arguments], cwd=folder, capture_output=True, text=True, check=True
    )
    return completed.stdout.strip()


def make_checkout(folder: Path, template: Path | None = None) -> Path:
    """Make a repository with the project's deploy folder and an image of one file.

    With `template` it is the minimal one there.
    """
    checkout = folder / "checkout"
    without_caches = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "deploy", checkout / "deploy", ignore=without_caches)
    if template:
        shutil.copy(template, checkout / "deploy/ecs-minimal.yaml")
    (checkout / ".gitignore").write_text("__pycache__\n")
    (checkout / "Dockerfile").write_text(
        "FROM scratch AS serve\nARG REVISION\nARG VERSION\nCOPY hello /\nFROM serve AS full\n"
    )
    (checkout / "hello").write_text("hello")
    git(checkout, "init", "--quiet")
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--message", "first")
    return checkout


def commit(checkout: Path, text: str) -> str:
    """Change the image; return the first twelve digits of the revision."""
    (checkout / "hello").write_text(text)
    git(checkout, "add", "--all")
    git(checkout, "commit", "--quiet", "--allow-empty", "--message", text)
    return git(checkout, "rev-parse", "HEAD")[:12]


def make_builder(folder: Path) -> Path:
    """Make a program that writes down how it is called, and builds nothing."""
    builder = folder / "builder"
    builder.write_text(
        f'#!/bin/sh\necho "$@" >>{folder}/calls\n[ "$1" != login ] || cat >/dev/null\n'
    )
    builder.chmod(0o755)
    return builder


@dataclass(frozen=True)
class Account:
    """The account, asked directly, past every proxy."""

    cloud: Cloud

    def reset(self) -> None:
        """Make it empty but for the default VPC."""
        address = self.cloud.environment["AWS_ENDPOINT_URL"] + "/moto-api/reset"
        request = urllib.request.Request(address, method="POST")
        with urllib.request.urlopen(request, timeout=60) as answer:
            assert answer.status == 200

    def make_stack(self, template: Path, tag: str, **parameters: str) -> None:
        """Make a stack that runs an image, or none."""
        parameters_value = self.cloud.network() | {"AllowedCidr": "203.0.113.7/32", "ImageTag": tag}
        self.cloud.client("cloudformation").create_stack(
            StackName=STACK,
            TemplateBody=template.read_text(),
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in (parameters_value | parameters).items()
            ],
            Capabilities=["CAPABILITY_IAM"],
        )

    def update_stack(self, **parameters: str) -> None:
        """Change parameters of the stack."""
        self.cloud.client("cloudformation").update_stack(
            StackName=STACK,
            UsePreviousTemplate=True,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": parameters[name]}
                if name in parameters
                else {"ParameterKey": name, "UsePreviousValue": True}
                for name in [*self.cloud.network(), "AllowedCidr", *parameters]
            ],
            Capabilities=["CAPABILITY_IAM"],
        )

    def stacks(self) -> list[dict[str, Any]]:
        """Return the stacks that there are."""
        return list(self.cloud.client("cloudformation").describe_stacks()["Stacks"])

    def parameters(self) -> dict[str, str]:
        """Return what the stack was deployed with."""
        (stack,) = self.stacks()
        return {pair["ParameterKey"]: pair["ParameterValue"] for pair in stack["Parameters"]}

    def running(self) -> str:
        """Return the tag of the image that the service runs; nothing, if there is no service.

        It is the stack's word: moto loses the image of a task definition that it updates.
        """
        return self.parameters()["ImageTag"] if self.stacks() else ""

    def services(self) -> int:
        """Return how many services there are."""
        ecs = self.cloud.client("ecs")
        clusters = ecs.list_clusters()["clusterArns"]
        return sum(len(ecs.list_services(cluster=name)["serviceArns"]) for name in clusters)

    def put_image(self, tag: str, manifest: dict[str, Any]) -> None:
        """Tell the account's registry of an image."""
        self.cloud.client("ecr").put_image(
            repositoryName=STACK, imageManifest=json.dumps(manifest), imageTag=tag
        )


@dataclass
class Place:
    """A checkout, and the account that it is deployed to.

    Attributes
    ----------
    program : module
    checkout : Path
        Its minimal template is the small one.
    account : Account
    proxy : Proxy
        What the program takes for AWS.
    builder : Path
        What the program takes for a builder.
    """

    program: ModuleType
    checkout: Path
    account: Account
    proxy: Proxy
    builder: Path

    def begin(self, tag: str) -> None:
        """Make the account as it is before a deployment: with a service, or empty."""
        self.proxy.reset()
        self.account.reset()
        if tag:
            self.account.make_stack(SMALL, tag)

    def deploy(self, *arguments: str, plan: Plan | None = None, template: str = "--minimal") -> int:
        """Run the program, with calls that fail as planned; return its exit status."""
        if plan:
            self.proxy.reset(plan)
        words = [*([template] if template else []), "--stack", STACK, *arguments]
        try:
            return int(self.program.main(words, self.checkout, FAST))
        except SystemExit as ended:
            return int(ended.code or 0)

    def builds(self) -> list[str]:
        """Return how the builder was called."""
        calls = self.builder.with_name("calls")
        return calls.read_text().splitlines() if calls.exists() else []

    def forget_builds(self) -> None:
        """Forget how the builder was called."""
        self.builder.with_name("calls").unlink(missing_ok=True)


def index_of(*architectures: str) -> dict[str, Any]:
    """Return the index of an image for some architectures, as builders push it."""
    manifests = [
        {
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "digest": "sha256:" + f"{number}" * 64,
            "size": 1,
            "platform": {"os": "linux", "architecture": architecture},
        }
        for number, architecture in enumerate([*architectures, "unknown"])
    ]
    return {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": manifests,
    }


MANIFEST = {
    "schemaVersion": 2,
    "mediaType": "application/vnd.oci.image.manifest.v1+json",
    "config": {"digest": "sha256:" + "c" * 64, "size": 1},
    "layers": [],
}
"""An image of one architecture; only its configuration says which."""
