"""What one segmentation is, and the check that its parts fit together.

``definition`` holds the classes that a study is written with, ``check`` finds an author's mistakes.
The studies themselves are in ``studies``.
"""

from segmentation.study.definition import (
    FeatureSet,
    Grid,
    Implication,
    NamingRule,
    OutlookModel,
    Segment,
    Study,
    TransactionRoles,
    Transactions,
    centroids,
    record_matrix,
)

__all__ = [
    "FeatureSet",
    "Grid",
    "Implication",
    "NamingRule",
    "OutlookModel",
    "Segment",
    "Study",
    "TransactionRoles",
    "Transactions",
    "centroids",
    "record_matrix",
]
