"""The pipeline once more, for ONNX Runtime; and the proof that both answer the same."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from segmentation.artifact import open_session
from segmentation.artifact.manifest import ScorerInterface
from segmentation.errors import TrainingError
from segmentation.estimators import Floats, WithOutlook
from segmentation.training.packing.onnx_graph import INPUT, OUTLOOK, OUTPUT, convert_classifier

TOLERANCE = 1e-5
N_RANDOM = 10_000


def to_onnx(pipeline: Pipeline, features: list[str]) -> tuple[bytes, ScorerInterface]:
    """Convert a fitted pipeline.

    Parameters
    ----------
    pipeline : Pipeline
        Its first step turns records into numbers; the ONNX model begins after it.
    features : list of str
        The columns of its input, in order.

    Returns
    -------
    bytes
        The ONNX model: float32 of shape (n, n_features) in, probabilities (n, n_classes) out.
    Scorer
        How to call it.
    """
    last = pipeline[-1]
    outlook = OUTLOOK if isinstance(last, WithOutlook) else None
    scorer = ScorerInterface(input=INPUT, output=OUTPUT, outlook=outlook, features=features)
    return convert_classifier(last, len(features)), scorer


def check_agreement(pipeline: Pipeline, onnx: bytes, *matrices: Floats) -> None:
    """Compare the two on every row of every matrix.

    Raises
    ------
    TrainingError
        If any probability differs by more than 1e-5, or any label that is not one of a tie: two
        segments as probable as each other may come out either way. (skl2onnx converts some
        estimators wrongly without an error: forests that were fitted on NaN, for one.)
    """
    session = open_session(onnx)
    for matrix in matrices:
        expected = pipeline.predict_proba(matrix)
        probabilities = session.run([OUTPUT], {INPUT: matrix})[0]
        chosen = probabilities.argmax(axis=1)
        tied = expected.max(axis=1) - expected[np.arange(len(chosen)), chosen] <= TOLERANCE
        n_labels = int((~tied & (pipeline.classes_[chosen] != pipeline.predict(matrix))).sum())
        error = float(np.abs(probabilities - expected).max())
        if isinstance(pipeline[-1], WithOutlook):
            later = session.run([OUTLOOK], {INPUT: matrix})[0]
            error = max(error, float(np.abs(later - pipeline[-1].predict_outlook(matrix)).max()))
        if n_labels or not error <= TOLERANCE:
            raise TrainingError(
                f"ONNX and the pipeline disagree: {n_labels} of {len(matrix)} labels differ, "
                f"probabilities by up to {error:.2g} (allowed: {TOLERANCE:g})"
            )


def random_matrix(X: Floats, seed: int, n: int = N_RANDOM) -> Floats:
    """Return records nobody has sent: even draws from 0 to beyond the largest answers, with gaps.

    Half of the answers are real ones of other records, so that values at the very thresholds of
    the trees occur. At least one answer is there in every row.
    """
    random = np.random.default_rng(seed)
    spread = random.uniform(0.0, 1.25, (n, X.shape[1])) * np.nanmax(X, axis=0)  # nosec B311  # draws samples, and no secret
    swapped = np.column_stack([random.choice(column[~np.isnan(column)], n) for column in X.T])  # nosec B311  # draws samples, and no secret
    matrix = np.where(random.random(spread.shape) < 0.5, spread, swapped)  # noqa: PLR2004  # nosec B311  # draws samples, and no secret
    n_missing = random.integers(0, X.shape[1], n)
    rank: NDArray[np.int64] = random.permuted(np.tile(np.arange(X.shape[1]), (n, 1)), axis=1)
    return np.where(rank < n_missing[:, np.newaxis], np.nan, matrix).astype(np.float32)
