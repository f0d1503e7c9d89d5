"""Learning when a record fits no segment: limits that a stated share of usual records exceeds.

The distance is a diagonal Mahalanobis one to the nearest segment, on a logarithmic scale, and its
limit a conformal quantile: the false alarms are those stated, whatever the distance is worth
(Laxhammar and Falkman 2010, https://doi.org/10.1145/1833280.1833287). Where nothing is known of
how columns depend on each other, contradictions are found by ``runtime.contradictions``.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold

from segmentation.artifact.typicality import TypicalAnswers, Typicality
from segmentation.estimators import Floats
from segmentation.study import Study
from segmentation.training.labelled_records import Labels

FALSE_ALARMS = 0.01
FOLDS = 5
N_COPIES = 3
# Of all records: answers that a segment always gives alike would make a small step an alarm.
SMALLEST_DEVIATION = 0.1


def learn_typicality(study: Study, X: Floats, y: Labels, seed: int) -> Typicality | None:
    """Return what is usual in each segment and how far a record may be from all of them.

    Parameters
    ----------
    study : Study
    X : ndarray of shape (n_samples, n_features)
    y : ndarray of shape (n_samples,)
        The segments that the records are in.
    seed : int
        Of the folds, and of which answers are hidden.

    Returns
    -------
    Typicality or None
        None without a numeric column that defines segments.
    """
    features = study.schema.features
    positions = [i for i in study.schema.decisive if features[i].numeric]
    if not positions:
        return None
    Z = np.arcsinh(X[:, positions].astype(np.float64))
    labels = np.unique(y)
    ids = {segment.label: segment.id for segment in study.segments}
    means, deviations = _describe_segments(Z, y, labels)
    squares = np.vstack(list(_square_held_out(Z, y, labels, seed)))
    return Typicality(
        columns=[features[i].name for i in positions],
        segments=[
            TypicalAnswers(segment=ids[int(label)], means=centre, deviations=spread)
            for label, centre, spread in zip(
                labels, means.tolist(), deviations.tolist(), strict=True
            )
        ],
        limits=_find_limits(squares, seed),
        false_alarms=FALSE_ALARMS,
    )


def _describe_segments(
    Z: NDArray[np.float64], y: Labels, labels: Labels
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return means and deviations, each of shape (n_segments, n_columns)."""
    everyone = np.nanmean(Z, axis=0), np.nanstd(Z, axis=0)
    means, deviations = [], []
    for label in labels:
        part = np.vstack([Z[y == label], everyone[0]])  # so that no column is without an answer
        means.append(np.nanmean(part, axis=0))
        deviations.append(np.nanstd(part, axis=0))
    least = np.maximum(SMALLEST_DEVIATION * everyone[1], 1e-6)
    return np.asarray(means), np.maximum(deviations, least)


def _square_held_out(
    Z: NDArray[np.float64], y: Labels, labels: Labels, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Yield squared deviations of the records of each fold from the segments of the others.

    Of shape (n_held_out, n_segments, n_columns).
    """
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    for inside, outside in folds.split(Z, y):
        means, deviations = _describe_segments(Z[inside], y[inside], labels)
        yield ((Z[outside][:, np.newaxis] - means) / deviations) ** 2


def _find_limits(squares: NDArray[np.float64], seed: int) -> list[float | None]:
    """Return the limit for each number of missing answers; the last is None: nothing is there."""
    random = np.random.default_rng(seed)
    n_records, _, n_columns = squares.shape
    rank = math.ceil((n_records + 1) * (1.0 - FALSE_ALARMS))
    if rank > n_records:
        return [None] * (n_columns + 1)
    limits: list[float | None] = []
    for n_missing in range(n_columns):
        copies = np.repeat(squares, N_COPIES, axis=0)
        draws = random.random((len(copies), n_columns))  # nosec B311  # draws samples, and no secret
        hidden = draws.argsort(axis=1).argsort(axis=1) < n_missing
        copies[np.broadcast_to(hidden[:, np.newaxis], copies.shape)] = np.nan
        answered = ~np.isnan(copies).all(axis=(1, 2))
        distances = np.nanmean(copies[answered], axis=2).min(axis=1)
        limits.append(float(np.quantile(distances, rank / n_records, method="higher")))
    return [*limits, None]
