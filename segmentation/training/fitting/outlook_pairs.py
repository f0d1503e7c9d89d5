"""Customers at one date, and the segments that became of them by the next."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import numpy as np

from segmentation.datasets import Snapshot
from segmentation.errors import TrainingError
from segmentation.study import Study
from segmentation.training.labelled_records import LabelledRecords, matrix


def pair_neighbours(
    study: Study, model: Any, snapshots: Sequence[Snapshot]
) -> list[LabelledRecords]:
    """Return, for each two neighbouring dates, the customers of the earlier one.

    Parameters
    ----------
    study : Study
    model : fitted classifier
        Says which segment a record has.
    snapshots : sequence of Snapshot
        The latest first.

    Returns
    -------
    list of LabelledRecords
        The latest two dates first.

    Raises
    ------
    TrainingError
        If a customer is not among those of the next date, or has no identifier.
    """
    return [_pair(study, model, earlier, later) for later, earlier in pairwise(snapshots)]


def _pair(study: Study, model: Any, earlier: Snapshot, later: Snapshot) -> LabelledRecords:
    """Return the customers as they were, with the segments that became of them."""
    key, became = _key(study), _segments(study, model, later)
    customers = [record[key] for record in earlier.records]
    n_gone = sum(customer not in became for customer in customers)
    if n_gone:
        raise TrainingError(
            f"{n_gone} of {len(customers)} customers of {earlier.as_of:%Y-%m-%d} are not among"
            f" those of {later.as_of:%Y-%m-%d}, so what became of them is not known"
        )
    y = np.asarray([became[customer] for customer in customers])
    return LabelledRecords(matrix(study, earlier.records), y)


def _segments(study: Study, model: Any, snapshot: Snapshot) -> dict[Any, Any]:
    """Return the label of each customer's segment at a time."""
    labels = model.predict(matrix(study, snapshot.records))
    key = _key(study)
    ids = [record[key] for record in snapshot.records]
    return dict(zip(ids, labels.tolist(), strict=True))


def _key(study: Study) -> str:
    column = study.schema.identifier
    if column is None:
        raise TrainingError(f"the study {study.name} has no identifier to follow customers by")
    return column.name
