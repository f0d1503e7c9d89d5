"""Files of records: a table in, the same rows with their answers out, however long it is.

``any_file`` opens a file: ``record_file`` is one with a row for each customer, ``order_file`` one
with lines of orders. ``file_preview`` looks at a file, ``file_scoring`` answers the rows,
``csv_writing`` and ``json_lines`` put them together again; ``template`` is a file to begin with.
What a table is, and what its cells are, is in ``tables``. No HTTP: the API and the pages share what
is here.
"""

from segmentation.batch.any_file import open_any_file, score
from segmentation.batch.csv_writing import write
from segmentation.batch.file_preview import preview
from segmentation.batch.file_scoring import ScoredRow
from segmentation.batch.json_lines import write_lines
from segmentation.batch.record_file import RecordFile, open_record_file
from segmentation.batch.template import template

__all__ = [
    "RecordFile",
    "ScoredRow",
    "open_any_file",
    "open_record_file",
    "preview",
    "score",
    "template",
    "write",
    "write_lines",
]
