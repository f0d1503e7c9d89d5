"""The order of a deployment's steps: stack, image, service. What each does is in other modules."""

from __future__ import annotations

from collections.abc import Mapping

from deployer import change, images
from deployer.aws import Aws
from deployer.change import State
from deployer.errors import ArgumentsError, NotStartedError
from deployer.operation import Operation, Pace
from deployer.reporting import say, would
from deployer.request import Request
from deployer.rollout import Rollout
from deployer.stack import Stack, check_ready, find_stack, read_deployed_template


def deploy(request: Request, aws: Aws, pace: Pace) -> None:
    """Do all of it.

    Raises
    ------
    DeploymentError
        If what was asked for does not run afterwards.
    """
    request.check()
    aws.check_access()
    before = _find_or_make(request, aws, pace)
    tag = _provide_image(request, aws, before)
    if request.options.dry_run:
        would(f"update the stack {before.stack.name} with ImageTag={tag}")
    else:
        Rollout(aws, request, pace, before, tag).run()


def _find_or_make(request: Request, aws: Aws, pace: Pace) -> State:
    stack = find_stack(aws, request.options.stack)
    if stack is None:
        request.complete(aws)
        request.check_together(aws, {})
        make = _pretend_to_make if request.options.dry_run else _make
        return State(make(request, aws, pace), request.template)
    check_ready(stack)
    before = State(stack, read_deployed_template(aws, stack))
    _check_kind(request, before)
    request.check_together(aws, stack.parameters)
    return before


def _make(request: Request, aws: Aws, pace: Pace) -> Stack:
    """Make the stack without the service: there is no image before there is a repository."""
    name = request.options.stack
    say(f"making the stack {name}, without the service; about 4 minutes")
    policy = request.root / "deploy/stack-policy.json"
    return change.create(
        Operation(aws, name, pace, None),
        aws.cloudformation.create_stack,
        TemplateBody=request.template.text,
        Parameters=[
            {"ParameterKey": key, "ParameterValue": value}
            for key, value in (request.parameters | {"ImageTag": ""}).items()
        ],
        StackPolicyBody=policy.read_text(encoding="utf-8"),
    )


def _pretend_to_make(request: Request, _aws: Aws, _pace: Pace) -> Stack:
    name, parameters = request.options.stack, request.parameters
    would(f"make the stack {name}: {_spell(parameters)}")
    outputs = {"RepositoryUri": f"REGISTRY/{name}"}
    return Stack(name, "CREATE_COMPLETE", parameters | {"ImageTag": ""}, outputs)


def _check_kind(request: Request, before: State) -> None:
    """Refuse one template in the place of the other."""
    if before.template.has_load_balancer == request.template.has_load_balancer:
        return
    option = "without" if before.template.has_load_balancer else "with"
    raise ArgumentsError(
        f"the stack {before.stack.name} was made {option} --minimal; the other template would "
        "delete what it has: take another --stack"
    )


def _provide_image(request: Request, aws: Aws, before: State) -> str:
    """Return the tag of an image that is in the repository and can run on the stack."""
    stack = before.stack
    repository, architecture = stack.output("RepositoryUri"), request.architecture(stack)
    target = request.target(stack)
    tag = request.options.tag or request.revision.tag(target, architecture)
    if _is_there(aws, stack, tag, architecture):
        say(f"{tag} is in the repository")
    elif request.options.tag:
        raise ArgumentsError(f"there is no image {tag} in {repository}")
    else:
        image = f"{repository}:{tag}"
        request.builder.build(request.root, image, request.revision, target, architecture)
        request.builder.push(aws, image)
        if not request.options.dry_run:
            _check_unchanged(aws, stack)
    return tag


def _is_there(aws: Aws, stack: Stack, tag: str, architecture: str) -> bool:
    """Return whether an image is in the repository; raise, if it is and could not run."""
    registry, _, repository = stack.output("RepositoryUri").partition("/")
    if registry == "REGISTRY":
        return False  # a dry run's stack, which is not there either
    manifest = images.find_manifest(aws, repository, tag)
    if manifest is None:
        return False
    if (tag, architecture) != (stack.image_tag, stack.parameters.get("Architecture")):
        images.check_processors(aws, repository, tag, manifest, architecture)
    return True


def _check_unchanged(aws: Aws, before: Stack) -> None:
    """Refuse to go on if somebody changed the stack while the image was built."""
    now = find_stack(aws, before.name)
    if now is None or now.parameters != before.parameters:
        raise NotStartedError("somebody changed the stack meanwhile; deploy again")
    check_ready(now)


def _spell(parameters: Mapping[str, str]) -> str:
    return " ".join(f"{name}={value}" for name, value in parameters.items())
