"""Which trace a request belongs to, as whoever sent it on has written: for the line in the log.

Only what its specification describes is taken over: a header is somebody else's text, and a log is
read by programs. Nothing is sampled, continued or sent anywhere.
"""

from __future__ import annotations

import re

from segmentation.service.wsgi_environment import Environment

# https://www.w3.org/TR/trace-context/: version, trace, parent, flags. Neither of the two may be all
# zeros, nor the version ff; later versions may say more behind a dash, of which nothing is known.
_PARENT = re.compile(
    r"(?P<known>(?P<version>(?!ff)[0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2})"
    r"(?P<more>-[\x21-\x7e]*)?"
)
_FIRST_VERSION = "00"

# Application Load Balancer and X-Ray: fields of a name and a value. Anybody may add fields, which
# may say anything, so these are the ones that are taken over.
_TRACE = r"1-[0-9a-f]{8}-[0-9a-f]{24}"
_FIELDS = {
    "Self": re.compile(_TRACE),
    "Root": re.compile(_TRACE),
    "Parent": re.compile(r"[0-9a-f]{16}"),
    "Sampled": re.compile(r"[01?]"),
    "Lineage": re.compile(r"[0-9a-f:|]{1,64}"),
}
# As every request has it that comes through a load balancer; the rest takes six times as long.
_USUAL = re.compile(rf"(?:Self={_TRACE};)?Root={_TRACE}")
_LONGEST = 512


def trace(environment: Environment) -> dict[str, str]:
    """Return the fields of the log line that say which trace a request belongs to.

    Parameters
    ----------
    environment : dict
        The request's WSGI environment.

    Returns
    -------
    dict of str to str
        ``traceparent`` and ``x_amzn_trace_id``, each if it was sent and is well formed.
    """
    fields: dict[str, str] = {}
    parent = environment.get("HTTP_TRACEPARENT")
    if parent and (traceparent := _traceparent(parent)):
        fields["traceparent"] = traceparent
    amazon = environment.get("HTTP_X_AMZN_TRACE_ID")
    if amazon and (amazon_fields := _amazon(amazon)):
        fields["x_amzn_trace_id"] = amazon_fields
    return fields


def _traceparent(header: str) -> str | None:
    """Return what is known of a W3C trace context, or None if it is malformed."""
    match = _PARENT.fullmatch(header) if len(header) <= _LONGEST else None
    if match is None or (match["more"] and match["version"] == _FIRST_VERSION):
        return None
    return match["known"]


def _amazon(header: str) -> str | None:
    """Return the known fields of Amazon's header, or None if one is malformed or there is none."""
    if _USUAL.fullmatch(header):
        return header
    if len(header) > _LONGEST:
        return None
    fields = [field.strip(" \t").partition("=") for field in header.split(";")]
    pairs = [(name, value) for name, _, value in fields if name in _FIELDS]
    names = {name for name, _ in pairs}
    if len(names) < len(pairs) or not all(_FIELDS[name].fullmatch(value) for name, value in pairs):
        return None
    return ";".join(f"{name}={value}" for name, value in pairs) if "Root" in names else None
