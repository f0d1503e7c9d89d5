"""Ways to ask AWS, and what it means when a question fails. What is asked is the other modules'."""

from __future__ import annotations

import http.client
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import urllib3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from botocore.parsers import ResponseParserError

from deployer.errors import QuestionError

FAILURES = (
    BotoCoreError,
    ClientError,
    ResponseParserError,
    urllib3.exceptions.HTTPError,
    http.client.HTTPException,
    OSError,
)
"""Whatever a call may raise when it fails: refused, not understood, not sent, or not answered."""

_MALFORMED = (LookupError, TypeError, ValueError, AttributeError)
_HTTP_REFUSALS = range(400, 500)


class Aws:
    """The account that the environment names; clients of its services are made when needed.

    Parameters
    ----------
    region : str or None
        ``AWS_REGION``, which the AWS CLI knows and boto3 does not; None leaves it to boto3.
    """

    def __init__(self, region: str | None) -> None:
        self._region = region or None
        self._clients: dict[str, Any] = {}
        self._config = Config(
            connect_timeout=10, read_timeout=60, retries={"mode": "standard"}, tcp_keepalive=True
        )

    def __getattr__(self, service: str) -> Any:
        """Return the client of a service: ``aws.ecs``."""
        if service not in self._clients:
            with asking(f"a client of {service}"):
                self._clients[service] = boto3.client(
                    service, region_name=self._region, config=self._config
                )
        return self._clients[service]


@contextmanager
def asking(subject: str) -> Iterator[None]:
    """Turn whatever ends a question, or the reading of its answer, into a QuestionError.

    Parameters
    ----------
    subject : str
        What is asked for, as the beginning of a sentence.
    """
    try:
        yield
    except FAILURES as error:
        raise QuestionError(f"{subject}: {reason(error)}") from error
    except _MALFORMED as error:
        raise QuestionError(f"{subject}: AWS's answer is not complete ({error!r})") from error


def reason(error: BaseException) -> str:
    """Return why a call failed, in one line of text."""
    if isinstance(error, ClientError):
        details = error.response.get("Error", {})
        text = f"{details.get('Code', '?')}: {details.get('Message', '')}"
    else:
        text = str(error) or type(error).__name__
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", text)).strip()[:400]


def error_code(error: BaseException) -> str:
    """Return the code that AWS gave a failure, or nothing where it gave none."""
    return (
        str(error.response.get("Error", {}).get("Code")) if isinstance(error, ClientError) else ""
    )


def is_refusal(error: BaseException) -> bool:
    """Return whether AWS certainly did nothing: it said no to the first and only attempt.

    A later attempt may be refused because an earlier one, whose answer was lost, was accepted.
    """
    if not isinstance(error, ClientError):
        return False
    metadata = error.response.get("ResponseMetadata", {})
    return metadata.get("HTTPStatusCode") in _HTTP_REFUSALS and metadata.get("RetryAttempts") == 0
