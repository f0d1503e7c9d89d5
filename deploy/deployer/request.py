"""What is asked for: the command line, the environment and the checkout, checked without AWS."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from deployer import images, network
from deployer.aws import Aws
from deployer.builder import Builder, find_builder
from deployer.errors import ArgumentsError
from deployer.smoke import SmokeTest, read_smoke_test
from deployer.stack import Stack
from deployer.template import Template, read_template

NETWORK = ("VpcId", "Subnets", "TaskSubnets")


@dataclass(frozen=True)
class Options:
    """What the command line says.

    Attributes
    ----------
    parameters : dict
        The template's, as they were given.
    """

    stack: str = "segmentation"
    minimal: bool = False
    tag: str | None = None
    target: str | None = None
    allow_dirty: bool = False
    smoke: bool = True
    dry_run: bool = False
    parameters: dict[str, str] = field(default_factory=dict)


class Request:
    """One deployment, as somebody wants it.

    Parameters
    ----------
    options : Options
    environment : mapping
    root : Path
        The checkout that is deployed.

    Attributes
    ----------
    parameters : dict
        The template's that are given, or follow for a new stack.
    smoke_url : str or None
        Where the service is asked, if somebody says so.
    """

    def __init__(self, options: Options, environment: Mapping[str, str], root: Path) -> None:
        self.options, self.root = options, root
        self.parameters = dict(options.parameters)
        self.smoke_url = environment.get("SMOKE_URL")
        self._environment = environment

    @cached_property
    def template(self) -> Template:
        """The template that is deployed."""
        name = "ecs-minimal.yaml" if self.options.minimal else "ecs.yaml"
        return read_template(self.root / "deploy" / name)

    @cached_property
    def smoke_test(self) -> SmokeTest:
        """What the service is asked."""
        return read_smoke_test(self._environment)

    @cached_property
    def builder(self) -> Builder:
        """What builds the image, if one is built."""
        return Builder(find_builder(self._environment), dry_run=self.options.dry_run)

    @cached_property
    def revision(self) -> images.Revision:
        """What the image is built from."""
        return images.find_revision(self.root, allow_dirty=self.options.allow_dirty)

    def check(self) -> None:
        """Look at all that can be wrong here, and at what tools and work tree have."""
        if "AllowedCidr" in self.parameters:
            self.parameters["AllowedCidr"] = network.normalise_range(self.parameters["AllowedCidr"])
        self.template.check(self.parameters)
        if self.options.tag is not None:
            if not self.options.tag:
                raise ArgumentsError("--tag needs the tag of an image")
            self.template.check({"ImageTag": self.options.tag})
        else:
            _ = self.builder, self.revision
        _ = self.smoke_test

    def complete(self, aws: Aws) -> None:
        """Add what a new stack needs: an architecture, and where it goes."""
        if self.options.tag:
            raise ArgumentsError(f"there is no stack {self.options.stack}, and so no image")
        if "AllowedCidr" not in self.parameters:
            raise ArgumentsError("a new stack needs AllowedCidr=..., who may connect")
        self.parameters.setdefault("Architecture", images.architecture_here())
        for name, value in network.choose_network(aws, self.parameters).items():
            self.parameters.setdefault(name, value)

    def check_together(self, aws: Aws, before: Mapping[str, str]) -> None:
        """Check the parameters as the stack will have them, with those that it has."""
        later = {**before, **self.parameters}
        missing = self.template.missing(later)
        if missing:
            raise ArgumentsError(f"{', '.join(missing)} has no default, and is not given")
        balanced = self.template.has_load_balancer
        encrypted = balanced and bool(later.get("CertificateArn"))
        network.check_exposure(later["AllowedCidr"], encrypted=encrypted)
        if any(name in self.parameters for name in NETWORK):
            network.check_network(aws, later, balanced=balanced)

    def architecture(self, stack: Stack) -> str:
        """Return what the image is built for; left out, it stays as the stack has it."""
        default = self.template.default("Architecture") or ""
        return self.parameters.get("Architecture", stack.parameters.get("Architecture", default))

    def target(self, stack: Stack) -> str:
        """Return which image is built; left out, it stays as the stack has it."""
        return self.options.target or images.target_of(stack.image_tag)
