"""Files of records: a table in, the same rows with their answers out, however long it is.

``record_file`` opens a file, ``file_preview`` looks at one, ``file_scoring`` answers the rows,
``csv_writing`` and ``json_lines`` put them together again; ``template`` is a file to begin with.
What a table is, and what its cells are, is in ``tables``. No HTTP: the API and the pages share what
is here.
"""

from segmentation.batch.csv_writing import write
from segmentation.batch.file_preview import preview
from segmentation.batch.file_scoring import ScoredRow, score
from segmentation.batch.json_lines import write_lines
from segmentation.batch.record_file import RecordFile, open_record_file
from segmentation.batch.template import template

__all__ = [
    "RecordFile",
    "ScoredRow",
    "open_record_file",
    "preview",
    "score",
    "template",
    "write",
    "write_lines",
]
