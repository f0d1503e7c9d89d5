"""The only reader of tables, which checks them against a study's schema before anyone uses them.

``tables`` reads records, ``transactions`` reads purchases, ``history`` makes records of those, and
``sources`` says where files are and what they hold. Nothing here fits or answers.
"""

from segmentation.datasets.categories import read_categories
from segmentation.datasets.record_tables import MOST_REASONS, RecordTable, read_table
from segmentation.datasets.snapshots import History, Snapshot, read_history
from segmentation.datasets.transactions import Validation

__all__ = [
    "MOST_REASONS",
    "History",
    "RecordTable",
    "Snapshot",
    "Validation",
    "read_categories",
    "read_history",
    "read_table",
]
