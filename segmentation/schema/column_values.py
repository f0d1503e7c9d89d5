"""What the value of a column is: its type for pydantic, and how a cell of a table means one."""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, ConfigDict, Field, WithJsonSchema
from typing_extensions import TypedDict

from segmentation.schema.columns import LARGEST_EXACT_INTEGER, Column

# RFC 3339 without a zone: shops record local time. A date alone is its midnight. What the pattern
# can't say is which years have a 29th of February.
_YEAR = "([1-9][0-9]{3}|0[1-9][0-9]{2}|00[1-9][0-9]|000[1-9])"
_DATE = f"{_YEAR}-((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)"
_DATE += "|02-(0[1-9]|[12][0-9]))"
_TIME = rf"^{_DATE}([T ]([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{{1,6}})?)?)?$"

_NOT_BLANK = r"\S"


def value_type(column: Column) -> Any:
    """Return the annotated type of a column's values, as pydantic reads it.

    Strict: text that looks like a number, and true and false, are not numbers.
    """
    text = Annotated[
        str, Field(strict=True, min_length=1, max_length=column.longest, pattern=_NOT_BLANK)
    ]
    if column.kind == "category":
        return text
    if column.kind == "identifier":
        number = _integer(-LARGEST_EXACT_INTEGER, LARGEST_EXACT_INTEGER)
        return Annotated[number | text, Field(union_mode="left_to_right")]
    if column.kind == "time":
        return Annotated[str, Field(strict=True, pattern=_TIME), AfterValidator(_real_time)]
    low, high = column.minimum, column.maximum
    if column.kind == "integer":
        return _integer(low, high)
    return Annotated[float, Field(strict=True, ge=low, le=high, allow_inf_nan=False)]


def _integer(low: float | None, high: float | None) -> Any:
    """Return the type of whole numbers: JSON has one kind of number, so 7.0 is an integer, too.

    Not ``multiple_of``, which lets 1e-42 pass.
    """
    written_whole = Annotated[int, Field(strict=True, ge=low, le=high)]
    with_a_point = Annotated[
        float, Field(strict=True, ge=low, le=high), AfterValidator(_require_whole)
    ]
    limits = {"minimum": low, "maximum": high}
    return Annotated[
        written_whole | with_a_point,
        Field(union_mode="left_to_right"),
        WithJsonSchema({"type": "integer"} | {k: v for k, v in limits.items() if v is not None}),
    ]


def _real_time(text: str) -> str:
    datetime.fromisoformat(text)  # ValueError for a 31st of February
    return text


def _require_whole(number: float) -> float:
    if not number.is_integer():
        raise ValueError
    return number


def record_model(columns: Sequence[Column]) -> Any:
    """Make the typed dictionary of records with `columns`, each of which may be missing or null.

    A dictionary rather than a ``BaseModel``: validating 10,000 of them takes half the time.
    """
    fields = {column.name: value_type(column) | None for column in columns}
    model = TypedDict("Record", fields, total=False)  # type: ignore[misc]  # made at run time
    model.__pydantic_config__ = ConfigDict(extra="forbid")  # type: ignore[attr-defined]
    return model


def parse_text(column: Column, text: str) -> Any:
    """Read one cell of a table as the value that its column means.

    Parameters
    ----------
    column : Column
    text : str
        A cell as it stands in the file; blank cells are missing answers.

    Returns
    -------
    float, int, str or None
        A number where the column wants one and the text is one; otherwise the text, for the
        validator to refuse.
    """
    text = text.strip()
    if not text:
        return None
    if column.numeric:
        try:
            number = float(text)
        except ValueError:
            return text
        return text if _decorated(text, number) else number
    if column.kind == "identifier" and text.isascii() and text.isdigit() and text[0] != "0":
        return int(text) if int(text) <= LARGEST_EXACT_INTEGER else text
    return text


def read_json_value(column: Column, value: Any) -> Any:
    """Read a JSON value that no column has as the cell of a table that says the same.

    Parameters
    ----------
    column : Column
    value : object

    Returns
    -------
    object
        None for blank text; for a category its code as text, if it is a whole number; otherwise
        the very value. Text is no number: one in JSON has a type, and text may be written in
        ways of which only a whole column can show the meaning.
    """
    if type(value) is str:
        return value if value.strip() else None
    if column.kind == "category" and type(value) in (int, float):
        exact = abs(value) <= LARGEST_EXACT_INTEGER and value == int(value)
        return str(int(value)) if exact else value
    return value


def _decorated(text: str, number: float) -> bool:
    """Whether Python read as a number what no survey means as one: 1_000, nan, infinity."""
    return "_" in text or (not math.isfinite(number) and text.lstrip("+-")[:1].isalpha())
