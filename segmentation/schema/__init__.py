"""What a record is: the only statement of names, kinds, units, ranges, categories and aliases.

``columns`` states it, ``values`` says what one value is, ``records`` checks records against it,
``headers`` finds its columns in a table's header and ``documents`` writes it down as JSON Schema.
Nothing here knows a particular study, reads a table or speaks HTTP.
"""

from segmentation.schema.columns import (
    Alias,
    Column,
    Derived,
    Record,
    Schema,
    Spelling,
    underscored,
)
from segmentation.schema.record_validation import RecordValidator

__all__ = [
    "Alias",
    "Column",
    "Derived",
    "Record",
    "RecordValidator",
    "Schema",
    "Spelling",
    "underscored",
]
