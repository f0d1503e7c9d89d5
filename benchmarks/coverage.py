"""Whether sets hold what they promise, on records and gaps that did not calibrate them.

``python -m benchmarks.coverage [STUDY …]``: each study is fitted on four of five folds of its
public table (``SEGMENTATION_REAL_DATA``; of the sample where that is missing) as ``train.py`` does
it, and asked about the fifth, with gaps drawn by another seed. Where segments are discovered, the
truth is where a model of all records puts the complete record. Prints for each number of missing
answers the coverage, that of the worst segment, the mean number of plausible segments, the share
unsure, the accuracy, and the calibration error of the confidence in ten bins of equal numbers.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import KFold

from benchmarks.contradictions import REAL, TABLES
from segmentation.estimators import Floats, with_noise
from segmentation.studies import STUDIES
from segmentation.study import Study
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.question_order import find_missing, index_patterns
from segmentation.training.fitting.supervised import label_records
from segmentation.training.labelled_records import matrix
from segmentation.training.measuring.prediction_sets import make_sets
from segmentation.training.training_data import TrainingData, read_source

N_FOLDS, MOST_FOLDS, SEED = 5, 2, 20261127
N_DRAWS = 6
N_BINS = 10

Answers = tuple[NDArray[np.bool_], NDArray[Any], NDArray[Any], NDArray[np.float64]]


def main() -> None:
    """Print a table for each study."""
    for name in sys.argv[1:] or STUDIES:
        path = REAL / TABLES[name]
        study, data = read_source(STUDIES[name], str(path) if path.is_file() else None)
        study = replace(study, outlook=None)
        print(f"{name}, {data.table.name}")
        print(f"  {'records':24s} cover  worst   size unsure  right    ECE")
        answers: defaultdict[str, list[Answers]] = defaultdict(list)
        for condition, sets, P, y, classes in _ask_folds(study, data):
            answers[condition].append((sets, P, y, classes))
        for condition, parts in answers.items():
            _print(condition, parts)


def _ask_folds(study: Study, data: TrainingData) -> Iterator[tuple[str, Any, Any, Any, Any]]:
    truth = _find_truth(study, data)
    folds = KFold(N_FOLDS, shuffle=True, random_state=SEED)
    rows = np.arange(len(data.table.records))
    for fold, (inside, outside) in enumerate(folds.split(rows)):
        if fold == MOST_FOLDS and len(rows) > 1_000:  # minutes otherwise
            return
        table = replace(data.table, records=[data.table.records[i] for i in inside])
        learned = fit_study(study, replace(data, table=table), "quick", SEED + fold)
        X = matrix(study, [data.table.records[i] for i in outside])
        n_asked, is_right, is_sure = _ask_in_order(study, learned, X, truth[outside])
        print(
            f"  asked in order: {n_asked.mean():.2f} of {len(learned.questions)} questions until"
            f" one segment is plausible, right for {is_right.mean():.3f}, sure in the end for"
            f" {is_sure.mean():.3f}",
            flush=True,
        )
        yield from _ask(study, learned, X, truth[outside])


def _find_truth(study: Study, data: TrainingData) -> NDArray[Any]:
    if study.schema.target is not None:
        return label_records(study, data.table).y
    learned = fit_study(study, data, "quick", SEED)
    return np.asarray(learned.pipeline.predict(matrix(study, data.table.records)))


def _ask(
    study: Study, learned: FittedModel, X: Floats, y: NDArray[Any]
) -> Iterator[tuple[str, Any, Any, Any, Any]]:
    random = np.random.default_rng(SEED)
    decisive = list(study.schema.decisive)
    for level in (0.0, *study.noise):
        for n_missing in range(len(decisive) + (len(decisive) < X.shape[1])):
            for _ in range(N_DRAWS if n_missing or level else 1):
                copies = X.copy()
                if level:
                    noise = np.random.RandomState(random.integers(1 << 31))
                    copies[:, decisive] = with_noise(X[:, decisive], level, noise)
                rank = random.permuted(np.tile(np.arange(len(decisive)), (len(X), 1)), axis=1)
                copies[:, decisive] = np.where(rank < n_missing, np.nan, copies[:, decisive])
                noisy = f"{level:.0%} noise, " if level else ""
                yield (f"{noisy}{n_missing} missing", *_answer(study, learned, copies, y))
    for position in decisive:
        copies = X.copy()
        copies[:, position] = np.nan
        name = study.schema.features[position].name
        yield (f"- {name}"[:24], *_answer(study, learned, copies, y))


def _answer(
    study: Study, learned: FittedModel, X: Floats, y: NDArray[Any]
) -> tuple[Any, Any, Any, Any]:
    P = learned.pipeline.predict_proba(X)
    sets = np.zeros(P.shape, dtype=np.bool_)
    patterns = index_patterns(study, learned.conformal)
    decisive = np.asarray(study.schema.decisive)
    gaps = np.isnan(X[:, decisive])
    for pattern in np.unique(gaps, axis=0):
        rows = (gaps == pattern).all(axis=1)
        by_number = learned.conformal.thresholds[int(pattern.sum())]
        thresholds = patterns.get(tuple(decisive[pattern].tolist()), by_number)
        sets[rows] = make_sets(P[rows], 1.0 - np.asarray(thresholds))
    return sets, P, y, learned.pipeline.classes_


def _ask_in_order(
    study: Study, learned: FittedModel, X: Floats, y: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return for each record how many questions one segment took, and whether it was right."""
    true = np.searchsorted(learned.pipeline.classes_, y)
    n_asked, is_right = np.zeros(len(X)), np.zeros(len(X), dtype=np.bool_)
    is_sure, undecided = is_right.copy(), ~is_right
    fields: list[str] = []
    for question in learned.questions:
        fields.append(question.field)
        copies = X.copy()
        copies[:, find_missing(study, fields)] = np.nan
        sets, P, _, _ = _answer(study, learned, copies, y)
        n_asked[undecided] = len(fields)
        is_right[undecided] = (P.argmax(axis=1) == true)[undecided]
        is_sure[undecided] = (sets.sum(axis=1) == 1)[undecided]
        undecided &= ~is_sure
    return n_asked, is_right, is_sure


def _print(condition: str, parts: list[Answers]) -> None:
    sets, P = np.vstack([part[0] for part in parts]), np.vstack([part[1] for part in parts])
    y, classes = np.concatenate([part[2] for part in parts]), parts[0][3]
    true = np.searchsorted(classes, y)
    covered = sets[np.arange(len(y)), true]
    worst = min(float(covered[y == label].mean()) for label in np.unique(y))
    sizes = sets.sum(axis=1)
    is_right = P.argmax(axis=1) == true
    print(
        f"  {condition:24s} {covered.mean():.3f}  {worst:.3f} {sizes.mean():6.2f}"
        f" {(sizes != 1).mean():6.3f} {is_right.mean():6.3f} {_calibration_error(P, is_right):6.3f}"
    )


def _calibration_error(P: NDArray[np.float64], is_right: NDArray[np.bool_]) -> float:
    confidence = P.max(axis=1)
    bins = np.array_split(np.argsort(confidence), N_BINS)
    gaps = [abs(confidence[rows].mean() - is_right[rows].mean()) * len(rows) for rows in bins]
    return float(sum(gaps) / len(is_right))


if __name__ == "__main__":
    main()
