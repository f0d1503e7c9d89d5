"""Files of records: a CSV file in, the same rows with their answers out, however long it is.

``reading`` finds rows, ``mapping`` the fields in their header, ``decimals`` the numbers in their
cells; ``scoring`` answers them and ``writing`` puts them together again. No HTTP: the API and the
pages share what is here.
"""

from segmentation.batch.reading import RecordFile
from segmentation.batch.scoring import ScoredRow, score
from segmentation.batch.writing import write

__all__ = ["RecordFile", "ScoredRow", "score", "write"]
