"""What one segmentation is, and the check that its parts fit together.

``definition`` holds the classes that a study is written with, ``steps`` the building blocks of its
pipeline, ``caveats`` what its model card says that metrics don't, and ``check`` finds an author's
mistakes.
The studies themselves are in ``studies``.
"""

from segmentation.schema.transaction_roles import TransactionRoles
from segmentation.study.definition import (
    FeatureSet,
    Grid,
    Implication,
    NamingRule,
    OutlookModel,
    Segment,
    Study,
    Transactions,
)
from segmentation.study.steps import (
    make_centroid_classifier,
    make_gaussian_mixture,
    make_k_means,
    make_mixture_classifier,
    make_record_matrix,
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
    "make_centroid_classifier",
    "make_gaussian_mixture",
    "make_k_means",
    "make_mixture_classifier",
    "make_record_matrix",
]
