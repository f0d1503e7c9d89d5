"""Transactions of any schema: the engine knows columns by the roles that a study states."""

from __future__ import annotations

import itertools
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from segmentation.artifact import write_package
from segmentation.datasets.snapshots import read_history, write_history
from segmentation.datasets.transactions import describe_reasons, validate
from segmentation.errors import DataError, InvalidRecordsError, TrainingError
from segmentation.runtime import Model
from segmentation.schema import Alias, Column, Schema
from segmentation.studies.retail import RETAIL
from segmentation.study import OutlookModel, TransactionRoles
from segmentation.study.check import check_study
from segmentation.training import command_line, prepare_transactions
from segmentation.training.fitting.fit_study import fit_study
from segmentation.training.packing.pack import Run, pack
from segmentation.training.training_data import TrainingData, read_source
from segmentation.wording.metrics import describe_evaluation, name_metric
from tests.support.calls import CALL, CALLS, DAYS, TRANSACTIONS, draw_calls, write_calls
from tests.support.shop import SAMPLE as SHOP

pytestmark = pytest.mark.long

GOOD = ["c1", "2025-03-01 10:00:00", "60", "0.5"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Half a year of made-up calls."""
    return write_calls(tmp_path_factory.mktemp("calls") / "calls.csv", draw_calls())


@pytest.fixture(scope="module")
def data(table: Path) -> TrainingData:
    """The callers at several dates."""
    return read_source(CALLS, str(table))[1]


@pytest.fixture(scope="module")
def model(data: TrainingData, tmp_path_factory: pytest.TempPathFactory) -> Model:
    """A served model of the callers."""
    learned = fit_study(CALLS, data, "quick", 0)
    path = tmp_path_factory.mktemp("model") / "calls.bin"
    write_package(path, pack(Run(CALLS, data, learned, "quick", 0)))
    return Model.load(path)


def test_the_study_fits_together() -> None:
    """A study of calls has no order, no quantity and no categories."""
    check_study(CALLS)


def test_every_fault_of_a_call_is_counted_under_its_reason(tmp_path: Path) -> None:
    """Also where a number that is neither quantity nor price is below its minimum."""
    rows = [
        GOOD,
        ["", *GOOD[1:]],
        GOOD,
        ["c2", "sometime", "60", "1"],
        ["c3", GOOD[1], "", "1"],
        ["c4", GOOD[1], "-1", "1"],
        ["c5", GOOD[1], "60", "-0.5"],
        ["c6", GOOD[1], "60", "1e9"],
        ["c7", GOOD[1], "60", ""],
    ]
    counts = validate(write_calls(tmp_path / "c.csv", rows), TRANSACTIONS, tmp_path / "c.parquet")
    assert (counts.rows_read, counts.rows_kept, counts.customers) == (9, 2, 2)
    assert counts.dropped == {
        "missing_customer": 1,
        "cancelled": 0,
        "price_not_positive": 1,
        "duplicate": 1,
        "unreadable": 2,
        "out_of_range": 2,
    }
    assert (counts.amount, counts.outliers) == (0.5, {"rows": 0, "share_of_amount": 0})


def test_amounts_are_prices_where_there_is_no_quantity(tmp_path: Path) -> None:
    """What costs nothing has no logarithm: it is counted, and no outlier."""
    rows = [[f"c{i}", GOOD[1], "60", cost] for i, cost in enumerate(["0", "1.5", "2", "2.25"])]
    counts = validate(write_calls(tmp_path / "c.csv", rows), TRANSACTIONS, tmp_path / "c.parquet")
    assert (counts.rows_kept, counts.amount) == (4, 5.75)


def test_transactions_without_a_price_have_no_amount(tmp_path: Path) -> None:
    """They are validated all the same."""
    free = replace(TRANSACTIONS, roles=TransactionRoles(customer="caller", time="started"))
    counts = validate(write_calls(tmp_path / "c.csv", [GOOD]), free, tmp_path / "c.parquet")
    assert (counts.rows_kept, counts.amount, counts.outliers["rows"]) == (1, 0.0, 0)


def test_reasons_speak_of_the_studys_own_columns() -> None:
    """Nobody who has calls reads of invoices."""
    text = " ".join(describe_reasons(TRANSACTIONS).values())
    assert "Caller" in text
    assert "Started, Seconds" in text
    assert "invoice" not in text.lower()


def test_a_missing_column_is_named(tmp_path: Path) -> None:
    """A file without callers is no table of calls, and nobody sees SQL."""
    path = tmp_path / "c.csv"
    path.write_text("Started,Seconds,Cost\n2025-01-01,5,1\n")
    with pytest.raises(DataError, match="missing column 'Caller'"):
        validate(path, TRANSACTIONS, tmp_path / "c.parquet")


def test_a_shop_in_other_words_is_validated_the_same(tmp_path: Path) -> None:
    """Names that SQL itself uses are columns like others; another prefix is a cancellation."""
    schema = Schema(
        (
            Column("order", "Bestellung", "identifier", "feature", "Order."),
            Column("select", "Anzahl", "integer", "feature", "Pieces.", minimum=1, maximum=1000),
            Column("group", "Preis", "number", "feature", "Price.", minimum=0.01, maximum=1000),
            Column("when", "Zeit", "time", "feature", "Time."),
            Column("table", "Kunde", "identifier", "identifier", "Customer.",
                   aliases=(Alias("Kundin", "", 1),)),
        )
    )  # fmt: skip
    roles = TransactionRoles("table", "when", order="order", quantity="select", price="group")
    german = replace(TRANSACTIONS, schema=schema, roles=roles, cancellation_prefix="ST")
    path = tmp_path / "shop.csv"
    path.write_text(
        "Bestellung;Anzahl;Preis;Zeit;Kundin\n"
        "A1;2;1.5;2025-01-01;k1\n"
        "st2;2;1.5;2025-01-02;k1\n"
        "A3;0;1.5;2025-01-03;k1\n"
        "A4;1;0;2025-01-04;k1\n"
    )
    counts = validate(path, german, tmp_path / "c.parquet")
    assert (counts.rows_kept, counts.amount) == (1, 3.0)
    assert (counts.dropped["cancelled"], counts.dropped["price_not_positive"]) == (2, 1)


def test_snapshots_are_as_far_apart_as_the_outlook_looks_ahead(data: TrainingData) -> None:
    """Every 28 days, as long as 28 days of calls lie before."""
    assert data.history is not None
    dates = [shot.as_of for shot in data.history.snapshots]
    assert {later - earlier for later, earlier in itertools.pairwise(dates)} == {timedelta(DAYS)}
    assert len(dates) == 6


def test_the_horizon_of_metrics_is_the_studys(data: TrainingData) -> None:
    """No metric speaks of another number of days than the snapshots are apart."""
    metrics = [
        metric for metric in fit_study(CALLS, data, "quick", 0).metrics if metric.horizon_days
    ]
    assert {metric.horizon_days for metric in metrics} == {DAYS}
    assert "accuracy, 28 days ahead" in {name_metric(metric) for metric in metrics}
    assert all("known 28 days before" in describe_evaluation(metric) for metric in metrics)


@pytest.mark.parametrize("days", [7, 30, 60])
def test_the_shops_dates_follow_another_outlook(days: int) -> None:
    """The shop's 91 days stand in its study and nowhere else."""
    assert RETAIL.outlook is not None
    assert RETAIL.transactions is not None
    study = replace(RETAIL, outlook=OutlookModel(days, RETAIL.outlook.classifier))
    history = read_history(SHOP, study, RETAIL.transactions, (("mug", "kitchen"),))
    dates = [shot.as_of for shot in history.snapshots]
    assert len(dates) > 3
    assert all(a - b == timedelta(days) for a, b in itertools.pairwise(dates))


def test_a_history_of_other_dates_is_refused(data: TrainingData, tmp_path: Path) -> None:
    """Stored or at hand: an outlook of 30 days is not learned from dates 28 days apart."""
    assert data.history is not None
    assert CALLS.outlook is not None
    second = replace(CALLS, outlook=replace(CALLS.outlook, days=30))
    message = "holds dates that are 28 days apart, but the outlook is 30 days ahead"
    with pytest.raises(TrainingError, match=message):
        fit_study(second, data, "quick", 0)
    write_history(data.history, CALLS.schema, tmp_path / "features.parquet")
    with pytest.raises(DataError, match=message):
        read_source(second, str(tmp_path / "features.parquet"))
    assert read_source(CALLS, str(tmp_path / "features.parquet"))[1].history is not None


def test_without_an_outlook_there_is_one_date(table: Path) -> None:
    """Nothing is learned about earlier days."""
    history = read_source(replace(CALLS, outlook=None), str(table))[1].history
    assert history is not None
    assert len(history.snapshots) == 1


def test_a_caller_is_answered_by_calls(model: Model) -> None:
    """From the transactions in the request, with the segment four weeks later."""
    calls = [
        {"Started": f"2025-06-{day:02} 10:00:00", "Seconds": 600, "Cost": 6} for day in range(1, 29)
    ]
    (answer,) = model.predict([{"Caller": "c9", "transactions": calls}])
    assert (answer["segment"]["id"], answer["id"], answer["basis"]) == ("talkers", "c9", "complete")
    assert answer["outlook"]["days"] == DAYS


def test_calls_after_the_reference_are_refused(model: Model) -> None:
    """The column that says when is found by its role."""
    late = {"Started": "2026-01-01 10:00:00", "Seconds": 60}
    with pytest.raises(InvalidRecordsError) as caught:
        model.predict([{"transactions": [late]}])
    (problem,) = caught.value.problems
    assert problem.field == ("transactions", 0, "Started")


def test_calls_are_prepared_and_trained_on_the_command_line(
    table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """validate, features and train.py take a study of calls as they take a shop."""
    monkeypatch.setitem(prepare_transactions.CHOICES, "calls", CALLS)
    monkeypatch.setitem(command_line.STUDIES, "calls", CALLS)
    clean, features = str(tmp_path / "clean.parquet"), str(tmp_path / "features.parquet")
    prepare = ["--study", "calls"]
    assert prepare_transactions.main([*prepare, "validate", str(table), clean]) == 0
    assert prepare_transactions.main([*prepare, "features", clean, features]) == 0
    output = str(tmp_path / "calls.bin")
    arguments = ["--study", "calls", "--data", features, "--output", output]
    assert command_line.main(arguments) == 0
    assert "28 days ahead" in capsys.readouterr().out
    assert command_line.main([*arguments, "--categories", "x.csv"]) == 1
    assert "the study calls has no categories" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("roles", "message"),
    [
        (TransactionRoles("nobody", "started"), "the role customer: there is no column nobody"),
        (TransactionRoles("caller", "seconds"), "the role time: seconds must be of the kind time"),
        (
            TransactionRoles("caller", "started", price="caller"),
            "the role price: caller must be a number",
        ),
        (
            TransactionRoles("caller", "started", quantity="started"),
            "the role quantity: started must be a number",
        ),
    ],
)
def test_roles_that_do_not_fit_are_refused(roles: TransactionRoles, message: str) -> None:
    """Before anything is read, in one sentence."""
    study = replace(CALLS, transactions=replace(TRANSACTIONS, roles=roles))
    with pytest.raises(TrainingError, match=message):
        check_study(study)


@pytest.mark.parametrize("name", ["row", "as_of", 'a"b', "two words"])
def test_columns_that_sql_needs_for_itself_are_refused(name: str) -> None:
    """And those whose names are no words."""
    column = Column(name, "Odd", "number", "context", "Odd.")
    schema = Schema((*CALL.columns, column))
    study = replace(CALLS, transactions=replace(TRANSACTIONS, schema=schema))
    with pytest.raises(TrainingError, match="a column of transactions can't be called"):
        check_study(study)


def test_an_outlook_needs_transactions_and_a_day() -> None:
    """What is asked about the future can't be learned from one table, nor about today."""
    assert CALLS.outlook is not None
    with pytest.raises(TrainingError, match="its outlook needs transactions"):
        check_study(replace(CALLS, transactions=None))
    with pytest.raises(TrainingError, match="must be one day ahead or more"):
        check_study(replace(CALLS, outlook=replace(CALLS.outlook, days=0)))
    with pytest.raises(TrainingError, match="no column has the role order"):
        check_study(replace(CALLS, transactions=replace(TRANSACTIONS, cancellation_prefix="C")))
