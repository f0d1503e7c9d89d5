"""JSON lines to standard output: one per request and one per event. No personal values.

A request is logged by the route that matched, not by its path or query; no address, no agent. It is
logged when its answer ends, and ``cut`` says so if that was not its end.
"""

from __future__ import annotations

import logging
import os
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Literal, NamedTuple

import orjson
from gunicorn.glogging import Logger

from segmentation.service.wsgi_environment import LOG, Environment

Cause = Literal["client", "timeout", "stopping", "error"]
"""Why an answer was cut: its client went away, its client took too long, the service was stopped,
or it failed."""


class AnswerEnd(NamedTuple):
    """How a request ended.

    Attributes
    ----------
    method : str
    status : int or None
        None if it had no answer.
    n_bytes : int
        Of the answer's content that were sent.
    seconds : float
        From the request to the end of its answer.
    cut : str or None
        Why the answer did not come to its end.
    """

    method: str
    status: int | None
    n_bytes: int
    seconds: float
    cut: Cause | None = None


def _now() -> datetime:
    """Return the time, which orjson writes in ISO 8601, three times as fast as `isoformat`."""
    return datetime.now(UTC)


class JsonFormatter(logging.Formatter):
    """One event as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        line: dict[str, Any] = {
            "time": _now(),
            "level": record.levelname.lower(),
            "logger": record.name,
            "pid": record.process,
            "message": record.getMessage(),
        }
        if record.exc_info and record.exc_info[0]:
            # Type and place, not the text: it may quote what was sent.
            line["exception"] = record.exc_info[0].__name__
            line["traceback"] = "".join(traceback.format_tb(record.exc_info[2]))
        return orjson.dumps(line).decode()


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn is untyped
    """gunicorn's logger, writing JSON lines."""

    def setup(self, cfg: Any) -> None:
        """Send all events to standard output: gunicorn's, the app's, and warnings of libraries."""
        super().setup(cfg)
        handler = logging.StreamHandler(os.fdopen(os.dup(1), "w"))
        handler.setFormatter(JsonFormatter())
        level = self.LOG_LEVELS[cfg.loglevel]
        for name in ("gunicorn.error", "segmentation"):
            logger = logging.getLogger(name)
            logger.handlers = [handler]
            logger.setLevel(level)
            logger.propagate = False
        # Without a handler Python writes what libraries log as plain text to standard error.
        logging.getLogger().handlers = [handler]
        logging.captureWarnings(True)
        self._level = level

    def access(self, resp: Any, req: Any, environ: Environment, request_time: timedelta) -> None:  # noqa: ARG002
        """Write the line of a request that a worker of gunicorn's own has answered."""
        seconds = request_time.total_seconds()
        end = AnswerEnd(environ["REQUEST_METHOD"], int(resp.status_code), resp.sent, seconds)
        self.write_access(end, environ.get(LOG, {}))

    def write_access(self, end: AnswerEnd, noted: Mapping[str, Any]) -> None:
        """Write the line of a request, with what was noted about it."""
        method, status, n_bytes, seconds, cut = end
        level = logging.WARNING if cut else logging.INFO
        if level < self._level:
            return
        line = {
            "time": _now(),
            "level": "warning" if cut else "info",
            "logger": "access",
            "method": method,
            "status": status,
            "bytes": n_bytes,
            "ms": round(seconds * 1e3, 3),
            **noted,
        }
        if cut:
            line["cut"] = cut
        # One write is one line, also when several processes share the pipe.
        os.write(1, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
