"""Every path has one spelling: a request target that is not canonical is answered with 404.

What stands in front, a load balancer or a proxy, decides by the target as it was sent: ``/metrics``
is not for the public. Routing decides by the decoded path. So that both always see the same one,
only the normal form of RFC 3986 (section 6.2.2) gets through, in the origin form of RFC 9112 and
with nothing in it that servers are known to read in different ways. What is routed where is not
decided here.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from http import HTTPStatus
from typing import Any

from segmentation.service import problem_details
from segmentation.service.wsgi_environment import REQUEST_ID, ROUTE, UNMATCHED, Environment

WsgiApp = Callable[[Environment, Callable[..., Any]], Iterable[bytes]]

# Letters, digits and marks stand for themselves; anything else is encoded, in capitals. Of what
# could be encoded, slash, backslash and control characters are left out: to some servers they are
# the end of a segment or of the path.
_CHARACTER = r"""[A-Za-z0-9\-._~!$&'()*+,;=:@]"""
_ENCODED = r"%(?:2[0-9A-C]|3[A-F]|40|5[BDE]|60|7[B-D]|[89A-F][0-9A-F])"
_SEGMENT = rf"/(?!\.\.?(?:/|\Z))(?:{_CHARACTER}|{_ENCODED})+"
_CANONICAL = re.compile(rf"/|(?:{_SEGMENT})+/?")

_DETAIL = (
    "The path is not in its canonical form: each has one spelling, by RFC 3986, section 6.2.2."
)


def is_canonical(target: str) -> bool:
    """Whether the path of a request target is spelled in the one way that is served.

    Parameters
    ----------
    target : str
        As it stands in the request line. Its query is not looked at.
    """
    return _CANONICAL.fullmatch(target.partition("?")[0]) is not None


class CanonicalTargets:
    """A WSGI app that passes requests with canonical targets on and knows no others.

    Parameters
    ----------
    app : callable
        The WSGI app inside.
    """

    def __init__(self, app: WsgiApp) -> None:
        self._app = app

    def __call__(self, environment: Environment, start: Callable[..., Any]) -> Iterable[bytes]:
        """Answer one request."""
        if is_canonical(environment["RAW_URI"]):
            return self._app(environment, start)
        environment[ROUTE] = UNMATCHED
        content = problem_details.document(HTTPStatus.NOT_FOUND, _DETAIL, environment[REQUEST_ID])
        length = str(len(content))
        start(
            "404 NOT FOUND",
            [("Content-Type", problem_details.MEDIA_TYPE), ("Content-Length", length)],
        )
        return [] if environment["REQUEST_METHOD"] == "HEAD" else [content]
