"""The map of discovered segments, against linear algebra done another way and counts by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from segmentation.artifact import read_package
from segmentation.artifact.clusters import SegmentMap
from segmentation.studies import STUDIES
from segmentation.training.measuring.segment_map import hexagons, project, segment_map
from segmentation.training.training_data import read_source
from tests.support.shipped import PACKAGES

RANDOM = np.random.default_rng(5)
IDS = np.repeat(["a", "b", "c"], [200, 100, 60])
# Three groups in three dimensions, of which the third says least.
Z = RANDOM.normal(0, [1.0, 0.8, 0.3], (360, 3)) + np.array(
    [[-3.0, 0, 0], [3.0, 1.0, 0], [2.0, -4.0, 0.2]]
).repeat([200, 100, 60], axis=0)
COLUMNS = {"first": np.exp(Z[:, 0]), "second": -(Z[:, 1] ** 3), "third": Z[:, 2]}


@pytest.fixture(scope="module")
def drawn() -> SegmentMap:
    """The map of the three groups."""
    result = segment_map(Z, COLUMNS, IDS, ("a", "b", "c"))
    assert result is not None
    return result


def test_axes_are_those_of_the_largest_variances_however_the_space_is_turned() -> None:
    """Variances of 9, 4 and 1 without any correlation: shares of 9/14 and 4/14."""
    corners = np.array([[x, y, z] for x in (-3, 3) for y in (-2, 2) for z in (-1, 1)])
    turned, _ = np.linalg.qr(RANDOM.normal(size=(3, 3)))
    places, shares = project(corners @ turned + 7.0)
    np.testing.assert_allclose(shares, [9 / 14, 4 / 14])
    np.testing.assert_allclose(np.abs(places), np.tile([3.0, 2.0], (8, 1)))


def standardised(values: Any) -> Any:
    """Return columns of mean 0 and variance 1."""
    return (values - values.mean(axis=0)) / values.std(axis=0)


def clipped(values: Any) -> Any:
    """Return columns without what lies outside their first and last percent."""
    return np.clip(values, *np.quantile(values, [0.01, 0.99], axis=0))


MINIMUM_PAYMENTS = 14  # where it stands among the answers


def filled(values: Any) -> Any:
    """Fill gaps with the mean of their column, and those of the minimum payment with zero."""
    means = np.nanmean(values, axis=0)
    means[MINIMUM_PAYMENTS] = 0
    return np.where(np.isnan(values), means, values)


SPACES = {
    "household": standardised,
    "credit_card": lambda values: standardised(clipped(filled(values))),
    "retail": lambda values: standardised(clipped(np.log1p(np.maximum(values, 0)))),
}


@pytest.mark.parametrize("study", SPACES)
def test_the_share_of_a_sample_is_that_of_its_correlations(study: str) -> None:
    """Eigenvalues of the answers' correlations: the largest two, among those that are kept."""
    clusters = read_package(PACKAGES[study]).manifest.clusters
    assert clusters is not None
    assert clusters.map is not None
    _, source = read_source(STUDIES[study])
    answers = [[record.get(name) for name in clusters.columns] for record in source.table.records]
    scaled = SPACES[study](np.array(answers, dtype=np.float32).astype(np.float64))
    eigenvalues = np.linalg.eigvalsh(np.corrcoef(scaled.T))[::-1]
    stored = eigenvalues[: clusters.n_dimensions]
    result = [clusters.map.x.share, clusters.map.y.share]
    np.testing.assert_allclose(result, stored[:2] / stored.sum(), atol=1e-5)
    if study == "credit_card":  # whose space keeps nine tenths of the variance
        before = eigenvalues[: clusters.n_dimensions - 1].sum()
        assert before < 0.9 * eigenvalues.sum() <= stored.sum()


def test_places_are_the_means_of_the_segments(drawn: SegmentMap) -> None:
    """As far apart as in the plane of the largest two principal axes of the records."""
    eigenvalues, vectors = np.linalg.eigh(np.cov(Z.T))
    plane = Z @ vectors[:, eigenvalues.argsort()[:0:-1]]
    means = np.array([plane[item == IDS].mean(axis=0) for item in "abc"])
    result = np.array([[place.x, place.y] for place in drawn.places])
    assert [item_value.segment for item_value in drawn.places] == ["a", "b", "c"]
    for i, j in ((0, 1), (0, 2), (1, 2)):
        np.testing.assert_allclose(np.abs(result[i] - result[j]), np.abs(means[i] - means[j]),
                                   atol=2e-3)  # fmt: skip


def test_outlines_hold_half_of_their_segments(drawn: SegmentMap) -> None:
    """Inside the ellipse, as it is turned, lies every second member."""
    places, _ = project(Z)
    middles = np.array([places[item == IDS].mean(axis=0) for item in "abc"])
    result = np.array([[item_value.x, item_value.y] for item_value in drawn.places])
    places = places * np.sign((middles * result).sum(axis=0))
    for place in drawn.places:
        members = places[place.segment == IDS] - [place.x, place.y]
        angle = np.radians(place.angle)
        along = members @ [np.cos(angle), np.sin(angle)]
        across = members @ [-np.sin(angle), np.cos(angle)]
        inside = (along / place.major) ** 2 + (across / place.minor) ** 2 <= 1
        assert inside.mean() == pytest.approx(0.5, abs=0.02)
        assert place.major >= place.minor


def test_axes_are_said_by_ranks_and_point_to_more(drawn: SegmentMap) -> None:
    """Logarithms and powers change no rank; the strongest answer grows along its axis."""
    for axis in (drawn.x, drawn.y):
        loadings = list(axis.loadings.values())
        assert loadings[0] > 0
        assert [abs(loading) for loading in loadings] == sorted(map(abs, loadings), reverse=True)
    assert next(iter(drawn.x.loadings)) == "first"
    assert drawn.x.loadings["first"] > 0.9
    assert next(iter(drawn.y.loadings)) == "second"
    constant = segment_map(Z, COLUMNS | {"same": np.ones(360)}, IDS, ("a", "b", "c"))
    assert constant is not None
    assert constant.x.loadings["same"] == 0.0


def test_hexagons_are_those_whose_centre_is_nearest() -> None:
    """Of all centres, which are six around each, as far away as a hexagon is wide."""
    around = [hexagons(np.array([[np.cos(a) * 1.9, np.sin(a) * 1.9]]), 2.0)[0]
              for a in np.radians(range(0, 360, 60))]  # fmt: skip
    np.testing.assert_allclose(np.linalg.norm(around, axis=1), 2.0)
    rows = np.arange(-20, 21)
    centres = np.array([[2.0 * i + j % 2, np.sqrt(3) * j] for i in rows for j in rows])
    places = RANDOM.uniform(-9, 9, (500, 2))
    nearest = np.linalg.norm(places[:, np.newaxis] - centres, axis=2).argmin(axis=1)
    np.testing.assert_allclose(hexagons(places, 2.0), centres[nearest], atol=1e-12)


def test_no_place_is_one_customers() -> None:
    """Two far away are counted nowhere; nearly all others are, each once."""
    far = np.vstack([Z, [[60.0, 0, 0], [0, -60.0, 0]]])
    ids = np.append(IDS, ["a", "c"])
    result = segment_map(far, {"first": far[:, 0]}, ids, ("a", "b", "c"))
    assert result is not None
    assert all(count == 0 or count >= 3 for cell in result.cells for count in cell.counts)
    assert all(any(cell.counts) for cell in result.cells)
    assert all(abs(cell.x) < 30 and abs(cell.y) < 30 for cell in result.cells)
    assert 0.9 * 362 <= sum(sum(cell.counts) for cell in result.cells) <= 360
    assert (result.records, result.fewest) == (362, 3)


def test_counts_are_those_of_the_nearest_centre_without_one_or_two(drawn: SegmentMap) -> None:
    """Counted by distances to all centres; of a segment that has one or two there, nothing."""
    places, _ = project(Z)
    middles = np.array([places[item == IDS].mean(axis=0) for item in "abc"])
    stored = np.array([[place.x, place.y] for place in drawn.places])
    places = places * np.sign((middles * stored).sum(axis=0))
    width = drawn.width  # rounded to thousandths: a place near an edge may change its cell
    rows = np.arange(-60, 61)
    centres = np.array([[width * (i + j % 2 / 2), width * np.sqrt(3) / 2 * j]
                        for i in rows for j in rows])  # fmt: skip
    nearest = np.array([((centres - place) ** 2).sum(axis=1).argmin() for place in places])
    counts = {
        tuple(centres[cell].round(1)): [int((nearest[item == IDS] == cell).sum()) for item in "abc"]
        for cell in np.unique(nearest)
    }
    assert any(0 < count < 3 for cell in counts.values() for count in cell)
    expected = {
        place: [count if count >= 3 else 0 for count in cell]
        for place, cell in counts.items()
        if max(cell) >= 3
    }
    result = {(round(cell.x, 1), round(cell.y, 1)): cell.counts for cell in drawn.cells}
    same = [place for place, cell in expected.items() if result.get(place) == cell]
    assert len(same) >= 0.9 * max(len(expected), len(result))


def test_counts_are_those_of_the_segments(drawn: SegmentMap) -> None:
    """The hexagon around a place holds mostly its segment, and no segment more than it has."""
    by_segment = np.array([cell.counts for cell in drawn.cells]).sum(axis=0)
    assert (by_segment <= [200, 100, 60]).all()
    assert (by_segment >= [180, 85, 40]).all()
    for position, place in enumerate(drawn.places):
        nearest = min(drawn.cells, key=lambda cell: np.hypot(cell.x - place.x, cell.y - place.y))
        assert np.argmax(nearest.counts) == position


def test_a_line_has_no_map() -> None:
    """One dimension needs none."""
    assert segment_map(Z[:, :1], COLUMNS, IDS, ("a", "b", "c")) is None
