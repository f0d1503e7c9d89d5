"""Relations: the arithmetic that holds between the columns of a record.

A study states each relation once. From it follow the columns that need not be sent (`derive`),
whether a record contradicts itself (`contradicts`), and what else changes when one column does
(`follow`). All columns of a relation are numbers that are never negative. Nothing here knows a
particular study; ``schema.Schema`` applies the relations together, and the words for people are
in ``wording.relations``.

Values are compared with a tolerance, because exports round: both sides may differ by `ROUNDING` of
the larger one, and further by the relation's own `slack`, which is in the unit of the columns.
"""

from typing import Annotated

from pydantic import Discriminator

from segmentation.schema.relations.limits import AtMost, Largest, ZeroTogether
from segmentation.schema.relations.products import Product
from segmentation.schema.relations.sums import Shares, Sum
from segmentation.schema.relations.values import ROUNDING, Values

Relation = Annotated[
    Sum | Shares | Product | AtMost | ZeroTogether | Largest, Discriminator("kind")
]

__all__ = [
    "ROUNDING",
    "AtMost",
    "Largest",
    "Product",
    "Relation",
    "Shares",
    "Sum",
    "Values",
    "ZeroTogether",
]
