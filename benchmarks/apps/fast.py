"""What one would write by hand instead: FastAPI, pydantic and ONNX Runtime, the same answer.

It has no request ids, metrics, logs, aliases, duplicate-key check or warnings.
"""

from pathlib import Path
from typing import Annotated

import numpy as np
from fastapi import FastAPI
from pydantic import BaseModel, ConfigDict, Field

from segmentation.artifact import open_session, read_package

package = read_package(Path("model.bin"))
session = open_session(package.scorer)
segments = package.manifest.segments
features = package.manifest.scorer.features
least = [[1 - t for t in row] for row in package.manifest.conformal.thresholds]
app = FastAPI()


def number(high: float) -> object:
    """Return an optional number from 0 to `high`."""
    return Annotated[float, Field(ge=0, le=high)] | None


class Record(BaseModel):
    """One survey record."""

    model_config = ConfigDict(extra="forbid")
    user_id: int | str | None = None
    device_model: str | None = None
    operating_system: str | None = None
    app_usage_min_per_day: number(1440) = None
    screen_on_hours_per_day: number(24) = None
    battery_drain_mah_per_day: number(20_000) = None
    apps_installed: number(2_000) = None
    data_usage_mb_per_day: number(100_000) = None
    age: number(120) = None
    gender: str | None = None


class Name(BaseModel):
    """A segment."""

    id: str
    name: str
    action: str


class Probability(BaseModel):
    """A segment's probability."""

    id: str
    name: str
    probability: float


class Answer(BaseModel):
    """The answer."""

    segment: Name
    confidence: float
    probabilities: list[Probability]
    plausible: list[str]
    unsure: bool
    id: int | str | None


@app.post("/predict")
async def predict(record: Record) -> Answer:
    """Answer one record."""
    numbers = [getattr(record, name) for name in features]
    matrix = np.array([numbers], dtype=np.float32)
    row = session.run(["probabilities"], {"features": matrix})[0][0].tolist()
    best = segments[row.index(max(row))]
    enough = least[numbers.count(None)]
    plausible = [
        segment.id
        for segment, value, bound in zip(segments, row, enough, strict=True)
        if value >= bound
    ]
    return Answer(
        segment=Name(id=best.id, name=best.name, action=best.action),
        confidence=max(row),
        probabilities=[
            Probability(id=segment.id, name=segment.name, probability=value)
            for segment, value in zip(segments, row, strict=True)
        ],
        plausible=plausible,
        unsure=len(plausible) != 1,
        id=record.user_id,
    )
