"""From a source to a model, whichever of the shapes a study has: they are told apart only here."""

from __future__ import annotations

from typing import Any

from threadpoolctl import threadpool_limits

from segmentation.study import Study
from segmentation.training.discovered import learn_discovered
from segmentation.training.identity import Before
from segmentation.training.labelled import learn_labelled
from segmentation.training.learned import Learned
from segmentation.training.outlook import with_outlook
from segmentation.training.source import Source


def learn(  # noqa: PLR0913  # what a run is asked for, by name
    study: Study,
    source: Source,
    grid: str,
    seed: int,
    *,
    before: Before | None = None,
    callbacks: list[Any] | None = None,
) -> Learned:
    """Fit, calibrate and measure the model of a study.

    Parameters
    ----------
    study : Study
    source : Source
    grid : str
        Name of the search space, where there is something to search.
    seed : int
    before : Before, optional
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
            learned = learn_discovered(study, source.table, seed, before)
        else:
            learned = learn_labelled(
                study, source.table, study.grids.get(grid, {}), seed, callbacks or []
            )
        if study.outlook is None or source.history is None:
            return learned
        return with_outlook(study, study.outlook, learned, source.history, seed)
