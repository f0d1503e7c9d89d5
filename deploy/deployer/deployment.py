"""The order of a deployment's steps. What each does is in the modules beside this one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from deployer import change, images, network
from deployer.aws import Aws, asking
from deployer.builder import Builder, find_builder
from deployer.change import State
from deployer.errors import (
    ArgumentsError,
    NotStartedError,
    QuestionError,
    SmokeTestError,
    UnknownOutcomeError,
)
from deployer.operation import Operation, Pace, find_newest_event
from deployer.reporting import say, would
from deployer.smoke import SmokeTest, read_smoke_test
from deployer.stack import Stack, check_ready, find_stack, read_deployed_template
from deployer.task import task_address
from deployer.template import Template, read_template
from deployer.traffic import TestTraffic

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


class Deployment:
    """One run of the program.

    Parameters
    ----------
    options : Options
    environment : mapping
    root : Path
        The checkout that is deployed.
    pace : Pace
    """

    def __init__(
        self, options: Options, environment: Mapping[str, str], root: Path, pace: Pace
    ) -> None:
        self._options, self._environment, self._root, self._pace = options, environment, root, pace
        self._aws = Aws(environment.get("AWS_REGION"))
        self._requested = dict(options.parameters)

    def run(self) -> None:
        """Do all of it.

        Raises
        ------
        DeploymentError
            If what was asked for does not run afterwards.
        """
        self._check_arguments()
        with asking("no access to AWS"):
            self._aws.sts.get_caller_identity()["Account"]
        before = self._find_or_make()
        tag = self._provide_image(before)
        if self._options.dry_run:
            would(f"update the stack {before.stack.name} with ImageTag={tag}")
        else:
            self._deploy(before, tag)

    # --- Before AWS is asked ---------------------------------------------------------------

    def _check_arguments(self) -> None:
        """Look at all that can be wrong here, and at what tools and work tree have."""
        if "AllowedCidr" in self._requested:
            cidr = network.normalise_range(self._requested["AllowedCidr"])
            self._requested["AllowedCidr"] = cidr
        self._template.check(self._requested)
        if self._options.tag is not None:
            if not self._options.tag:
                raise ArgumentsError("--tag needs the tag of an image")
            self._template.check({"ImageTag": self._options.tag})
        else:
            _ = self._builder, self._revision
        _ = self._smoke_test

    @cached_property
    def _template(self) -> Template:
        name = "ecs-minimal.yaml" if self._options.minimal else "ecs.yaml"
        return read_template(self._root / "deploy" / name)

    @cached_property
    def _smoke_test(self) -> SmokeTest:
        return read_smoke_test(self._environment)

    @cached_property
    def _builder(self) -> Builder:
        return Builder(find_builder(self._environment), dry_run=self._options.dry_run)

    @cached_property
    def _revision(self) -> images.Revision:
        return images.find_revision(self._root, allow_dirty=self._options.allow_dirty)

    # --- The stack -------------------------------------------------------------------------

    def _find_or_make(self) -> State:
        stack = find_stack(self._aws, self._options.stack)
        if stack is None:
            return State(self._make(), self._template)
        check_ready(stack)
        before = State(stack, read_deployed_template(self._aws, stack))
        self._check_change(before)
        return before

    def _make(self) -> Stack:
        """Make the stack without the service: there is no image before there is a repository."""
        if self._options.tag:
            raise ArgumentsError(f"there is no stack {self._options.stack}, and so no image")
        if "AllowedCidr" not in self._requested:
            raise ArgumentsError("a new stack needs AllowedCidr=..., who may connect")
        self._requested.setdefault("Architecture", images.architecture_here())
        self._requested |= network.choose_network(self._aws, self._requested) | {
            name: self._requested[name] for name in NETWORK if name in self._requested
        }
        self._check_parameters({})
        parameters = self._requested | {"ImageTag": ""}
        policy = (self._root / "deploy/stack-policy.json").read_text(encoding="utf-8")
        if self._options.dry_run:
            would(f"make the stack {self._options.stack}: {_spell(self._requested)}")
            repository = {"RepositoryUri": f"REGISTRY/{self._options.stack}"}
            return Stack(self._options.stack, "CREATE_COMPLETE", parameters, repository)
        say(f"making the stack {self._options.stack}, without the service; about 4 minutes")
        return change.create(
            Operation(self._aws, self._options.stack, self._pace, None),
            self._aws.cloudformation.create_stack,
            TemplateBody=self._template.text,
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in parameters.items()
            ],
            StackPolicyBody=policy,
        )

    def _check_change(self, before: State) -> None:
        """Refuse what would change more than is said."""
        if before.template.has_load_balancer != self._template.has_load_balancer:
            made = "without" if before.template.has_load_balancer else "with"
            raise ArgumentsError(
                f"the stack {before.stack.name} was made {made} --minimal; the other template "
                "would delete what it has: take another --stack"
            )
        self._check_parameters(before.stack.parameters)

    def _check_parameters(self, known: Mapping[str, str]) -> None:
        """Check the parameters as the stack will have them, all together."""
        later = {**known, **self._requested}
        missing = self._template.missing(later)
        if missing:
            raise ArgumentsError(f"{', '.join(missing)} has no default, and is not given")
        encrypted = self._template.has_load_balancer and bool(later.get("CertificateArn"))
        network.check_exposure(later["AllowedCidr"], encrypted=encrypted)
        if any(name in self._requested for name in NETWORK):
            balanced = self._template.has_load_balancer
            network.check_network(self._aws, later, balanced=balanced)

    # --- The image -------------------------------------------------------------------------

    def _provide_image(self, before: State) -> str:
        """Return the tag of an image that is in the repository and can run on the stack."""
        stack = before.stack
        architecture = self._architecture(stack)
        tag = self._options.tag or self._revision.tag(self._target(stack), architecture)
        image = f"{stack.output('RepositoryUri')}:{tag}"
        if self._is_ready(stack, tag, architecture):
            say(f"{tag} is in the repository")
        elif self._options.tag:
            raise ArgumentsError(f"there is no image {tag} in {stack.output('RepositoryUri')}")
        else:
            self._builder.build(
                self._root, image, self._revision, self._target(stack), architecture
            )
            self._builder.push(self._aws, image)
            self._check_unchanged(before)
        return tag

    def _architecture(self, stack: Stack) -> str:
        default = self._template.default("Architecture") or ""
        return self._requested.get("Architecture", stack.parameters.get("Architecture", default))

    def _target(self, stack: Stack) -> str:
        return self._options.target or images.target_of(stack.image_tag)

    def _is_ready(self, stack: Stack, tag: str, architecture: str) -> bool:
        """Return whether an image is there; raise, if it is and could not run."""
        if "/" not in stack.output("RepositoryUri") or "ClusterName" not in stack.outputs:
            return False  # a dry run's stack, which is not there
        repository = stack.output("RepositoryUri").partition("/")[2]
        manifest = images.find_manifest(self._aws, repository, tag)
        runs_already = (tag, architecture) == (
            stack.image_tag,
            stack.parameters.get("Architecture"),
        )
        if manifest is not None and not runs_already:
            images.check_processors(self._aws, repository, tag, manifest, architecture)
        return manifest is not None

    def _check_unchanged(self, before: State) -> None:
        """Refuse to go on if somebody changed the stack while the image was built."""
        if self._options.dry_run:
            return
        now = find_stack(self._aws, before.stack.name)
        if now is None or now.parameters != before.stack.parameters:
            raise NotStartedError("somebody changed the stack meanwhile; deploy again")
        check_ready(now)

    # --- The service -----------------------------------------------------------------------

    def _deploy(self, before: State, tag: str) -> None:
        requested = self._requested | {"ImageTag": tag}
        last = find_newest_event(self._aws, before.stack.name)
        operation = Operation(self._aws, before.stack.name, self._pace, last)
        try:
            self._update(operation, before, tag, requested)
        except KeyboardInterrupt:
            raise UnknownOutcomeError(
                f"interrupted; {before.stack.name} has {tag} or what it had before: aws "
                f"cloudformation describe-stacks --stack-name {before.stack.name} says which"
            ) from None

    def _update(
        self, operation: Operation, before: State, tag: str, requested: Mapping[str, str]
    ) -> None:
        traffic = self._traffic(self._smoke_test if self._options.smoke else None)
        say(f"deploying {tag}; some minutes")
        stack = change.update(
            operation,
            self._aws.cloudformation.update_stack,
            traffic,
            before,
            tag,
            TemplateBody=self._template.text,
            Parameters=change.update_parameters(self._template, before.stack, requested),
        )
        if stack is None:
            say(f"nothing to change: {tag} runs already")
        live = stack or before.stack
        complaint = self._ask_live(live) if self._options.smoke else None
        if complaint is None:
            say(f"{tag} is deployed{self._where(live)}")
        elif stack is None:
            raise SmokeTestError(f"{complaint}; nothing was changed, {tag} ran before")
        else:
            self._go_back(operation, before, requested, complaint)

    def _traffic(self, smoke_test: SmokeTest | None) -> TestTraffic:
        prefix = self._template.verdict_prefix(self._options.stack)
        return TestTraffic(self._aws, smoke_test, prefix)

    def _ask_live(self, stack: Stack) -> str | None:
        """Return what is wrong with the service, or None."""
        given = self._environment.get("SMOKE_URL")
        url = given or stack.outputs.get("Url")
        say(f"asking {url or 'the task'}")
        try:
            complaint = self._smoke_test.complaint(
                lambda: url or task_address(self._aws, stack),
                # The certificate is for the name that people use, which is not known here.
                any_name=not given,
            )
        except KeyboardInterrupt:
            complaint = "it was interrupted"
        return complaint and f"the smoke test failed: {complaint}"

    def _where(self, stack: Stack) -> str:
        url = self._environment.get("SMOKE_URL") or stack.outputs.get("Url")
        try:
            return f": {url or task_address(self._aws, stack)}"
        except (QuestionError, NotStartedError):
            return ""

    def _go_back(
        self, operation: Operation, before: State, requested: Mapping[str, str], complaint: str
    ) -> None:
        change.go_back(
            operation.next(),
            self._aws.cloudformation.update_stack,
            self._traffic(None),
            before,
            complaint,
            TemplateBody=before.template.text,
            Parameters=change.restoring_parameters(before, self._template, requested),
        )


def _spell(parameters: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())
