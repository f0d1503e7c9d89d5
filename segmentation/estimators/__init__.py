"""Our scikit-learn estimators: everything of ours that ends up inside a pickled pipeline.

They know arrays and data frames, not studies: names and numbers come in as parameters. The last
step of every pipeline can say what each answer contributed (``contributions``).
"""

from segmentation.estimators.centroids import NearestCentroid, WithOutlook, directions
from segmentation.estimators.columns import Clip, Fill, Log1p, Take
from segmentation.estimators.contributions import Contributions
from segmentation.estimators.copies import (
    TrainedOnCopies,
    missing_patterns,
    with_missing,
    with_noise,
)
from segmentation.estimators.records import Floats, RecordMatrix

__all__ = [
    "Clip",
    "Contributions",
    "Fill",
    "Floats",
    "Log1p",
    "NearestCentroid",
    "RecordMatrix",
    "Take",
    "TrainedOnCopies",
    "WithOutlook",
    "directions",
    "missing_patterns",
    "with_missing",
    "with_noise",
]
