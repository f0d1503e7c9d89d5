"""What a service is asked before it counts as deployed: whether it is ready, and one record."""

from __future__ import annotations

import http.client
import json
import ssl
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from botocore.httpsession import DEFAULT_CA_BUNDLE

from deployer.errors import ArgumentsError, QuestionError

PATH = "/studies/mobile/predict"
RECORD = '{"app_usage_min_per_day": 310, "screen_on_hours_per_day": 6.1, "apps_installed": 64}'
SEGMENT = "brand_loyalist"
SECONDS = 120.0

_FAILURES = (OSError, ValueError, http.client.HTTPException, QuestionError)
"""urllib's errors are OSErrors; an address or an answer that cannot be read is a ValueError."""


def trust(*, any_name: bool = False) -> ssl.SSLContext:
    """Return how certificates are checked.

    The system's authorities count, and botocore's beside them: Python for macOS brings none.

    Parameters
    ----------
    any_name : bool
        Whether every certificate will do: that of a load balancer is for the name that people use,
        and may be of an authority of their own.
    """
    context = ssl.create_default_context()
    if any_name:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    else:
        context.load_verify_locations(DEFAULT_CA_BUNDLE)
    return context


@dataclass(frozen=True)
class SmokeTest:
    """A record, and the segment that it has to get.

    Attributes
    ----------
    path, record, segment : str
    seconds : float
        How long the service may take to get ready.
    """

    path: str
    record: str
    segment: str
    seconds: float

    def complaint(self, address: Callable[[], str], *, any_name: bool) -> str | None:
        """Return what is wrong with a service, or None.

        Parameters
        ----------
        address : callable
            Returns where the service is. It is called anew until the service is ready, and raises
            a QuestionError while there is no address.
        any_name : bool
            Whether every certificate will do.
        """
        context = trust(any_name=any_name)
        deadline = time.monotonic() + self.seconds
        while True:
            try:
                url = address().rstrip("/")
                for path in ("/livez", "/readyz"):
                    _ask(url + path, context)
                break
            except _FAILURES as error:
                if time.monotonic() >= deadline:
                    return f"not ready after {self.seconds:g} s: {error}"
            time.sleep(min(2.0, max(0.0, deadline - time.monotonic())))
        return self._wrong_answer(url, context)

    def _wrong_answer(self, url: str, context: ssl.SSLContext) -> str | None:
        try:
            answer = json.loads(_ask(url + self.path, context, self.record.encode()))
            segment = answer["segment"]["id"]
        except (*_FAILURES, LookupError, TypeError) as error:
            return f"{self.path}: {error}"
        return None if segment == self.segment else f"{self.path} does not answer {self.segment}"


def read_smoke_test(environment: Mapping[str, str]) -> SmokeTest:
    """Return the test that the environment describes; without it, one of the mobile study."""
    record = environment.get("SMOKE_RECORD", RECORD)
    try:
        seconds = float(environment.get("SMOKE_SECONDS", SECONDS))
        is_object = isinstance(json.loads(record), dict)
    except ValueError:
        raise ArgumentsError("SMOKE_SECONDS has to be a number, SMOKE_RECORD JSON") from None
    path = environment.get("SMOKE_PATH", PATH)
    if not is_object or not path.startswith("/") or not 0 <= seconds < float("inf"):
        raise ArgumentsError(
            "SMOKE_RECORD has to be an object, SMOKE_PATH has to begin with /, and SMOKE_SECONDS "
            "must not be negative"
        )
    return SmokeTest(path, record, environment.get("SMOKE_SEGMENT", SEGMENT), seconds)


def _ask(url: str, context: ssl.SSLContext, body: bytes | None = None) -> bytes:
    """Return what a service answers with 200; other statuses are errors."""
    if not url.startswith(("http://", "https://")):
        raise ValueError(f"{url.partition(':')[0]} is no address")
    headers = {"Content-Type": "application/json"} if body else {}
    request = urllib.request.Request(url, data=body, headers=headers)
    with urllib.request.urlopen(request, timeout=10, context=context) as answer:  # nosec B310  # its address is checked to be of HTTP
        return bytes(answer.read())
