"""Relations between columns: what follows, what contradicts, and what changes along.

Expected values are worked out by hand; properties hold for any numbers that hypothesis draws.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from segmentation.errors import TrainingError
from segmentation.schema import Column, Record, Schema
from segmentation.schema.relations import (
    AtMost,
    Largest,
    Product,
    Relation,
    Shares,
    Sum,
    ZeroTogether,
)
from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.studies.household import HOUSEHOLD
from segmentation.studies.retail import RETAIL
from segmentation.study import Study
from segmentation.study.check import check_study

SUM = Sum("all", ("one", "two"))
SHARES = Shares(("red", "green", "blue"))
PRODUCT = Product("spent", ("orders", "average"))
AT_MOST = AtMost("runs", "purchases")
ZERO = ZeroTogether(("amount", "count", "months"), (None, 1.0, 0.25))
LARGEST = Largest("favourite", ("red", "green", "blue"))

FOLLOWING = [
    (SUM, {"one": 3, "two": 4}, {"all": 7}),
    (SUM, {"all": 7, "two": 4}, {"one": 3}),
    (SUM, {"all": 7}, {}),
    (SUM, {"all": 0}, {"one": 0, "two": 0}),
    (SUM, {"all": 4, "two": 4}, {"one": 0}),
    (SUM, {"all": 3, "two": 4}, {}),  # nothing makes that right
    (SHARES, {"red": 0.5, "green": 0.2}, {"blue": 0.3}),
    (SHARES, {"red": 1.0}, {"green": 0, "blue": 0}),
    (SHARES, {"red": 0.6}, {}),
    (SHARES, {}, {}),
    (SHARES, {"red": 0.9, "green": 0.4}, {}),
    (PRODUCT, {"orders": 3, "average": 50}, {"spent": 150}),
    (PRODUCT, {"orders": 3, "spent": 150}, {"average": 50}),
    (PRODUCT, {"average": 50, "spent": 150}, {"orders": 3}),
    (PRODUCT, {"average": 0, "spent": 0}, {}),
    (Product("value", ("price", "volume"), scale=0.01), {"price": 20, "value": 4}, {"volume": 20}),
    (AT_MOST, {"purchases": 0}, {"runs": 0}),
    (AT_MOST, {"purchases": 5}, {}),
    (AT_MOST, {"runs": 5}, {}),
    (ZERO, {"count": 0}, {"amount": 0, "months": 0}),
    (ZERO, {"count": 2}, {}),
    (LARGEST, {"red": 0.2, "green": 0.3, "blue": 0.1}, {"favourite": 0.3}),
    (LARGEST, {"red": 0.5}, {"favourite": 0.5}),  # the other half is not larger
    (LARGEST, {"red": 0.3, "green": 0.3}, {}),  # blue may be 0.4
]


@pytest.mark.parametrize(("relation", "record", "expected"), FOLLOWING)
def test_what_follows_is_derived_and_nothing_else(
    relation: Relation, record: Record, expected: Record
) -> None:
    """Only where the answers that are there prove it."""
    assert relation.derive(record) == pytest.approx(expected)


CONTRADICTING = [
    (SUM, {"all": 5, "one": 3, "two": 4}),
    (SUM, {"all": 9, "one": 3, "two": 4}),
    (SUM, {"all": 2, "one": 3}),  # a part is more than the whole
    (SHARES, {"red": 0.9, "green": 0.7}),
    (SHARES, {"red": 0.3, "green": 0.3, "blue": 0.3}),
    (PRODUCT, {"spent": 1500, "orders": 3, "average": 50}),
    (PRODUCT, {"spent": 150, "orders": 0, "average": 50}),
    (AT_MOST, {"runs": 6, "purchases": 5}),
    (ZERO, {"amount": 5000, "count": 0}),
    (ZERO, {"months": 0.5, "amount": 0}),
    (LARGEST, {"favourite": 0.2, "red": 0.4}),
    (LARGEST, {"favourite": 0.5, "red": 0.2, "green": 0.3, "blue": 0.1}),
]


@pytest.mark.parametrize(("relation", "record"), CONTRADICTING)
def test_answers_that_can_not_all_be_right_contradict(relation: Relation, record: Record) -> None:
    """Also where some are missing, as far as those that are there prove it."""
    assert relation.contradicts(record)


AGREEING = [
    (SUM, {"all": 7.1, "one": 3, "two": 4}),  # an export that rounds
    (SUM, {"all": 9, "one": 3}),
    (SUM, {"one": 3, "two": 4}),
    (Sum("all", ("one", "two"), slack=1.5), {"all": 2, "one": 1, "two": 0}),
    (SHARES, {"red": 0.33, "green": 0.33, "blue": 0.33}),
    (SHARES, {"red": 0.3, "green": 0.3}),
    (PRODUCT, {"spent": 500, "orders": 3, "average": 166.67}),
    (PRODUCT, {"spent": 500, "orders": 3, "average": 167}),
    (AT_MOST, {"runs": 5, "purchases": 5}),
    (ZERO, {"amount": 0, "count": 0, "months": 0}),
    (ZERO, {"amount": 0, "months": None}),
    (LARGEST, {"favourite": 0.4, "red": 0.2}),
]


@pytest.mark.parametrize(("relation", "record"), AGREEING)
def test_rounding_and_gaps_are_no_contradiction(relation: Relation, record: Record) -> None:
    """Exports round to two digits and to whole units; a gap may be anything."""
    assert not relation.contradicts(record)


MOVED = [
    (SUM, {"all": 7, "one": 5, "two": 4}, ["one"], {"all": 9}),
    (SUM, {"all": 14, "one": 3, "two": 4}, ["all"], {"one": 6, "two": 8}),
    (SUM, {"all": 7, "one": 0, "two": 0}, ["all"], {"one": 3.5, "two": 3.5}),
    (SUM, {"all": 4, "one": 5, "two": 4}, ["all", "one"], None),
    (SHARES, {"red": 0.5, "green": 0.3, "blue": 0.1}, ["red"], {"green": 0.375, "blue": 0.125}),
    (SHARES, {"red": 0.5, "green": 0.6, "blue": 0.1}, ["red", "green"], None),
    (PRODUCT, {"spent": 150, "orders": 4, "average": 50}, ["orders"], {"spent": 200}),
    (PRODUCT, {"spent": 300, "orders": 3, "average": 50}, ["spent"], {"average": 100}),
    (PRODUCT, {"spent": 300, "orders": 4, "average": 50}, ["spent", "orders"], {"average": 75}),
    (AT_MOST, {"runs": 6, "purchases": 5}, ["runs"], {"purchases": 6}),
    (AT_MOST, {"runs": 6, "purchases": 5}, ["purchases"], {"runs": 5}),
    (AT_MOST, {"runs": 6, "purchases": 5}, ["purchases", "runs"], None),
    (ZERO, {"amount": 0, "count": 3, "months": 1}, ["amount"], {"count": 0, "months": 0}),
    (ZERO, {"amount": 9, "count": 0, "months": 0}, ["amount"], {"count": 1, "months": 0.25}),
    (ZERO, {"amount": 0, "count": 3, "months": 0}, ["count"], None),  # of what amount?
    (LARGEST, {"favourite": 0.3, "red": 0.5, "green": 0.3, "blue": 0.1}, ["red"],
     {"favourite": 0.5}),
    (LARGEST, {"favourite": 0.4, "red": 0.5, "green": 0.3, "blue": 0.1}, ["favourite"],
     {"red": 0.4}),
]  # fmt: skip


@pytest.mark.parametrize(("relation", "record", "settled", "expected"), MOVED)
def test_the_other_columns_change_along(
    relation: Relation, record: Record, settled: list[str], expected: Record | None
) -> None:
    """So that the relation holds again; None where nothing makes it hold."""
    changes = relation.follow(record, settled)
    assert changes == (expected and pytest.approx(expected))


SCHEMAS = [HOUSEHOLD.schema, CREDIT_CARD.schema, RETAIL.schema]


def records_of(schema: Schema) -> st.SearchStrategy[Record]:
    """Return records with any answers to the related questions, complete or not."""
    related = {name for relation in schema.relations for name in relation.columns}
    answers: dict[Any, st.SearchStrategy[Any]] = {}
    for name in related:
        column = schema.by_name[name]
        low, high = column.minimum or 0.0, min(column.maximum or 1e6, 1e6)
        is_whole = column.step is not None and column.step >= 1
        answers[name] = (
            st.integers(int(low), int(high)).map(float) if is_whole else st.floats(low, high)
        )
    return st.fixed_dictionaries({}, optional=answers)


@pytest.mark.parametrize("schema", SCHEMAS)
@given(data=st.data())
def test_derived_answers_are_possible_and_given_ones_stay(
    schema: Schema, data: st.DataObject
) -> None:
    """What is filled in is within the limits of its column; nothing that was sent changes."""
    original = data.draw(records_of(schema))
    derived = schema.derive(dict(original))
    assert derived | original == derived
    for name in derived.keys() - original.keys():
        column = schema.by_name[name]
        assert (column.minimum or 0) <= derived[name] <= (column.maximum or 0)
        if column.step and column.step >= 1:
            assert derived[name] == round(derived[name])
    assert schema.derive(dict(derived)) == derived


@pytest.mark.parametrize("schema", SCHEMAS)
@given(data=st.data())
def test_after_a_change_every_relation_of_what_changed_holds(
    schema: Schema, data: st.DataObject
) -> None:
    """Whatever the record held before; the changed answer stays as it is."""
    record = data.draw(records_of(schema))
    assume(record)
    name = data.draw(st.sampled_from(sorted(record)))
    along = schema.follow(record, [name])
    if along is None:
        return
    assert name not in along
    assert along.keys() <= record.keys()
    changed = record | along
    touched = {name, *along}
    broken = [
        relation
        for relation in schema.relations
        if relation.contradicts(changed)
        and touched.intersection(relation.columns)
        and all(part in record for part in relation.columns)
    ]
    assert not broken


def test_recency_orders_and_amount_follow_from_each_other() -> None:
    """The usual table of recency, frequency and money has no average: 500 in 3 orders."""
    schema = RETAIL.schema
    record = schema.derive({"recency_days": 300, "frequency": 3, "monetary": 500})
    assert record["average_transaction_value"] == pytest.approx(166.6666667)
    assert schema.derive({"monetary": 500, "average_transaction_value": 166.67})["frequency"] == 3
    assert "frequency" not in schema.derive({"monetary": 10, "average_transaction_value": 500})


@pytest.mark.parametrize("study", [CREDIT_CARD, HOUSEHOLD, RETAIL], ids=lambda study: study.name)
@given(data=st.data())
def test_what_follows_is_finite_however_large_or_small_numbers_are(
    study: Study, data: st.DataObject
) -> None:
    """A quotient may be too large for any number, and a column may have no limit."""
    names = [column.name for column in study.schema.features if column.numeric]
    number = st.sampled_from([1e-308, 1e-300, 1e300, 1.7e308, 0, 1, 5.0])
    record = data.draw(st.dictionaries(st.sampled_from(names), number))
    derived = study.schema.derive(record)
    assert all(math.isfinite(derived[name]) for name in derived)


def test_what_one_relation_gives_another_needs() -> None:
    """First the volume, 5 purchases of 100, then the price of a hundred, of which 5 cost 50."""
    record = HOUSEHOLD.schema.derive(
        {"transactions": 5, "volume_per_transaction": 100.0, "value": 50.0}
    )
    assert record["average_price"] == pytest.approx(10)


def test_columns_that_follow_are_not_lacking() -> None:
    """A table without them is complete."""
    names = {column.name for column in RETAIL.schema.decisive_columns}
    assert RETAIL.schema.lacking(names - {"average_transaction_value"}) == ()
    lacking = RETAIL.schema.lacking(names - {"average_transaction_value", "frequency"})
    assert {column.name for column in lacking} == {"average_transaction_value", "frequency"}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_relations_are_written_and_read_as_they_are(schema: Schema) -> None:
    """In a manifest, as JSON."""
    adapter = TypeAdapter(Schema)
    assert adapter.validate_json(adapter.dump_json(schema)).relations == schema.relations


@pytest.mark.parametrize(
    ("relation", "reason"),
    [
        (Sum("first", ("second", "third")), "there is no column third"),
        (AtMost("first", "first"), "stands there 2 times"),
        (AtMost("first", "text"), "text must be a number with a minimum of 0 or more"),
        (AtMost("first", "below"), "below must be a number with a minimum of 0 or more"),
    ],
)
def test_a_relation_that_does_not_fit_its_schema_is_refused(
    relation: Relation, reason: str
) -> None:
    """Before anything is trained, and by the name of the column."""

    def column(name: str, kind: Any = "number", minimum: float = 0) -> Column:
        return Column(name, name, kind, "context", "", minimum=minimum)

    extra = (
        column("first"),
        column("second"),
        column("text", "category"),
        column("below", minimum=-1),
    )
    schema = replace(RETAIL.schema, columns=(*RETAIL.schema.columns, *extra), relations=(relation,))
    with pytest.raises(TrainingError, match=reason):
        check_study(replace(RETAIL, schema=schema))
