"""What is counted, for Prometheus. Right with several workers: each writes a file, one reads all.

gunicorn.conf.py names the folder of those files (``PROMETHEUS_MULTIPROC_DIR``) before this is
imported; without it, in tests, one process counts for itself.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import TypedDict

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from segmentation.runtime.answers import Answer, ModelName
from segmentation.service.observability.counter_files import FOLDER, locked

BUCKETS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)
# Anyone can make up a method; only these become label values.
METHODS = frozenset(("GET", "HEAD", "OPTIONS", "POST"))


class Counts(TypedDict):
    """Counts of answers, as the access log says them: all, unsure ones, warnings by code."""

    answered: int
    unsure: int
    warnings: dict[str, int]


class ServiceCounters:
    """The counters of one app."""

    def __init__(self) -> None:
        registry = self._registry = CollectorRegistry()
        requests = Histogram(
            "http_request_duration_seconds",
            "Requests and the time that the app took for each.",
            ["method", "route", "status"],
            buckets=BUCKETS,
            registry=registry,
        )
        self._cut = Counter(
            "http_responses_cut",
            "Answers that were broken off.",
            ["route", "cause"],
            registry=registry,
        )
        self._refused = Counter(
            "http_requests_refused",
            "Requests, or what came in place of them, that were refused before they were read.",
            ["reason"],
            registry=registry,
        )
        answers = Counter(
            "segmentation_answers", "Records answered.", ["study", "segment"], registry=registry
        )
        unsure = Counter(
            "segmentation_unsure_answers", "Of these, unsure.", ["study"], registry=registry
        )
        warnings = Counter(
            "segmentation_warnings", "Warnings given.", ["study", "code"], registry=registry
        )
        self._info = Gauge(
            "segmentation_model_info",
            "1 for the model that is served, 0 for one that was.",
            ["study", "version"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        self._file_refused = Gauge(
            "segmentation_model_refused",
            "1 while the file of a study's model is refused; the last good model serves, if any.",
            ["study"],
            multiprocess_mode="livemax",
            registry=registry,
        )
        # Looking a child up by its labels takes longer than counting.
        self._requests = cache(requests.labels)
        self._answers, self._unsure = cache(answers.labels), cache(unsure.labels)
        self._warnings = cache(warnings.labels)

    def request(self, method: str, route: str, status: str, seconds: float) -> None:
        """Count one request; `route` is the rule that matched, not the path."""
        known_method = method if method in METHODS else "other"
        self._requests(known_method, route, status).observe(seconds)

    def cut(self, route: str, cause: str) -> None:
        """Count one answer that was broken off."""
        self._cut.labels(route, cause).inc()

    def refused(self, reason: str) -> None:
        """Count what was refused before it was read; `reason` is one of few."""
        self._refused.labels(reason).inc()

    def answered(self, model: ModelName, answers: Sequence[Answer]) -> Counts:
        """Count answers given by a model, and return the counts of these."""
        study = model["study"]
        segments: dict[str, int] = {}
        warnings: dict[str, int] = {}
        n_unsure = 0
        for answer in answers:
            segment = answer["segment"]["id"]
            segments[segment] = segments.get(segment, 0) + 1
            n_unsure += answer["unsure"]
            for warning in answer["warnings"]:
                code = warning["code"]
                warnings[code] = warnings.get(code, 0) + 1
        for segment, count in segments.items():
            self._answers(study, segment).inc(count)
        for code, count in warnings.items():
            self._warnings(study, code).inc(count)
        if n_unsure:
            self._unsure(study).inc(n_unsure)
        return {"answered": len(answers), "unsure": n_unsure, "warnings": warnings}

    def served(
        self, study: str, before: ModelName | None, now: ModelName | None, is_refused: bool
    ) -> None:
        """Say which model is served, and whether the file of its study is refused."""
        if before:
            self._info.labels(study, before["version"]).set(0)
        if now:
            self._info.labels(study, now["version"]).set(1)
        self._file_refused.labels(study).set(is_refused)

    def exposition(self) -> bytes:
        """Return the counts of all workers in Prometheus' text format."""
        folder = os.environ.get(FOLDER)
        if not folder:
            return generate_latest(self._registry)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        with locked(Path(folder), fcntl.LOCK_SH):
            return generate_latest(registry)
