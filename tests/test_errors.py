"""What errors say to a person, and what they carry."""

from __future__ import annotations

from segmentation.errors import DataError, InvalidRecordsError, Problem, UnavailableError


def test_missing_libraries_are_named_with_what_installs_them() -> None:
    """In one sentence for whoever asked, and one for the operator."""
    error = UnavailableError.without("Explanations", "explain")
    assert str(error) == (
        "Explanations need libraries that are not installed here: the extra 'explain'."
        " The full image has them."
    )


def test_invalid_records_are_counted_and_kept() -> None:
    """Every problem, in its order."""
    problems = [Problem(0, "age", "range", "too large"), Problem(3, None, "type", "no object")]
    error = InvalidRecordsError(problems)
    assert error.problems == tuple(problems)
    assert str(error) == "2 problem(s) in the records"


def test_a_table_that_cannot_be_used_has_a_line_of_reasons() -> None:
    """Which begins with where it is from."""
    error = DataError("shop.csv", ["no rows", "no header"])
    assert (error.source, error.reasons) == ("shop.csv", ("no rows", "no header"))
    assert str(error) == "shop.csv: no rows; no header"
