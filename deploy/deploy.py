#!/usr/bin/env python3
"""Build the image of this revision, push it, deploy it, and ask it something before it counts.

What ran before runs again if it does not answer right. This file is the command line; the steps are
in deploy/deployer.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    from deployer.operation import Pace

DESCRIPTION = """\
Builds the image of this revision, pushes it, deploys it, asks it something, and goes back to what
ran before if it does not answer right."""

EPILOG = """\
Parameters are the template's. Those that are left out stay as they are, the architecture too. A
new stack needs AllowedCidr, and takes two subnets of the default VPC unless Subnets says otherwise.

environment:
  AWS's own (AWS_REGION, AWS_PROFILE, AWS_ENDPOINT_URL ...)
  BUILDER          docker, podman or buildah (default: the first that is installed)
  SMOKE_URL        where the service is asked at the end (default: the stack's address)
  SMOKE_SECONDS    how long it may take to get ready (default: 120)
  SMOKE_PATH, SMOKE_RECORD, SMOKE_SEGMENT
                   a record, and the segment that it has to get

exit status:
  0    what was asked for runs
  1    a build, a push, a question or a permission failed; nothing was changed
  2    wrong arguments, environment, work tree or tools; nothing was changed
  3    the deployment failed, and CloudFormation went back: what ran before runs
  4    the smoke test failed: what ran before runs
  5    going back failed: the stack needs a person
  6    a change was asked for and it is not known what came of it; the message says how to find out
  130  interrupted before anything was changed
Interrupted while the stack is changed, it goes back, which is 3 or 4.
"""

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = "pip install --no-deps --require-hashes -r deploy/requirements.txt"


def main(
    arguments: Sequence[str] | None = None, root: Path = ROOT, pace: Pace | None = None
) -> int:
    """Run the program; return its exit status.

    Parameters
    ----------
    arguments : sequence of str, optional
        Without it, the command line's.
    root : Path
        The checkout that is deployed.
    pace : Pace, optional
        How often AWS is asked.
    """
    if sys.version_info < (3, 11):  # noqa: UP036  # the one file that an older Python can read
        return _fail(2, "Python 3.11 or newer is needed")
    options = _parse(sys.argv[1:] if arguments is None else arguments)
    try:
        from deployer.aws import Aws
        from deployer.deployment import deploy
        from deployer.errors import DeploymentError
        from deployer.operation import Pace as DefaultPace
        from deployer.request import Options, Request
    except ModuleNotFoundError as error:
        return _fail(2, f"{error.name} is not installed; {PACKAGES}")
    try:
        with _interruptible():
            request = Request(Options(**options), os.environ, root)
            deploy(request, Aws(os.environ.get("AWS_REGION")), pace or DefaultPace())
    except DeploymentError as error:
        return _fail(error.status, str(error))
    except KeyboardInterrupt:
        return _fail(130, "interrupted; the service was not changed")
    except Exception as error:  # noqa: BLE001  # whatever it is, somebody has to be told what to do
        return _fail(
            6,
            f"a fault of this program ({error!r}); aws cloudformation describe-stacks "
            f"--stack-name {options['stack']} says what the stack has",
        )
    return 0


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong with the arguments, and end."""
        self.exit(2, f"deploy: {message}; --help lists what there is\n")


def _parse(arguments: Sequence[str]) -> dict[str, Any]:
    parser = _Parser(
        prog="deploy.py",
        description=DESCRIPTION,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument(
        "--stack",
        default="segmentation",
        metavar="NAME",
        help="the stack, made if there is none (default: segmentation)",
    )
    parser.add_argument(
        "--minimal", action="store_true", help="deploy/ecs-minimal.yaml instead of deploy/ecs.yaml"
    )
    parser.add_argument(
        "--target",
        choices=("full", "serve"),
        help="the image: full (API, pages, explanations, training) or serve (the "
        "API alone); default: as the stack has it, full for a new one",
    )
    parser.add_argument(
        "--tag", help="deploy an image that is in the repository, and build none: a rollback"
    )
    parser.add_argument(
        "--allow-dirty",
        action="store_true",
        help="build what is not committed, too; the tag says so",
    )
    parser.add_argument(
        "--no-smoke",
        action="store_false",
        dest="smoke",
        help="ask nothing: where this machine is not in AllowedCidr",
    )
    parser.add_argument(
        "--dry-run", action="store_true", help="change nothing; print what would be done"
    )
    parser.add_argument("parameters", nargs="*", metavar="PARAMETER=VALUE")  # fmt: skip
    options = vars(parser.parse_intermixed_args(arguments))
    if not re.fullmatch(r"[a-z][a-z0-9-]{0,63}", options["stack"]):
        parser.error("a stack's name has lower-case letters, digits and hyphens, as its repository")
    if options["tag"] is not None and options["target"]:
        parser.error("an image that is there has its target: --tag or --target, not both")
    return options | {"parameters": _parse_parameters(parser, options["parameters"])}


def _parse_parameters(parser: argparse.ArgumentParser, words: Sequence[str]) -> dict[str, str]:
    parameters: dict[str, str] = {}
    for word in words:
        name, equals, value = word.partition("=")
        if not equals or not re.fullmatch(r"[A-Z][A-Za-z0-9]*", name):
            parser.error(f"{word} is neither an option nor PARAMETER=VALUE")
        if name == "ImageTag":
            parser.error("the tag is the revision; an image that is there is chosen with --tag")
        if name in parameters:
            parser.error(f"{name} is given twice")
        parameters[name] = value
    return parameters


@contextmanager
def _interruptible() -> Iterator[None]:
    """Treat being told to end, or a terminal that is closed, as Ctrl-C."""

    def interrupt(_number: int, _frame: object) -> None:
        raise KeyboardInterrupt

    names = ("SIGTERM", "SIGHUP", "SIGBREAK")  # of which Windows has the last
    numbers = [getattr(signal, name) for name in names if hasattr(signal, name)]
    before = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _fail(status: int, sentence: str) -> int:
    print(f"deploy: {sentence}", file=sys.stderr)  # noqa: T201  # the program's own output
    return status


if __name__ == "__main__":
    sys.exit(main())
