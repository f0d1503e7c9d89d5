"""Adding the segment of a later day to a model: forward in time, never from the future.

``forecaster`` learns it from pairs of dates, and ``outlook_rehearsal`` measures how good it is.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from sklearn.pipeline import Pipeline

from segmentation.artifact.data_remarks import DataRemark
from segmentation.artifact.manifest import Conformal
from segmentation.datasets import History
from segmentation.datasets.snapshots import find_spacing_fault
from segmentation.errors import TrainingError
from segmentation.estimators import WithOutlook
from segmentation.study import OutlookModel, Study
from segmentation.training.fitting.fitted_model import FittedModel
from segmentation.training.fitting.forecaster import fit_forecaster
from segmentation.training.fitting.outlook_pairs import pair_neighbours
from segmentation.training.fitting.outlook_rehearsal import rehearse

# The latest pair of dates is asked about, at least one before it is learned from.
FEWEST_SNAPSHOTS = 3


def with_outlook(
    study: Study, outlook: OutlookModel, learned: FittedModel, history: History, seed: int
) -> FittedModel:
    """Add an outlook, and its metrics, to what was learned about today.

    Parameters
    ----------
    study : Study
    outlook : OutlookModel
    learned : FittedModel
        Of the latest snapshot.
    history : History
        Snapshots `outlook.days` apart, the latest first.
    seed : int

    Returns
    -------
    FittedModel
        Without an outlook, and with a remark, where the history is too short to measure one.

    Raises
    ------
    TrainingError
        If the dates of the history are not so far apart.
    """
    snapshots = history.snapshots
    fault = find_spacing_fault(snapshots, outlook)
    if fault:
        raise TrainingError(f"the history {fault} days ahead")
    if len(snapshots) < FEWEST_SNAPSHOTS:
        remark = DataRemark(
            kind="short_history",
            count=len(snapshots),
            total=FEWEST_SNAPSHOTS,
            days=outlook.days,
        )
        return replace(learned, remarks=(*learned.remarks, remark))
    today = learned.pipeline[-1]
    pairs = pair_neighbours(study, today, snapshots)
    calibrated = fit_forecaster(study, outlook, pairs, today.classes_, seed)
    combined = WithOutlook.of_fitted(today, calibrated.forecaster.classifier)
    pipeline = Pipeline([learned.pipeline.steps[0], (learned.pipeline.steps[-1][0], combined)])
    rehearsal = rehearse(study, outlook, history, seed, today)
    return replace(
        learned,
        pipeline=pipeline,
        outlook_conformal=widen(calibrated.conformal, rehearsal.conformal),
        metrics=(*learned.metrics, *rehearsal.metrics),
        confusions=(*learned.confusions, rehearsal.confusion),
    )


def widen(conformal: Conformal, forward: Conformal) -> Conformal:
    """Return sets that are at least as wide as those that a later date has asked for.

    Customers of the same dates say how far the classifier errs on others, and not how far the
    months differ.
    """
    thresholds = np.maximum(conformal.thresholds, forward.thresholds)
    return conformal.model_copy(update={"thresholds": thresholds.tolist()})
