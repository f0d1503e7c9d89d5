"""How a deployment can end other than well: one exception for each exit status.

A status says what runs afterwards, a message why. Nothing here prints or exits.
"""

from __future__ import annotations


class DeploymentError(Exception):
    """A deployment that did not end as asked for; the message is a sentence for a person."""

    status = 1


class NotStartedError(DeploymentError):
    """A build, a push, a question or a permission failed before the service was touched."""


class QuestionError(NotStartedError):
    """A question that has no answer, which is never taken for one."""


class ArgumentsError(DeploymentError):
    """Arguments, environment, work tree or tools do not do; nothing was changed."""

    status = 2


class RolledBackError(DeploymentError):
    """CloudFormation could not do it and went back: what ran before runs."""

    status = 3


class SmokeTestError(DeploymentError):
    """The new service answered wrongly: what ran before runs."""

    status = 4


class GoingBackError(DeploymentError):
    """Going back failed: the stack needs a person."""

    status = 5


class UnknownOutcomeError(DeploymentError):
    """A change was asked for, and what came of it could not be found out."""

    status = 6


class InterruptionError(DeploymentError):
    """Somebody interrupted the program before the service was touched."""

    status = 130
