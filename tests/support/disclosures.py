"""What a model card tells about one or two customers, found by comparing it with their records.

Every number of the card has a kind here; one that has none is refused. Nothing is taken from the
program that writes cards: records are counted again.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from segmentation.schema import Record

LEAST = 3
"""Customers behind a number."""
_DIGITS = 4
"""Significant digits from which two equal numbers are no coincidence."""

_PART = r"[^/]+"
_SETTING = "what the program or the study states, whoever the customers are"
_MEASURED = "how a model, or its clusters, did with all records: nobody's answer"
_RULES = (
    (_SETTING, r"format_version|(pipeline|onnx)/length|record/.*|implications/.*"),
    (_SETTING, r"segments/\d+/label|aggregation/(transactions|roles)/.*"),
    (_SETTING, r"(outlook/)?conformal/coverage|outlook/days|typicality/false_alarms"),
    (_SETTING, r"(.*/)?condition/(n_missing|noise)|(metrics|confusions)/\d+/horizon_days"),
    (_SETTING, r".*/evaluation/n_repetitions|clusters/(n_dimensions|curve/\d+/k|stability/n)"),
    (_SETTING, r"clusters/map/fewest|training/(random_state|params/.*)"),
    ("count", r"segments/\d+/size|training/(n_train|n_calibration|data/rows)"),
    ("count", r"(outlook/)?conformal/n_calibration|metrics/\d+/n_records"),
    ("count", r"clusters/(quality/n_silhouette_records|map/records|map/cells/\d+/counts/\d+)"),
    ("count", r"lineage/transitions/(records|(old|new)/\d+/members)"),
    ("count", r"training/remarks/\d+/(count|total)"),
    ("share of a segment", r"segments/\d+/share"),
    ("share of a choice", rf"segments/\d+/categories/{_PART}/\d+/(share|index)"),
    ("share of an answer", rf"baseline/categories/{_PART}/shares/.+"),
    ("share without", rf"baseline/(numbers|categories)/{_PART}/missing"),
    ("mean", rf"(baseline|segments/\d+)/numbers/{_PART}/(mean|index)"),
    ("place", rf"baseline/numbers/{_PART}/(low|high|deciles/\d)|"
              rf"segments/\d+/numbers/{_PART}/(low|high)"),
    ("median", r"clusters/naming/\d+/(value|rivals/\d+)"),
    ("made up", r"golden/\d+/(record|probabilities)/.+"),
    (_MEASURED, r"metrics/\d+/value|confusions/\d+/counts/\d+/\d+|questions/\d+/gain"),
    (_MEASURED, r"(outlook/)?conformal/(thresholds|(measured|patterns)/\d+/thresholds)/.*"),
    (_MEASURED, r"clusters/(quality|curve/\d+|stability)/.*|clusters/naming/\d+/margin"),
    (_MEASURED, r"clusters/map/([xy]/.*|places/.*|width|cells/\d+/[xy])"),
    (_MEASURED, r"lineage/transitions/(agreement|unchanged|old/\d+/(stayed|distance))"),
    (_MEASURED, r"lineage/discontinuities/\d+/(value|limit)"),
    (_MEASURED, r"typicality/(segments/\d+/(means|deviations)|limits)/\d+"),
)  # fmt: skip


@dataclass(frozen=True)
class Customers:
    """The records that a card is about, and the segment of each."""

    records: Sequence[Record]
    segments: Sequence[str]

    def answers(self, column: str, segment: str | None = None) -> list[Any]:
        """Return the answers that were given to a question, maybe in one segment."""
        return [
            record[column]
            for record, own in zip(self.records, self.segments, strict=True)
            if record.get(column) is not None and segment in (None, own)
        ]


def list_numbers(value: Any, path: str = "") -> Iterator[tuple[str, float]]:
    """Yield every number of a decoded JSON document with the path to it."""
    if isinstance(value, Mapping):
        members: Any = value.items()
    elif isinstance(value, list):
        members = enumerate(value)
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield path, value
        return
    else:
        return
    for key, member in members:
        yield from list_numbers(member, f"{path}/{key}" if path else str(key))


def name_kind(path: str) -> str:
    """Return what a number is.

    Raises
    ------
    LookupError
        If nobody has said so: what it tells about customers is to be thought of first.
    """
    for kind, pattern in _RULES:
        if re.fullmatch(pattern, path):
            return kind
    raise LookupError(f"{path}: no kind of number in tests/support/disclosures.py")


def find_disclosures(card: Mapping[str, Any], customers: Customers) -> list[str]:
    """Return the numbers of a card that are about fewer than three customers, and why.

    Parameters
    ----------
    card : mapping
        A manifest, as decoded JSON.
    customers : Customers
        Its training records.
    """
    own = _list_extremes(customers)
    faults = []
    for path, number in list_numbers(card):
        kind = name_kind(path)
        check = _CHECKS.get(kind)
        fault = check(_Number(path, number, card, customers)) if check else ""
        if not fault and kind != _SETTING and _has_digits(number) and number in own:
            fault = f"is the extreme of {own[number]}, one customer's own"
        if fault:
            faults.append(f"{path}: {number!r} {fault}")
    return faults


@dataclass(frozen=True)
class _Number:
    """A number of a card, with what it is to be compared with."""

    path: str
    value: float
    card: Mapping[str, Any]
    customers: Customers


def _check_share_of_all(number: _Number) -> str:
    return _complain(number.value * len(number.customers.records))


def _check_share_without(number: _Number) -> str:
    n_records = len(number.customers.records)
    n_without = number.value * n_records
    return _complain(n_without, zero=True) or _complain(n_records - n_without, zero=True)


def _check_answer(number: _Number) -> str:
    _, _, column, _, answer = number.path.split("/", 4)
    return _complain(number.customers.answers(column).count(answer))


def _check_choice(number: _Number) -> str:
    _, position, _, column, rank, _ = number.path.split("/")
    segment = number.card["segments"][int(position)]
    answer = segment["categories"][column][int(rank)]["value"]
    return _complain(number.customers.answers(column, segment["id"]).count(answer))


def _complain(n_customers: float, *, zero: bool = False) -> str:
    enough = round(n_customers) >= LEAST or (zero and round(n_customers) == 0)
    return "" if enough else f"is about {round(n_customers)} customers"


def _complain_of_side(answers: Sequence[float], number: float) -> str:
    n_behind = min(
        sum(answer <= number for answer in answers), sum(answer >= number for answer in answers)
    )
    return "" if n_behind >= LEAST else f"has {n_behind} customers at or beyond it"


def _find_answers(number: _Number) -> list[Any]:
    """Return the answers that a number of the baseline or of a profile is about."""
    of_segment = re.match(r"segments/(\d+)/", number.path)
    segment = number.card["segments"][int(of_segment[1])]["id"] if of_segment else None
    return number.customers.answers(number.path.split("numbers/")[1].split("/")[0], segment)


def _check_median(number: _Number) -> str:
    """Look for a segment with three customers on either side: which rival it is, is not said."""
    reason = number.card["clusters"]["naming"][int(number.path.split("/")[2])]
    faults = []
    for segment in number.card["segments"]:
        columns = [number.customers.answers(name, segment["id"]) for name in reason["columns"]]
        totals = [sum(row) for row in zip(*columns, strict=True)]
        faults.append(_complain_of_side(totals, number.value))
    return "" if "" in faults else faults[0]


def _check_golden(number: _Number) -> str:
    record = number.card["golden"][int(number.path.split("/")[1])]["record"]
    if len(record) == 1:
        return ""  # the first answer of the record before
    twins = sum(
        all(customer.get(name) == answer for name, answer in record.items())
        for customer in number.customers.records
    )
    return "is a customer's record" if twins else ""


_CHECKS: Mapping[str, Callable[[_Number], str]] = {
    "count": lambda number: _complain(number.value, zero=True),
    "share of a segment": _check_share_of_all,
    "share of a choice": _check_choice,
    "share of an answer": _check_answer,
    "share without": _check_share_without,
    "mean": lambda number: _complain(len(_find_answers(number))),
    "place": lambda number: _complain_of_side(_find_answers(number), number.value),
    "median": _check_median,
    "made up": _check_golden,
}


def _list_extremes(customers: Customers) -> dict[float, str]:
    """Return the highest and lowest answers that fewer than three customers gave, by value."""
    columns = {name for record in customers.records for name in record}
    extremes = {}
    for column in columns:
        answers = customers.answers(column)
        if not all(isinstance(answer, int | float) for answer in answers):
            continue
        for end in (min(answers), max(answers)):
            if answers.count(end) < LEAST:
                extremes[end] = column
    return extremes


def _has_digits(number: float) -> bool:
    return len(f"{number:.15g}".replace(".", "").strip("-0")) >= _DIGITS
