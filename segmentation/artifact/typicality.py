"""How far from every segment a record may lie before it is called atypical, as data.

Learning it is in ``training.fitting.typicality``, asking it in ``runtime.typicality``.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from segmentation.artifact.parts import Part


class TypicalAnswers(Part):
    """The records of one segment, column by column, on the scale of `scale_answer`."""

    segment: str
    means: list[float]
    deviations: list[float]


class Typicality(Part):
    """Limits for the distance of a record to the nearest segment.

    Attributes
    ----------
    columns : list of str
        The numeric columns that are compared.
    segments : list of TypicalAnswers
        In the order of the segments.
    limits : list of float or None
        By the number of answers that are missing among the columns, from 0: the mean squared
        deviation, over the answers that are there, that no more than `false_alarms` of held-out
        records exceed. None where too few were held out to say so.
    false_alarms : float
        Share of records like those of the training that are called atypical all the same.
    """

    columns: list[str]
    segments: list[TypicalAnswers]
    limits: list[float | None]
    false_alarms: float


def scale_answer(value: float) -> float:
    """Return an answer on the scale of comparison: logarithmic where it is far from 0."""
    return math.asinh(value)


def measure_distance(
    answers: Sequence[tuple[int, float]], means: Sequence[float], deviations: Sequence[float]
) -> float:
    """Return the sum of squared deviations of some answers from those of a segment.

    Parameters
    ----------
    answers : sequence of (int, float)
        Positions of the columns and answers on the scale of comparison.
    means, deviations : sequence of float
        Of the segment, by column.
    """
    return sum(((value - means[i]) / deviations[i]) ** 2 for i, value in answers)
