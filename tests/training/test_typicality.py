"""The limits of what is typical, on records whose distances are known."""

from __future__ import annotations

import numpy as np
import pytest

from segmentation.artifact.typicality import Typicality, measure_distance
from segmentation.studies.mobile import MOBILE
from segmentation.training.fitting.typicality import FALSE_ALARMS, learn_typicality

N_COLUMNS = 5


def draw(n_records: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Return records of two segments, normal on the scale of comparison, and their labels."""
    random = np.random.default_rng(seed)
    y = np.arange(n_records) % 2 + 1
    centres = np.where(y[:, np.newaxis] == 1, 3.0, 6.0)
    return np.sinh(centres + 0.1 * random.standard_normal((n_records, N_COLUMNS))), y


def find_alarms(typicality: Typicality, X: np.ndarray) -> float:
    """Return the share of records that are further from every segment than the limit."""
    alarms = []
    for row in np.arcsinh(X):
        answers = [(i, value) for i, value in enumerate(row) if not np.isnan(value)]
        limit = typicality.limits[N_COLUMNS - len(answers)]
        assert limit is not None
        distances = [
            measure_distance(answers, part.means, part.deviations) for part in typicality.segments
        ]
        alarms.append(min(distances) > limit * len(answers))
    return float(np.mean(alarms))


def learn(n_records: int) -> Typicality:
    """Return the limits learned from so many records."""
    typicality = learn_typicality(MOBILE, *draw(n_records, 0), 42)
    assert typicality is not None
    return typicality


def test_means_and_deviations_are_those_of_the_segments() -> None:
    """In the order of the labels."""
    typicality = learn(4000)
    assert [part.segment for part in typicality.segments] == [
        segment.id for segment in MOBILE.segments[:2]
    ]
    assert typicality.columns == [column.name for column in MOBILE.schema.features]
    for part, centre in zip(typicality.segments, (3.0, 6.0), strict=True):
        assert part.means == pytest.approx([centre] * N_COLUMNS, abs=0.02)


@pytest.mark.parametrize("n_missing", range(N_COLUMNS))
def test_false_alarms_are_as_many_as_stated(n_missing: int) -> None:
    """On other records of the same kind, whichever answers they lack."""
    X, _ = draw(20_000, 1)
    X[:, np.random.default_rng(2).permutation(N_COLUMNS)[:n_missing]] = np.nan
    assert find_alarms(learn(4000), X) == pytest.approx(FALSE_ALARMS, abs=0.005)


def test_records_between_the_segments_are_found() -> None:
    """Ten deviations from both, or with answers of either."""
    assert find_alarms(learn(400), np.full((1, N_COLUMNS), np.sinh(4.5))) == 1.0
    assert find_alarms(learn(400), np.sinh([[3.0, 3.0, 6.0, 6.0, 6.0]])) == 1.0


def test_of_too_few_records_nothing_is_said() -> None:
    """One in a hundred of 98 records is none: the limit would be beyond all of them."""
    assert learn(98).limits == [None] * (N_COLUMNS + 1)
    assert learn(100).limits[0] is not None


def test_a_column_without_an_answer_in_a_segment_has_the_mean_of_all() -> None:
    """Whoever answers it there is not called atypical for that."""
    X, y = draw(400, 0)
    X[y == 1, 0] = np.nan
    typicality = learn_typicality(MOBILE, X, y, 42)
    assert typicality is not None
    assert typicality.segments[0].means[0] == pytest.approx(6.0, abs=0.02)
    assert all(np.isfinite(part.deviations).all() for part in typicality.segments)
