"""Texts about faults of a training table, for the terminal and the page of the model."""

from __future__ import annotations

from segmentation.artifact.data_remarks import DataRemark
from segmentation.schema import Schema
from segmentation.wording.phrases import count_noun, format_percent, join_parts

# Of the rows: so many labels are seldom all wrong.
_MANY_LABELS = 0.1


def describe_remark(remark: DataRemark, schema: Schema) -> str:
    """Return what is to be looked at, in one sentence. No value of a record is in it."""
    title = schema.by_name[remark.column].title.strip() if remark.column else ""
    if remark.kind == "constant":
        return f"Column {title!r} has the same value in all its rows: it tells nothing apart."
    if remark.kind == "duplicate":
        verb = "repeats an earlier one" if remark.count == 1 else "repeat earlier ones"
        return (
            f"{count_noun(remark.count, 'row')} of {remark.total} without an identifier {verb}"
            f"{_list_rows(remark)}: customers that are there twice count twice."
        )
    if remark.kind == "short_history":
        return (
            f"The transactions reach back to {count_noun(remark.count, 'date')}, {remark.days} days"
            f" apart; a forecast needs {remark.total}, so this model makes none."
        )
    if remark.kind == "label":
        verb = "has a label" if remark.count == 1 else "have labels"
        return (
            f"{count_noun(remark.count, 'row')} of {remark.total} {verb} that models which did not"
            f" see them contradict{_list_rows(remark)}: {_advise_on_labels(remark)}."
        )
    return (
        f"Column {title!r}: {format_percent(remark.count / remark.total)} of the values are outside"
        f" the usual ones of the model before ({remark.low:g} to {remark.high:g})"
        f"{_describe_ratio(remark)}."
    )


def _advise_on_labels(remark: DataRemark) -> str:
    if remark.count <= _MANY_LABELS * remark.total:
        return "look for wrong labels"
    return "look for wrong labels, or the answers tell little about the segment"


def _list_rows(remark: DataRemark) -> str:
    """Return numbers of rows in brackets; nothing for a remark of a package, which has none."""
    if not remark.rows:
        return ""
    more = remark.count - len(remark.rows)
    numbers = [*map(str, remark.rows), *([f"{more} more"] if more else [])]
    noun = "row" if remark.count == 1 else "rows"
    return f" ({noun} {join_parts(numbers)})"


def _describe_ratio(remark: DataRemark) -> str:
    if remark.ratio is None:
        return ""
    if remark.ratio >= 1:
        return f", and typical ones {remark.ratio:.3g} times as large: another unit?"
    return f", and typical ones {1 / remark.ratio:.3g} times as small: another unit?"
