"""What a record is: the only statement of names, kinds, units, ranges, categories and aliases.

``columns`` states it, ``relations`` is the arithmetic between columns, ``column_values`` says what
one value is, ``record_validation`` checks records against it, ``headers`` finds the columns that
names mean, ``unknown_fields`` says which names mean nothing, and ``json_schema`` writes it all down
as JSON Schema.
Nothing here knows a particular study, reads a table or speaks HTTP.
"""

from segmentation.schema.columns import Alias, Column, Record, underscored
from segmentation.schema.headers import HeaderLookup
from segmentation.schema.record_schema import Schema, Spelling
from segmentation.schema.record_validation import CheckedRecords, RecordValidator
from segmentation.schema.unknown_fields import UnknownFields

__all__ = [
    "Alias",
    "CheckedRecords",
    "Column",
    "HeaderLookup",
    "Record",
    "RecordValidator",
    "Schema",
    "Spelling",
    "UnknownFields",
    "underscored",
]
