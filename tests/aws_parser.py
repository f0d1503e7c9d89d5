"""Checks AWS commands with the AWS CLI's own parser, and runs none of them.

``python -m tests.aws_parser`` reads a JSON list of argument lists, and prints for each what is
wrong with it, or null. A process of its own: the AWS CLI is a program, not a library.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from typing import Any

from awscli import clidriver
from awscli.botocore.validate import ParamValidator
from awscli.customizations import waiters
from awscli.customizations.commands import BasicCommand


def _validated(_: Any, service: str, operation: str, parameters: Any, globals_: Any) -> int:
    session = clidriver.create_clidriver().session
    model = session.get_service_model(service)
    names = {name.replace("_", ""): name for name in model.operation_names}
    shape = model.operation_model(names[operation.replace("_", "")]).input_shape
    report = ParamValidator().validate(parameters, shape)
    if report.has_errors():
        raise ValueError(report.generate_report())
    return 0


def _nothing(*_: Any, **__: Any) -> int:
    return 0


def _commands(kind: type) -> list[type]:
    return [kind, *(one for child in kind.__subclasses__() for one in _commands(child))]


def check(arguments: list[str]) -> str | None:
    """Return what the AWS CLI says against a command."""
    driver = clidriver.create_clidriver()
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(said):
        # Those commands that aren't plain operations are loaded when they are looked up.
        table = driver._get_command_table()
        if arguments and arguments[0] in table:
            with contextlib.suppress(Exception):
                list(getattr(table[arguments[0]], "_get_command_table", dict)())
        for command in _commands(BasicCommand):
            if "_run_main" in vars(command) and command is not BasicCommand:
                command._run_main = _run_main(command._run_main)  # type: ignore[attr-defined]
        try:
            status = driver.main(arguments)
        except SystemExit as stopped:
            status = int(stopped.code or 0)
    return None if status == 0 else said.getvalue().strip().splitlines()[-1]


def _run_main(original: Any) -> Any:
    """Leave out what a command does, unless what it does is to look for a subcommand."""
    if getattr(original, "left_out", False):
        return original

    def run(self: Any, parsed_args: Any, parsed_globals: Any) -> int:
        if getattr(self, "subcommand_table", None) and getattr(parsed_args, "subcommand", None):
            return int(original(self, parsed_args, parsed_globals))
        return 0

    run.left_out = True  # type: ignore[attr-defined]
    return run


if __name__ == "__main__":
    os.environ.setdefault("AWS_DEFAULT_REGION", "us-east-1")
    clidriver.CLIOperationCaller.invoke = _validated
    waiters.WaiterCaller.invoke = _nothing
    sys.stdout.write(json.dumps([check(command) for command in json.load(sys.stdin)]))
