"""Records as sent against the mobile study's schema."""

from __future__ import annotations

import json
import math
from typing import Any

import jiter
import pytest
from hypothesis import given
from hypothesis import strategies as st

from segmentation.errors import InvalidRecordsError, Problem
from segmentation.schema import Alias, Column, RecordValidator, Schema, underscored
from segmentation.schema.column_values import parse_text
from segmentation.schema.json_schema import record_schemas
from segmentation.studies.mobile import SCHEMA
from tests.support.records import COMPLETE, HEADERS, LOWER_CASE

VALIDATOR = RecordValidator(SCHEMA)


def problems(*records: Any) -> list[Problem]:
    """Return what is wrong with records."""
    with pytest.raises(InvalidRecordsError) as caught:
        VALIDATOR.validate(records)
    return list(caught.value.problems)


def test_the_survey_headers_mean_the_same_as_the_projects_names() -> None:
    """Kaggle's headers come out under the columns' own names."""
    assert VALIDATOR.validate([HEADERS]) == [COMPLETE]


def test_the_lower_case_form_of_existing_clients_means_the_same() -> None:
    """414 minutes of screen time are 6.9 hours; texts stay as they were sent."""
    texts = {"device_model": "google_pixel_5", "operating_system": "android", "gender": "male"}
    assert VALIDATOR.validate([LOWER_CASE]) == [COMPLETE | texts]


def test_hours_and_minutes_that_agree_are_one_answer() -> None:
    """6.9 hours were read off to a tenth, so 416 minutes is the same; the first one counts."""
    record = {"screen_on_hours_per_day": 6.9, "screen_on_time_(min/day)": 416}
    assert VALIDATOR.validate([record]) == [{"screen_on_hours_per_day": 6.9}]


def test_hours_and_minutes_that_disagree_are_refused() -> None:
    """6.9 hours are not 400 minutes."""
    record = {"screen_on_hours_per_day": 6.9, "screen_on_time_(min/day)": 400}
    (problem,) = problems(record)
    assert (problem.field, problem.code) == ("screen_on_time_(min/day)", "disagreement")


def test_one_answer_under_two_names_is_refused_unless_equal() -> None:
    """The same age twice is fine, another one isn't."""
    assert VALIDATOR.validate([{"Age": 3, "age": 3, "apps_installed": 1}])
    assert [problem.code for problem in problems({"Age": 3, "age": 4, "apps_installed": 1})] == [
        "disagreement"
    ]


def test_an_integer_may_be_written_with_a_point() -> None:
    """JSON knows one kind of number."""
    assert VALIDATOR.validate([{"user_id": 7.0, "age": 40.0, "apps_installed": 5}])


def test_missing_answers_are_absent_or_null() -> None:
    """Everything but one usage answer may be missing."""
    assert VALIDATOR.validate([{"apps_installed": 5, "age": None}])


@pytest.mark.parametrize("record", [{}, {"age": 30}, {"apps_installed": None, "user_id": 1}])
def test_a_record_without_any_usage_answer_is_refused(record: dict[str, Any]) -> None:
    """There is nothing to tell a segment from."""
    (problem,) = problems(record)
    assert (problem.field, problem.code) == (None, "no_answers")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("app_usage_min_per_day", 1440.5, "range"),
        ("app_usage_min_per_day", -1, "range"),
        ("app_usage_min_per_day", True, "type"),
        ("app_usage_min_per_day", "352", "type"),
        ("app_usage_min_per_day", [352], "type"),
        ("app_usage_min_per_day", {"value": 352}, "type"),
        ("app_usage_min_per_day", 10**400, "type"),
        ("app_usage_min_per_day", math.inf, "range"),
        ("app_usage_min_per_day", math.nan, "range"),
        ("screen_on_time_(min/day)", 1441, "range"),
        ("screen_on_time_(min/day)", 10**400, "type"),
        ("age", 30.5, "type"),
        ("age", 121, "range"),
        ("gender", 1.5, "type"),
        ("gender", True, "type"),
        ("gender", 2**53, "type"),
        ("gender", "x" * 101, "length"),
        ("user_id", 1.5, "type"),
        ("user_id", True, "type"),
        ("user_id", 2**53, "type"),
    ],
)
def test_a_value_that_no_record_can_have_is_named(field: str, value: object, code: str) -> None:
    """One problem, by the sender's field name."""
    (problem,) = problems({"apps_installed": 5} | {field: value})
    assert (problem.row, problem.field, problem.code) == (0, field, code)


def test_a_limit_is_said_in_the_unit_that_was_sent() -> None:
    """24 hours are 1440 minutes."""
    (problem,) = problems({"screen_on_time_(min/day)": 2000})
    assert problem.message == "must be a number from 0 to 1440 (minutes per day)"


def test_every_problem_of_every_record_is_found() -> None:
    """Rows that are fine in between don't matter."""
    result = problems({"age": 300, "gendr": "x"}, COMPLETE, "record", {"apps_installed": "5"})
    assert {(problem.row, problem.field, problem.code) for problem in result} == {
        (0, "age", "range"),
        (2, None, "type"),
        (3, "apps_installed", "type"),
    }


def test_problems_in_large_batches_keep_their_row() -> None:
    """Checking goes chunk by chunk; row numbers don't."""
    records = [dict(COMPLETE) for _ in range(3000)]
    records[2500]["age"] = 300
    (problem,) = problems(*records)
    assert problem.row == 2500


def test_the_target_is_not_a_field_of_a_record() -> None:
    """What is answered is left out, and noted by the name under which it came."""
    checked = VALIDATOR.validate([COMPLETE | {"User Behavior Class": 4}])
    assert checked == [COMPLETE]
    assert checked.unknown[0].target == "User Behavior Class"
    assert not checked.unknown[0].named


def test_a_very_long_field_name_is_not_repeated() -> None:
    """Nothing quotes more than a hundred characters of a name that was sent."""
    (problem,) = problems({"x" * 101: 1, "age": 3})
    assert problem.field is None
    assert "xx" not in problem.message
    unknown = VALIDATOR.validate([COMPLETE | {"y" * 101: 1, "": 2}]).unknown[0]
    assert [field.name for field in unknown.named] == [None, None]


def test_key_orders_are_not_remembered_without_end() -> None:
    """A sender who makes up orders of keys can't make the memory grow."""
    validator = RecordValidator(SCHEMA)
    names = ["age", "apps_installed", "user_id", "gender", "device_model", "data_usage_mb_per_day"]
    for number in range(720):
        order = sorted(names, key=lambda name, number=number: hash((name, number)))  # type: ignore[misc]
        validator.validate([{name: COMPLETE[name] for name in order}])
    assert len(validator._canonical) <= 256
    for number in range(600):
        validator.validate([{"apps_installed": 5, f"{'x' * 90}{number}": 1}])
    assert len(validator._layouts) <= 256
    remembered = len(validator._layouts)
    RecordValidator(SCHEMA).validate([{"apps_installed": 5} | {"z" * 5000: 1}])
    assert len(validator._layouts) == remembered


@pytest.mark.parametrize("blank", ["", " ", "\t\n", "\u00a0"])
@pytest.mark.parametrize("name", ["age", "gender", "user_id", "app_usage_min_per_day", "Age"])
def test_blank_text_is_a_missing_answer(name: str, blank: str) -> None:
    """In JSON as in a cell of a table, under every name and whatever the column holds."""
    (record,) = VALIDATOR.validate([{"apps_installed": 5, name: blank}])
    assert record.get(name.lower()) is None


def test_blank_text_does_not_hide_the_same_answer_under_another_name() -> None:
    """The name with a value counts, and it is the one that a problem points at."""
    assert VALIDATOR.validate([{"Age": "", "age": 4, "apps_installed": 5}]) == [
        {"age": 4, "apps_installed": 5}
    ]
    (problem,) = problems({"Age": " ", "AGE": 400, "apps_installed": 5})
    assert problem.field == "AGE"


@pytest.mark.parametrize(("code", "text"), [(1, "1"), (0, "0"), (-2, "-2"), (2.0, "2")])
def test_a_category_may_be_sent_as_its_code(code: float, text: str) -> None:
    """It is the text that a table holds; what it means nobody guesses."""
    for name in ("gender", "Gender"):
        assert VALIDATOR.validate([{"apps_installed": 5, name: code}]) == [
            {"apps_installed": 5, "gender": text}
        ]


def test_what_the_sender_holds_is_not_changed() -> None:
    """A record that is read otherwise than it was sent is a copy."""
    record = {"apps_installed": 5, "gender": 1, "age": ""}
    VALIDATOR.validate([record])
    assert record == {"apps_installed": 5, "gender": 1, "age": ""}


ANSWERS = {
    "app_usage_min_per_day": st.floats(-10, 1500) | st.integers(-1, 1500),
    "screen_on_hours_per_day": st.floats(-1, 25),
    "apps_installed": st.integers(0, 3000) | st.none() | st.booleans(),
    "age": st.integers(-2, 125) | st.floats(0, 120),
    "gender": st.text('ab"\\é\n', max_size=3) | st.none(),
    "device_model": st.sampled_from(["iPhone 12", "", 'a "quoted" one', "back\\slash"]),
    "user_id": st.integers() | st.text('1a"', max_size=3) | st.floats(0, 10),
    "App Usage Time (min/day)": st.floats(0, 1440),
    "unknown": st.integers(),
}


@given(st.lists(st.fixed_dictionaries({}, optional=ANSWERS), max_size=4), st.booleans())
def test_the_plain_way_reads_only_what_the_long_way_accepts(
    records: list[dict[str, Any]], ascii_only: bool
) -> None:
    """Whatever is read in one pass is what decoding and checking make of it."""
    body = json.dumps(records, ensure_ascii=ascii_only).encode()
    plain = VALIDATOR.read_plain(body, 100)
    if plain is not None:
        assert plain == VALIDATOR.validate(jiter.from_json(body))


def test_complete_records_take_the_plain_way() -> None:
    """Both shapes of body do, with white space or without."""
    assert VALIDATOR.read_plain(json.dumps(COMPLETE).encode(), 1) == [COMPLETE]
    assert VALIDATOR.read_plain(json.dumps([COMPLETE] * 2, indent=1).encode(), 2) == [COMPLETE] * 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"apps_installed": 5, "apps_installed": 6}',
        b'{"apps_installed": 5, "apps_installed": 5}',
        b'[{"apps_installed": 5}, {"age": 3, "age": 4, "apps_installed": 5}]',
        b'{"gender": "x", "apps_installed": 5, "gender": "y"}',
        b'{"apps_installed": NaN}',
        b'{"apps_installed": Infinity}',
        b'{"apps_installed": 1e999}',
        b'{"apps_installed": 5}{}',
        b'{"apps_install\\u0065d": 5}',
        b"[]x",
        b"5",
        b"",
        b'{"apps_installed": "5"}',
        b'{"age": 5}',
    ],
)
def test_anything_unusual_is_left_to_the_long_way(body: bytes) -> None:
    """Duplicate keys above all: pydantic alone would keep the last one."""
    assert VALIDATOR.read_plain(body, 100) is None


def test_more_records_than_allowed_are_left_to_the_long_way() -> None:
    """It says what the limit is."""
    assert VALIDATOR.read_plain(json.dumps([COMPLETE] * 3).encode(), 2) is None


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("age", " 40 ", 40.0),
        ("age", "", None),
        ("age", "   ", None),
        ("age", "4_0", "4_0"),
        ("age", "nan", "nan"),
        ("age", "-inf", "-inf"),
        ("age", "forty", "forty"),
        ("age", "1e1", 10.0),
        ("gender", " Female", "Female"),
        ("user_id", "17", 17),
        ("user_id", "007", "007"),
        ("user_id", "9" * 20, "9" * 20),
        ("user_id", "a7", "a7"),
    ],
)
def test_a_cell_means_what_its_column_wants(name: str, text: str, value: object) -> None:
    """Blank is missing; what isn't a number stays text, to be refused."""
    assert parse_text(SCHEMA.by_name[name], text) == value


def test_underscored_is_what_data_frames_get_renamed_to() -> None:
    """Lower case, underscores for spaces, the rest as it is."""
    assert underscored("App Usage Time (min/day)") == "app_usage_time_(min/day)"


def test_json_schemas_state_each_spelling_with_its_limits() -> None:
    """The minutes alias has sixty times the limit of the hours."""
    schemas = record_schemas(SCHEMA)
    hours = schemas["Record"]["properties"]["screen_on_hours_per_day"]["anyOf"][0]
    minutes = schemas["RecordByUnderscoredAlias"]["properties"]["screen_on_time_(min/day)"]
    assert hours["maximum"] == 24
    assert minutes["anyOf"][0]["maximum"] == 1440
    assert set(schemas["RecordByHeader"]["properties"]) == set(HEADERS)
    assert set(schemas["RecordByUnderscoredAlias"]["properties"]) == set(LOWER_CASE)


def test_a_schema_without_aliases_has_no_schemas_for_them() -> None:
    """Only the spellings that differ are written down."""
    column = Column("n", "N", kind="number", role="feature", description="", minimum=0, maximum=1)
    assert list(record_schemas(Schema((column,)))) == [
        "Record",
        "RecordByHeader",
        "RecordByUnderscoredHeader",
    ]


def test_an_alias_in_another_unit_is_divided() -> None:
    """Two thousand grams are two kilograms."""
    column = Column(
        "kg", "Kg", kind="number", role="feature", description="", minimum=0, maximum=9,
        aliases=(Alias("Grams", "g", 1000),),
    )  # fmt: skip
    assert RecordValidator(Schema((column,))).validate([{"grams": 2000}]) == [{"kg": 2.0}]


@pytest.mark.parametrize(
    ("kind", "resolution", "default", "value", "expected"),
    [
        ("number", 0.01, None, 6.3849, 6.38),
        ("number", 0.01, 5.0, 6.3849, 6.38),
        ("number", 0.25, None, 0.6, 0.5),
        ("number", 0.0, None, 6.3849, 6.3849),
        ("number", 0.0, 0.001, 6.38449, 6.384),
        ("integer", 0.0, None, 6.5001, 7.0),
        ("integer", 0.0, 0.01, 6.4, 6.0),
        ("integer", 10.0, None, 26.0, 30.0),
    ],
)
def test_a_value_is_rounded_to_the_answers_that_are_possible(
    kind: Any, resolution: float, default: float | None, value: float, expected: float
) -> None:
    """By the stated step, whole numbers by 1, others by the default if there is one."""
    column = Column("x", "X", kind, "feature", "X.", resolution=resolution)
    assert column.round_to_step(value, default) == expected


def test_only_numbers_without_a_resolution_have_no_step() -> None:
    """Whole numbers have a step of 1 unless they state another."""
    steps = [
        Column("x", "X", kind, "feature", "X.", resolution=resolution).step
        for kind, resolution in (("number", 0.0), ("number", 0.5), ("integer", 0.0), ("integer", 5))
    ]
    assert steps == [None, 0.5, 1.0, 5]
