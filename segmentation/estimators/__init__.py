"""Our scikit-learn estimators: everything of ours that ends up inside a pickled pipeline.

They know arrays and data frames, not studies: names and numbers come in as parameters. The last
step of every pipeline can say what each answer contributed (``contributions``).
"""

from segmentation.estimators.centroids import CentroidClassifier
from segmentation.estimators.columns import Clip, ColumnSubset, Log1p, MeanImputer
from segmentation.estimators.contributions import Contributions
from segmentation.estimators.copies import (
    TrainedOnCopies,
    missing_patterns,
    with_missing,
    with_noise,
)
from segmentation.estimators.mixtures import MixtureClassifier
from segmentation.estimators.records import Floats, RecordMatrix
from segmentation.estimators.segment_classifier import (
    SegmentClassifier,
    find_directions,
    fit_scaling,
)
from segmentation.estimators.with_outlook import WithOutlook

__all__ = [
    "CentroidClassifier",
    "Clip",
    "ColumnSubset",
    "Contributions",
    "Floats",
    "Log1p",
    "MeanImputer",
    "MixtureClassifier",
    "RecordMatrix",
    "SegmentClassifier",
    "TrainedOnCopies",
    "WithOutlook",
    "find_directions",
    "fit_scaling",
    "missing_patterns",
    "with_missing",
    "with_noise",
]
