"""The household and credit card studies, and the samples that stand in for their data."""

from __future__ import annotations

import csv
import gzip
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score

from segmentation.datasets import read_table
from segmentation.schema import Column
from segmentation.schema.relations import Largest
from segmentation.studies.credit_card import CREDIT_CARD
from segmentation.studies.household import HOUSEHOLD
from segmentation.study import Study
from tests.support.shipped import ROOT

BOTH = pytest.mark.parametrize("study", [HOUSEHOLD, CREDIT_CARD], ids=lambda study: study.name)
SEEDS = range(20)
ROWS = {"household": 600, "credit_card": 2000}
FREQUENCIES = {
    "purchases_frequency": "purchases",
    "oneoff_purchases_frequency": "oneoff_purchases",
    "purchases_installments_frequency": "installments_purchases",
    "cash_advance_frequency": "cash_advance",
    "cash_advance_trx": "cash_advance",
    "purchases_trx": "purchases",
    "balance_frequency": "balance",
}


def sample(study: Study) -> Path:
    """Return where the sample of a study is."""
    return ROOT / "data" / f"{study.name}.csv"


def frame(study: Study, path: Path) -> pd.DataFrame:
    """Return a table as the schema reads it, by the columns' own names."""
    return pd.DataFrame(read_table(path, study.schema).records)


def clusters(study: Study, table: pd.DataFrame, seed: int) -> tuple[Any, Any]:
    """Return the records in the study's space and the K-Means cluster of each."""
    records, last = study.pipeline(seed)
    Z = last.space.fit_transform(records.transform(table)[:, list(last.columns)])
    predict = KMeans(len(study.segments), n_init=20, tol=0, random_state=seed).fit_predict(Z)
    return Z, predict


def named(study: Study, table: pd.DataFrame, labels: Any) -> pd.Series:
    """Return the segment of each record by the study's rules of naming."""
    means = table.groupby(labels).mean(numeric_only=True)
    names = {}
    for pick in study.naming:
        score = means[list(pick.columns)].sum(axis=1)
        number = score.idxmax() if pick.extreme == "highest" else score.idxmin()
        names[number] = pick.segment
        means = means.drop(index=number)
    (remainder,) = {segment.id for segment in study.segments} - set(names.values())
    names[means.index.item()] = remainder
    return pd.Series(labels, index=table.index).map(names)


def profiles(study: Study, table: pd.DataFrame) -> Iterator[tuple[pd.Series, pd.DataFrame]]:
    """Yield the sizes of the named segments and their means, for each of 20 seeds."""
    for seed in SEEDS:
        segment = named(study, table, clusters(study, table, seed)[1])
        yield segment.value_counts(), table.groupby(segment).mean(numeric_only=True)


def check_household_names(means: pd.DataFrame) -> None:
    """Check what the rules don't look at: loyalty, occasions and promotions."""
    assert means["largest_brand_share"].idxmax() == "loyalists"
    assert means["transactions"].idxmin() == "loyalists"
    assert means["brand_runs"].idxmax() == "variety_seekers"
    assert means["value"].idxmax() == "variety_seekers"
    assert means["promotion_6_share"].idxmax() == "promo_shoppers"
    assert means["other_promotion_share"].idxmax() == "promo_shoppers"


def check_credit_card_names(means: pd.DataFrame) -> None:
    """Check what the rules don't look at: uses, limits, balances and cash."""
    assert means["purchases_trx"].idxmax() == "vip"
    assert means["credit_limit"].idxmax() == "vip"
    assert means["cash_advance_frequency"].idxmax() == "plus"
    assert means["balance"].idxmax() == "plus"
    assert means["prc_full_payment"].idxmin() == "plus"
    assert means["purchases_frequency"]["mid"] > 3 * means["purchases_frequency"]["low"]


@pytest.fixture(scope="module")
def households() -> pd.DataFrame:
    """The sample of the household panel."""
    return frame(HOUSEHOLD, sample(HOUSEHOLD))


@pytest.fixture(scope="module")
def holders() -> pd.DataFrame:
    """The sample of credit card holders."""
    return frame(CREDIT_CARD, sample(CREDIT_CARD))


@BOTH
def test_a_generator_writes_the_shipped_sample(study: Study) -> None:
    """The generator writes the file again, byte for byte."""
    script = f"data/make_{study.name}.py"
    completed = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, check=True)
    assert completed.stderr == b""
    assert completed.stdout == sample(study).read_bytes()


@BOTH
def test_a_sample_has_the_originals_columns(study: Study) -> None:
    """All but the largest share, under the original's headers and in its order."""
    derived = {rule.column for rule in study.schema.relations if isinstance(rule, Largest)}
    with sample(study).open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert header == [c.title for c in study.schema.columns if c.name not in derived]
    assert len(rows) == ROWS[study.name]


@pytest.mark.parametrize(
    ("study", "column"),
    [(study, column) for study in (HOUSEHOLD, CREDIT_CARD) for column in study.schema.columns],
    ids=lambda item: item.name,
)
def test_a_data_sheet_describes_every_column(study: Study, column: Column) -> None:
    """The data sheet has one row for the column, with its header, kind, unit and limits."""
    sheet = (ROOT / "data" / f"{study.name}.md").read_text(encoding="utf-8")
    rows = [line for line in sheet.splitlines() if line.startswith(f"| `{column.name}` |")]
    assert len(rows) == 1
    for text in (
        column.title,
        column.kind,
        column.unit,
        *(aliase.title for aliase in column.aliases),
    ):
        assert text in rows[0]
    if column.numeric:
        assert f"{column.minimum:,}\u2013{column.maximum:,}" in rows[0]


@BOTH
def test_a_study_fits_together(study: Study) -> None:
    """Rules and readings name features and segments that are there; labels are told apart."""
    features = {column.name for column in study.schema.features}
    ids = [segment.id for segment in study.segments]
    picked = [pick.segment for pick in study.naming]
    assert len({segment.label for segment in study.segments}) == len(ids) == len(set(ids))
    assert len(picked) == len(ids) - 1
    assert set(picked) < set(ids)
    for columns in (pick.columns for pick in study.naming):
        assert set(columns) <= features
    for reading in study.feature_sets:
        assert set(reading.columns) <= features
        assert len(set(reading.columns)) == len(reading.columns)


def test_only_the_demographics_say_nothing_of_purchases() -> None:
    """Demographics define nothing and are fixed; of the twelve features seven define."""
    by_name = HOUSEHOLD.schema.by_name
    result = {
        reading.name: (len(reading.columns), sum(by_name[c].defines for c in reading.columns))
        for reading in HOUSEHOLD.feature_sets
    }
    assert result == {
        "demographics only": (10, 0),
        "12 features (the published way)": (12, 7),
        "all features": (19, 9),
    }
    assert all(by_name[name].fixed for name in HOUSEHOLD.feature_sets[0].columns)


def test_shares_of_a_household_add_up(households: pd.DataFrame) -> None:
    """Promotions, brands, price categories and propositions each divide the whole volume."""
    promotions = ["no_promotion_share", "promotion_6_share", "other_promotion_share"]
    for names in (
        promotions,
        households.filter(regex=r"^(brand_\d.*|other_brands)_share$").columns,
        households.filter(regex=r"^price_category_").columns,
        households.filter(regex=r"^proposition_").columns,
    ):
        assert len(names) in (3, 9, 4, 11)
        np.testing.assert_allclose(households[list(names)].sum(axis=1), 1, atol=1e-8)


def test_quotients_of_a_household_agree(households: pd.DataFrame) -> None:
    """Purchases for each run, volume of a purchase and average price follow from their parts."""
    table = households
    for name, quotient in {
        "transactions_per_brand_run": table.transactions / table.brand_runs,
        "volume_per_transaction": table.total_volume / table.transactions,
        "average_price": 100 * table.value / table.total_volume,
    }.items():
        np.testing.assert_allclose(table[name], quotient, atol=0.00501)


def test_counts_of_a_household_agree(households: pd.DataFrame) -> None:
    """Brands need runs, runs need purchases, and brands with a share are among those bought."""
    table = households
    shares = table.filter(regex=r"^brand_\d.*_share$")
    bought = (shares > 0).sum(axis=1) + (table.other_brands_share > 0)
    assert (table.brands >= bought).all()
    assert (table.brand_runs >= table.brands).all()
    assert (table.transactions >= table.brand_runs).all()
    np.testing.assert_array_equal(table.largest_brand_share, shares.max(axis=1))


def test_a_household_specifies_its_demographics_or_not(households: pd.DataFrame) -> None:
    """Where the size of the household is 0, everything but class and age is not specified."""
    silent = households[households.household_size == 0]
    assert len(silent) == 68
    codes = ["food_habit", "native_language", "sex", "education", "television", "affluence_index"]
    assert (silent[codes] == 0).all(axis=None)
    assert (silent.children == 5).all()
    assert households.socioeconomic_class.value_counts().tolist() == [150] * 4


def test_amounts_of_a_holder_agree(holders: pd.DataFrame) -> None:
    """Purchases are those at one go and in instalments; a frequency is 0 where its amount is."""
    table = holders
    parts = table.oneoff_purchases + table.installments_purchases
    np.testing.assert_allclose(table.purchases, parts, atol=0.005)
    for frequency, amount in FREQUENCIES.items():
        np.testing.assert_array_equal(table[frequency] == 0, table[amount] == 0, err_msg=frequency)


def test_frequencies_of_a_holder_are_months(holders: pd.DataFrame) -> None:
    """Frequencies are whole months of the tenure; those of purchases contain each other."""
    table = holders
    names = [name for name in FREQUENCIES if name.endswith("frequency")]
    steady = table[table.cash_advance_frequency < 1.5]  # which is where the generator stops
    months = steady[[*names, "prc_full_payment"]].mul(steady.tenure, axis=0)
    np.testing.assert_allclose(months, months.round(), atol=1e-5)
    one_off, instalments = table.oneoff_purchases_frequency, table.purchases_installments_frequency
    assert (table.purchases_frequency >= np.maximum(one_off, instalments)).all()
    assert (table.purchases_frequency <= one_off + instalments + 1e-5).all()


def test_gaps_of_holders_are_the_originals(holders: pd.DataFrame) -> None:
    """3.5 % of minimum payments and one limit are missing, and a frequency exceeds 1."""
    gaps = holders.isna().sum()
    assert gaps[gaps > 0].to_dict() == {"minimum_payments": 70, "credit_limit": 1}
    assert holders.minimum_payments[holders.payments == 0].isna().all()
    assert 1 < holders.cash_advance_frequency.max() <= 1.5


def test_households_of_the_sample_are_named_right_whatever_the_seed(
    households: pd.DataFrame,
) -> None:
    """20 seeds: the names fit the columns that the rules don't read, and sizes the original's."""
    for sizes, means in profiles(HOUSEHOLD, households):
        check_household_names(means)
        assert 290 <= sizes["loyalists"] <= 340
        assert 190 <= sizes["variety_seekers"] <= 240
        assert 55 <= sizes["promo_shoppers"] <= 85


def test_holders_of_the_sample_are_named_right_whatever_the_seed(holders: pd.DataFrame) -> None:
    """20 seeds: the names fit the columns that the rules don't read, and sizes the original's."""
    for sizes, means in profiles(CREDIT_CARD, holders):
        check_credit_card_names(means)
        assert 120 <= sizes["vip"] <= 180
        assert 250 <= sizes["plus"] <= 330
        assert 620 <= sizes["mid"] <= 740
        assert 820 <= sizes["low"] <= 940


@BOTH
def test_clusters_of_a_sample_are_there(study: Study) -> None:
    """Silhouettes are at least the originals' (about 0.22), and not those of toy data."""
    Z, result = clusters(study, frame(study, sample(study)), 0)
    assert 0.2 <= silhouette_score(Z, result) <= 0.35


def real(name: str) -> Path:
    """Return a file of the public data sets, if it is there."""
    default = ROOT.parent / "shared" / "data"
    path = Path(os.environ.get("SEGMENTATION_REAL_DATA", default)) / name
    if not path.is_file():
        pytest.skip(f"there is no {name} under SEGMENTATION_REAL_DATA")
    return path


@pytest.fixture(scope="module")
def real_households(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """The original household panel."""
    packed = real("household/BathSoapHousehold.csv.gz")
    path = tmp_path_factory.mktemp("household") / "panel.csv"
    path.write_bytes(gzip.decompress(packed.read_bytes()))
    return frame(HOUSEHOLD, path)


@pytest.fixture(scope="module")
def real_holders() -> pd.DataFrame:
    """The original credit card holders."""
    return frame(CREDIT_CARD, real("credit_card/CC GENERAL.csv"))


@pytest.mark.real
def test_households_of_the_original_are_named_right_whatever_the_seed(
    real_households: pd.DataFrame,
) -> None:
    """20 seeds: 65 Promo Shoppers, 314 Loyalists and 221 Variety Seekers, give or take 3."""
    assert len(real_households) == 600
    for sizes, means in profiles(HOUSEHOLD, real_households):
        check_household_names(means)
        assert sizes["promo_shoppers"] == pytest.approx(65, abs=3)
        assert sizes["loyalists"] == pytest.approx(314, abs=3)
        assert sizes["variety_seekers"] == pytest.approx(221, abs=3)


@pytest.mark.real
def test_holders_of_the_original_are_named_right_whatever_the_seed(
    real_holders: pd.DataFrame,
) -> None:
    """20 seeds: 709, 1,281, 3,087 and 3,873 holders, give or take 1.5 %."""
    assert len(real_holders) == 8950
    for sizes, means in profiles(CREDIT_CARD, real_holders):
        check_credit_card_names(means)
        for segment, size in {"vip": 709, "plus": 1281, "mid": 3087, "low": 3873}.items():
            assert sizes[segment] == pytest.approx(size, rel=0.015)


@pytest.mark.real
def test_the_original_household_panel_can_stay_a_data_frame() -> None:
    """The pipeline reads the original's headers as pandas keeps them, spaces and all."""
    path = real("household/BathSoapHousehold.csv.gz")
    X = HOUSEHOLD.pipeline(0)[0].transform(pd.read_csv(path, encoding="utf-8-sig"))
    assert X.shape == (600, 19)
    assert not np.isnan(X).any()


@pytest.mark.real
@BOTH
def test_no_row_of_an_original_is_in_a_sample(study: Study, request: Any) -> None:
    """Not one record of a sample, its key aside, stands in the original."""
    names = {"household": "real_households", "credit_card": "real_holders"}
    original = request.getfixturevalue(names[study.name])
    columns = [column.name for column in study.schema.numbers]
    pair = pd.concat([frame(study, sample(study))[columns], original[columns].drop_duplicates()])
    assert not pair.duplicated().any()
