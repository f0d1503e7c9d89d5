"""JSON lines to standard output: one per request and one per event. No personal values.

A request is logged by the route that matched, not by its path or query; no address, no agent.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
from gunicorn.glogging import Logger

from segmentation.service.environment import LOG


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


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
        """Send gunicorn's events and the app's to standard output."""
        super().setup(cfg)
        handler = logging.StreamHandler(os.fdopen(os.dup(1), "w"))
        handler.setFormatter(JsonFormatter())
        level = self.LOG_LEVELS[cfg.loglevel]
        for name in ("gunicorn.error", "segmentation"):
            logger = logging.getLogger(name)
            logger.handlers = [handler]
            logger.setLevel(level)
            logger.propagate = False
        self._logs_requests = level <= logging.INFO

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log an exception; a client that paused too long (see ``worker``) is none of ours."""
        if isinstance(sys.exc_info()[1], BlockingIOError):
            self.warning("gave up a client that paused in the middle of a request or an answer")
        else:
            super().exception(msg, *args, **kwargs)

    def access(self, resp: Any, req: Any, environ: dict[str, Any], request_time: timedelta) -> None:  # noqa: ARG002
        """Write the line of one request."""
        if not self._logs_requests:
            return
        line = {
            "time": _now(),
            "level": "info",
            "logger": "access",
            "method": environ.get("REQUEST_METHOD"),
            "status": resp.status_code,
            "bytes": resp.sent,
            "ms": round(request_time.total_seconds() * 1e3, 3),
            **environ.get(LOG, {}),
        }
        # One write is one line, also when several processes share the pipe.
        os.write(1, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
