"""What a manifest says about faults of the training table that did not stop the training."""

from __future__ import annotations

from typing import Literal

from segmentation.artifact.parts import Part


class DataRemark(Part):
    """One thing about a training table that somebody should look at.

    `count` of `total` rows are concerned, the first of which are `rows`, counted from 1. Packages
    hold no `rows`, and no remark about the values or labels of fewer than three.

    - ``constant``: `column` has one value only.
    - ``duplicate``: rows without an identifier repeat others.
    - ``outside``: values of `column` lie outside the usual ones of the model before, `low` to
      `high`; where typical values differ much, `ratio` says how many times as large they are.
    - ``label``: models that did not see the rows contradict their labels.
    - ``short_history``: transactions reach back to `count` dates, `days` apart, of the `total` that
      a forecast needs, so that the model has none.
    """

    kind: Literal["constant", "duplicate", "outside", "label", "short_history"]
    count: int
    total: int
    column: str | None = None
    rows: tuple[int, ...] = ()
    low: float | None = None
    high: float | None = None
    ratio: float | None = None
    days: int | None = None
