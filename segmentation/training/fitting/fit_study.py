"""From a source to a model, whichever of the shapes a study has: they are told apart only here."""

from __future__ import annotations

from typing import Any

from threadpoolctl import threadpool_limits

from segmentation.study import Study
from segmentation.training.fitting.clustering import fit_clustered_study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.outlook import with_outlook
from segmentation.training.fitting.supervised import fit_supervised_study
from segmentation.training.identity.predecessor import Predecessor
from segmentation.training.training_data import TrainingData


def fit_study(  # noqa: PLR0913  # what a run is asked for, by name
    study: Study,
    source: TrainingData,
    grid: str,
    seed: int,
    *,
    predecessor: Predecessor | None = None,
    callbacks: list[Any] | None = None,
) -> FittedModel:
    """Fit, calibrate and measure the model of a study.

    Parameters
    ----------
    study : Study
    source : TrainingData
    grid : str
        Name of the search space, where there is something to search.
    seed : int
    predecessor : Predecessor, optional
        The model whose segments are to keep their identity, where they are discovered.
    callbacks : list, optional
        scikit-learn callbacks, for instance a progress bar.

    Raises
    ------
    TrainingError
        If the records are too few or don't fit the study.
    """
    # Many small fits: a second OpenMP thread makes them slower, five times on a machine whose cores
    # are busy. And sums come out the same on every machine.
    with threadpool_limits(1):
        if study.naming:
            learned = fit_clustered_study(study, source.table, seed, predecessor)
        else:
            learned = fit_supervised_study(
                study, source.table, study.grids.get(grid, {}), seed, callbacks or []
            )
        if study.outlook is None or source.history is None:
            return learned
        return with_outlook(study, study.outlook, learned, source.history, seed)
