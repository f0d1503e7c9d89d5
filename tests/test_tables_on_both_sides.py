"""What scoring reads, training reads: the same table, the same refusals, whatever the file's form.

Tables are drawn from records of the samples and written in the ways in which people's programs
write them. How single cells are read is in ``test_tables``.
"""

from __future__ import annotations

import csv
import gzip
import io
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from segmentation.batch.file_scoring import score_rows
from segmentation.batch.record_file import open_record_file
from segmentation.datasets import read_table
from segmentation.errors import DataError
from segmentation.runtime import Model
from segmentation.schema import Column, Record
from segmentation.studies import STUDIES
from segmentation.tables.open_table import TableOptions
from tests.support.shipped import PACKAGES, sample_records
from tests.support.workbooks import make_workbook

STUDIES_OF_RECORDS = ("mobile", "household", "credit_card")
MODELS = {study: Model.load(PACKAGES[study]) for study in STUDIES_OF_RECORDS}
SAMPLES = {study: sample_records(study)[::37] for study in STUDIES_OF_RECORDS}
MISSING = ("", " ", "NA", "n/a", "NULL", "-", "?", "nan")
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252")
HEADERS = {
    "name": lambda column: column.name,
    "title": lambda column: column.title,
    "capitals": lambda column: column.title.upper(),
    "underscores": lambda column: column.title.lower().replace(" ", "_"),
    "words": lambda column: column.words,
}


@dataclass(frozen=True)
class Drawn:
    """A table as its author has it, and how it is written."""

    study: str
    columns: list[Column] = field(repr=False)
    rows: list[list[Any]]
    header: list[str]

    @property
    def cells(self) -> list[list[Any]]:
        """The header and the rows."""
        return [self.header, *self.rows]


@st.composite
def tables(draw: st.DrawFn, *, faulty: bool = False) -> Drawn:
    """Return some records of a sample, with gaps, maybe with cells that can't be."""
    study = draw(st.sampled_from(STUDIES_OF_RECORDS))
    schema = STUDIES[study].schema
    records = draw(st.lists(st.sampled_from(SAMPLES[study]), min_size=2, max_size=5))
    columns = draw(st.permutations(schema.columns))
    make_header = HEADERS[draw(st.sampled_from(sorted(HEADERS)))]
    may_be_missing = {column.name for column in columns if column.role in ("context", "feature")}
    rows = []
    for number, record in enumerate(records):
        gaps = draw(st.sets(st.sampled_from(sorted(may_be_missing)), max_size=3))
        row = [None if column.name in gaps else record.get(column.name) for column in columns]
        for place, column in enumerate(columns):
            if column.role == "identifier":
                row[place] = f"A{number}"
            if column.role == "target":
                row[place] = number % 2 + 1
        if faulty:
            numeric = [place for place, column in enumerate(columns) if column.numeric]
            row[draw(st.sampled_from(numeric))] = draw(st.sampled_from([-77, "much", 10**12]))
        rows.append(row)
    return Drawn(study, list(columns), rows, list(map(make_header, columns)))


@st.composite
def csv_files(draw: st.DrawFn, table: Drawn) -> bytes:
    """Return a table as text: separator, decimal mark, encoding, what stands above and between."""
    separator = draw(st.sampled_from([",", ";", "\t", "|"]))
    mark = draw(st.sampled_from([".", ","]))
    missing = draw(st.sampled_from(MISSING))

    def write(cell: Any) -> str:
        if cell is None:
            return missing
        return str(cell).replace(".", mark) if isinstance(cell, float) else str(cell)

    text = io.StringIO()
    writer = csv.writer(text, delimiter=separator, lineterminator=draw(_LINE_ENDS))
    above = draw(st.sampled_from([[], [["Report of May"], []], [[]]]))
    rows: list[list[str]] = [*above, table.header, *([write(c) for c in row] for row in table.rows)]
    if draw(st.booleans()):
        rows.append([""] * len(table.header))
    if draw(st.booleans()):
        rows.append(table.header)  # an export that was appended to another
    writer.writerows(rows)
    return text.getvalue().encode(draw(st.sampled_from(ENCODINGS)))


_LINE_ENDS = st.sampled_from(["\n", "\r\n"])


@st.composite
def files(draw: st.DrawFn, table: Drawn) -> bytes:
    """Return a table in any form: text, a workbook or Parquet, maybe packed."""
    kind = draw(st.sampled_from(["csv", "csv", "csv", "xlsx", "parquet"]))
    if kind == "csv":
        content = draw(csv_files(table))
    elif kind == "xlsx":
        content = make_workbook({"Data": table.cells})
    else:
        content = make_parquet(table)
    # A workbook is an archive, and an archive in an archive is refused.
    packing = draw(st.sampled_from(["", "gzip", "zip"] if kind != "xlsx" else [""]))
    if packing == "gzip":
        return gzip.compress(content)
    return _zipped(content) if packing == "zip" else content


def _zipped(content: bytes) -> bytes:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as members:
        members.writestr("table", content)
    return archive.getvalue()


def make_parquet(table: Drawn) -> bytes:
    """Return a table as Parquet: numbers as such, unless the column holds a word."""
    types = [
        "VARCHAR" if any(isinstance(row[place], str) for row in table.rows) else "DOUBLE"
        for place in range(len(table.header))
    ]
    with duckdb.connect() as connection:
        names = [header.replace('"', '""') for header in table.header]
        described = ", ".join(f'"{name}" {kind}' for name, kind in zip(names, types, strict=True))
        connection.execute(f"CREATE TABLE cells ({described})")
        marks = ", ".join("?" * len(names))
        statement = f"INSERT INTO cells VALUES ({marks})"  # noqa: S608  # question marks alone
        connection.executemany(statement, table.rows)
        with TemporaryDirectory() as folder:
            path = Path(folder) / "table.parquet"
            connection.table("cells").write_parquet(str(path))
            return path.read_bytes()


def score_records(study: str, content: bytes) -> list[Record]:
    """Return what scoring understands: canonical records, without the target."""
    model = MODELS[study]
    records: list[Record] = []
    with open_record_file(io.BytesIO(content), model.manifest.record, TableOptions()) as file:
        for chunk in file.chunks():
            assert not chunk.faults
            assert not chunk.rows.uneven
            values = zip(*chunk.values.values(), strict=True)
            records += [dict(zip(chunk.values, row, strict=True)) for row in values]
    return list(model.check(records))


def train_records(study: str, content: bytes, folder: Path) -> list[Record]:
    """Return what training understands of the same file."""
    path = folder / "table.bin"
    path.write_bytes(content)
    return read_table(path, STUDIES[study].schema).records


def without_gaps(study: str, records: Sequence[Record]) -> list[Record]:
    """Return records without what is missing, and without the target, as scoring has none."""
    target = STUDIES[study].schema.target
    left_out = {target.name} if target else set()
    columns = STUDIES[study].schema.by_name
    return [
        {
            name: columns[name].known_category(value) or value
            if columns[name].kind == "category"
            else value
            for name, value in record.items()
            if value is not None and name not in left_out
        }
        for record in records
    ]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for the files of this module."""
    return tmp_path_factory.mktemp("tables")


@settings(max_examples=50)
@given(data=st.data())
def test_training_reads_what_scoring_reads(folder: Path, data: st.DataObject) -> None:
    """Row by row and cell by cell: numbers, categories, identifiers, gaps, and what follows."""
    table = data.draw(tables())
    content = data.draw(files(table))
    scored = without_gaps(table.study, score_records(table.study, content))
    trained = without_gaps(table.study, train_records(table.study, content, folder))
    assert trained == scored
    assert len(scored) == len(table.rows)


@settings(max_examples=50)
@given(data=st.data())
def test_training_refuses_what_scoring_refuses(folder: Path, data: st.DataObject) -> None:
    """Each cell by its row and header, and for the same reason."""
    table = data.draw(tables(faulty=True))
    content = data.draw(files(table))
    model = MODELS[table.study]
    refused: list[tuple[int, str, str]] = []
    with open_record_file(io.BytesIO(content), model.manifest.record, TableOptions()) as file:
        for row in (row for rows in score_rows(model, file) for row in rows):
            refused += [
                (problem.row + 1, str(problem.field).strip(), problem.message)
                for problem in row.problems
            ]
    try:
        train_records(table.study, content, folder)
        reasons = ""
    except DataError as error:
        reasons = str(error)
    target = STUDIES[table.study].schema.target
    if target is None:
        assert bool(refused) == bool(reasons)
    for row, header, message in refused:
        assert f"row {row} " in reasons
        assert f"column {header!r}: {message}" in reasons
