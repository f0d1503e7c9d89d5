"""Files of records: a CSV file in, the same rows with their answers out, however long it is.

``csv_table`` finds rows, ``column_mapping`` the fields in their header, ``decimal_marks`` the
numbers in their cells; ``record_file`` puts that together, ``file_scoring`` answers the rows,
``csv_writing`` and ``json_lines`` put them together again. ``template`` is a file to begin with. No
HTTP: the API and the pages share what is here.
"""

from segmentation.batch.csv_writing import write
from segmentation.batch.file_scoring import ScoredRow, score
from segmentation.batch.json_lines import write_lines
from segmentation.batch.record_file import RecordFile, preview
from segmentation.batch.template import template

__all__ = ["RecordFile", "ScoredRow", "preview", "score", "template", "write", "write_lines"]
