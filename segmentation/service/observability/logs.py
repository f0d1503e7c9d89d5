"""JSON lines to standard output: one per request and one per event. No personal values.

A request is logged by the route that matched, not by its path or query; no address, no agent. It is
logged when its answer ends, and ``cut`` says so if that was not its end.
"""

from __future__ import annotations

import logging
import os
import sys
import traceback
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from time import perf_counter
from typing import Any

import orjson
from gunicorn.glogging import Logger

from segmentation.service.observability.open_responses import (
    Cause,
    OpenResponse,
    OpenResponses,
    cause_of,
)
from segmentation.service.wsgi_environment import LOG, ON_CUT, Environment


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
        """Send all events to standard output: gunicorn's, the app's, and warnings of libraries."""
        super().setup(cfg)
        self._answers = OpenResponses()
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

    def exception(self, msg: Any, *args: Any, **kwargs: Any) -> None:
        """Log an exception; a client that paused too long (see ``worker``) is none of ours."""
        if isinstance(sys.exc_info()[1], BlockingIOError):
            self.warning("gave up a client that paused in the middle of a request or an answer")
        else:
            super().exception(msg, *args, **kwargs)

    def begin(self, environment: Environment, response: Any) -> None:
        """Note that a request is being answered: from now on its line will be written."""
        self._answers.begin(environment, response)

    def access(self, resp: Any, req: Any, environ: Environment, request_time: timedelta) -> None:  # noqa: ARG002
        """Write the line of a request: gunicorn has sent the answer, or met an error on the way."""
        self.end(environ, cause_of(sys.exc_info()[1]))

    def end(self, environment: Environment, cut: Cause | None = None) -> None:
        """Write the line of a request, unless it has been written."""
        answer = self._answers.take(environment)
        if answer:
            self._write(answer, cut)

    def cut(self, cause: Cause) -> None:
        """Break off all answers that are being given, and write their lines."""
        for answer in self._answers.take_all():
            self._write(answer, cause)
            answer.break_off()

    def _write(self, answer: OpenResponse, cut: Cause | None) -> None:
        environment, level = answer.environment, logging.WARNING if cut else logging.INFO
        if cut and ON_CUT in environment:
            environment[ON_CUT](environment, cut)
        if level < self._level:
            return
        line = {
            "time": _now(),
            "level": logging.getLevelName(level).lower(),
            "logger": "access",
            "method": environment.get("REQUEST_METHOD"),
            "status": _status(answer.response, cut),
            "bytes": answer.response.sent,
            "ms": round((perf_counter() - answer.started) * 1e3, 3),
            **environment.get(LOG, {}),
        }
        if cut:
            line["cut"] = cut
        # One write is one line, also when several processes share the pipe.
        os.write(1, orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


def _status(response: Any, cut: Cause | None) -> int | None:
    """Return the status that was sent, or None; a failure before it was sent becomes a 500."""
    if response.headers_sent or not cut:
        return int(response.status_code)
    return HTTPStatus.INTERNAL_SERVER_ERROR.value if cut == "error" else None
