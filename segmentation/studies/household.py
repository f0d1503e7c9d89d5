"""The household study: how households of a consumer panel buy bath soap, in three segments.

Edit the texts of ``SEGMENTS`` to change what the service says; run ``make train`` afterwards.
"""

from __future__ import annotations

from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.estimators import ColumnSubset
from segmentation.schema import Alias, Column, Schema
from segmentation.schema.relations import AtMost, Largest, Product, Shares
from segmentation.study import (
    FeatureSet,
    NamingRule,
    Segment,
    Study,
    make_centroid_classifier,
    make_k_means,
    make_record_matrix,
)
from segmentation.study.caveats import TableFact, compare_indirect_answers


def _code(
    name: str, title: str, minimum: int, maximum: int, description: str, *also_called: str
) -> Column:
    """Return a demographic answer: a code that nobody can change.

    Where its code is the panel's own, another table's column of a similar name has another one.
    """
    return Column(
        name=name,
        title=title,
        kind="integer",
        role="feature",
        description=description,
        minimum=minimum,
        maximum=maximum,
        resolution=1,
        fixed=True,
        also_called=also_called,
    )


def _count(
    name: str,
    title: str,
    description: str,
    unit: str,
    *also_called: str,
    aliases: tuple[Alias, ...] = (),
) -> Column:
    """Return a count of purchases, which defines the segments."""
    return Column(
        name=name,
        title=title,
        kind="integer",
        role="feature",
        description=description,
        unit=unit,
        minimum=0,
        maximum=10_000,
        resolution=1,
        aliases=aliases,
        label=f"the number of {unit}",
        defines=True,
        also_called=also_called,
    )


def _share(
    name: str,
    title: str,
    description: str,
    *also_called: str,
    label: str = "",
    defines: bool = False,
) -> Column:
    """Return a share of the volume, which either defines the segments or is context."""
    return Column(
        name=name,
        title=title,
        kind="number",
        role="feature" if defines else "context",
        description=description,
        unit="share of the volume",
        minimum=0,
        maximum=1,
        label=label,
        defines=defines,
        also_called=also_called,
    )


def _ratio(name: str, title: str, description: str, unit: str) -> Column:
    """Return a quotient of other columns: context, as the model reads what it is made of."""
    return Column(
        name=name,
        title=title,
        kind="number",
        role="context",
        description=description,
        unit=unit,
        minimum=0,
        maximum=1_000_000,
        resolution=0.01,
    )


_DEMOGRAPHICS = (
    _code(
        "socioeconomic_class",
        "SEC",
        1,
        5,
        "Socioeconomic class, from 1 (highest) to 5.",
    ),
    _code(
        "food_habit",
        "FEH",
        0,
        3,
        "Eating habits: 1 vegetarian, 2 vegetarian with eggs, 3 not vegetarian; 0 not specified.",
    ),
    _code(
        "native_language",
        "MT",
        0,
        99,
        "Native language, as the panel's code; 0 not specified.",
    ),
    _code("sex", "SEX", 0, 2, "Sex of the homemaker: 1 male, 2 female; 0 not specified."),
    _code(
        "age_group",
        "AGE",
        1,
        4,
        "Age group of the homemaker, from 1 (youngest) to 4 (oldest).",
    ),
    _code(
        "education",
        "EDU",
        0,
        9,
        "Education of the homemaker, from 1 (least) to 9 (most); 0 not specified.",
    ),
    _code(
        "household_size",
        "HS",
        0,
        50,
        "Members of the household; 0 not specified.",
        "HH Size",
        "Family Size",
        "Size of Household",
    ),
    _code(
        "children",
        "CHILD",
        1,
        5,
        "Children in the household: 1 up to 6 years, 2 from 7 to 14, 3 both, 4 none;"
        " 5 not specified.",
    ),
    _code(
        "television",
        "CS",
        0,
        2,
        "Television: 1 available, 2 not available; 0 not specified.",
    ),
    _code(
        "affluence_index",
        "Affluence Index",
        0,
        100,
        "Weighted value of the durables in the household; 0 for none or not specified.",
        "Affluence",
        "Aff Index",
    ),
)

_PURCHASES = (
    _count(
        "brands",
        "No. of Brands",
        "Number of brands that the household bought.",
        "brands",
        "Num Brands",
        "N Brands",
        "Brand Count",
    ),
    _count(
        "brand_runs",
        "Brand Runs",
        "Number of runs of consecutive purchases of one brand: few runs are loyalty.",
        "brand runs",
        "No. of Brand Runs",
        "Num Brand Runs",
        "Brand Run",
    ),
    Column(
        name="total_volume",
        title="Total Volume",
        kind="number",
        role="context",
        description="Volume that the household bought; the panel does not state its unit.",
        unit="units of volume",
        minimum=0,
        maximum=10_000_000,
        resolution=1,
        also_called=("Volume", "Tot Volume"),
    ),
    _count(
        "transactions",
        "No. of  Trans",
        "Number of purchases; brands bought in one month are counted separately.",
        "purchases",
        # The original's header has two spaces, which people and programs make one.
        "Num Trans",
        "N Trans",
        "Trans",
        "No. of Transactions",
        "Num Transactions",
        "Number of Transactions",
        "Transaction Count",
        aliases=(Alias("No. of Trans", unit="purchases", divisor=1),),
    ),
    Column(
        name="value",
        title="Value",
        kind="number",
        role="feature",
        description="What the household paid in all.",
        label="the amount spent",
        unit="units of money",
        minimum=0,
        maximum=10_000_000,
        resolution=0.01,
        defines=True,
        also_called=("Total Value", "Purchase Value", "Total Spend"),
    ),
    _ratio(
        "transactions_per_brand_run",
        "Trans / Brand Runs",
        "Purchases for each brand run.",
        "purchases per run",
    ),
    _ratio(
        "volume_per_transaction",
        "Vol/Tran",
        "Volume of an average purchase.",
        "units of volume per purchase",
    ),
    Column(
        name="average_price",
        title="Avg. Price",
        kind="number",
        role="feature",
        description="Average price paid for a hundred units of volume.",
        unit="units of money per 100 of volume",
        minimum=0,
        maximum=10_000,
        resolution=0.01,
        # The original's header ends in a space, which data frames keep.
        aliases=(Alias("Avg. Price ", unit="units of money per 100 of volume", divisor=1),),
        defines=True,
        also_called=("Mean Price", "Price Average"),
    ),
    _share(
        "no_promotion_share",
        "Pur Vol No Promo - %",
        "Share of the volume that was bought without a promotion.",
        "No Promo Share",
        "No Promo",
        "Vol No Promo",
        label="the share bought without promotion",
        defines=True,
    ),
    _share(
        "promotion_6_share",
        "Pur Vol Promo 6 %",
        "Share of the volume that was bought on promotions of code 6.",
        "Promo 6 Share",
        "Promo 6",
        "Vol Promo 6",
        label="the share bought on promotion 6",
        defines=True,
    ),
    _share(
        "other_promotion_share",
        "Pur Vol Other Promo %",
        "Share of the volume that was bought on any other promotion.",
        "Other Promo Share",
        "Other Promo",
        "Vol Other Promo",
        label="the share bought on other promotions",
        defines=True,
    ),
    _share(
        "largest_brand_share",
        "maxBrCd",
        "Largest of the shares of the brands that have a column; taken from them if left out.",
        "Max Brand",
        "Max Brand Share",
        "Max Brand Code",
        "Brand Loyalty",
        label="the favourite brand's share",
        defines=True,
    ),
)

_BRAND_CODES = ("57, 144", "55", "272", "286", "24", "481", "352", "5")
_BRANDS = tuple(
    _share(
        f"brand_{code.replace(', ', '_')}_share",
        f"Br. Cd. {code}",
        f"Share of the volume that was of brand {code.replace(', ', ' or ')}.",
        label=f"the share of brand {code.replace(', ', ' or ')}",
    )
    for code in _BRAND_CODES
)

_CATEGORIES = (
    _share(
        "other_brands_share",
        "Others 999",
        "Share of the volume that was of any other brand.",
        label="the share of other brands",
    ),
    *(
        _share(
            f"price_category_{code}_share",
            f"Pr Cat {code}",
            f"Share of the volume that was of price category {code}.",
            label=f"the share of price category {code}",
        )
        for code in range(1, 5)
    ),
    *(
        _share(
            f"proposition_{code}_share",
            f"PropCat {code}",
            f"Share of the volume that was sold with product proposition {code}.",
            label=f"the share of proposition {code}",
        )
        for code in range(5, 16)
    ),
)

_BRAND_NAMES = tuple(column.name for column in _BRANDS)

RELATIONS = (
    AtMost("brands", "brand_runs"),
    AtMost("brand_runs", "transactions"),
    Product(
        "transactions",
        ("brand_runs", "transactions_per_brand_run"),
        yields="transactions_per_brand_run",
    ),
    Product(
        "total_volume",
        ("transactions", "volume_per_transaction"),
        yields="volume_per_transaction",
    ),
    # The price is that of a hundred units.
    Product("value", ("average_price", "total_volume"), scale=0.01, yields="total_volume"),
    Shares(("no_promotion_share", "promotion_6_share", "other_promotion_share")),
    Largest("largest_brand_share", _BRAND_NAMES),
    Shares((*_BRAND_NAMES, "other_brands_share")),
    Shares(tuple(f"price_category_{code}_share" for code in range(1, 5))),
    Shares(tuple(f"proposition_{code}_share" for code in range(5, 16))),
)
"""What holds between the columns of the panel's own table (``benchmarks.contradictions``)."""

SCHEMA = Schema(
    columns=(
        Column(
            name="member_id",
            title="Member id",
            kind="identifier",
            role="identifier",
            description="Your own key for the household; it is returned with the answer.",
            also_called=("ID", "Member No.", "Household ID", "HH ID", "Customer ID"),
        ),
        *_DEMOGRAPHICS,
        *_PURCHASES,
        *_BRANDS,
        *_CATEGORIES,
    ),
    relations=RELATIONS,
)

SEGMENTS = (
    Segment(
        label=1,
        id="loyalists",
        name="Loyalists",
        description="Buy few brands, mostly one and the same, seldom and at the regular price.",
        action="Reward repeat purchases and keep their brand in stock; they need no discount.",
    ),
    Segment(
        label=2,
        id="variety_seekers",
        name="Variety Seekers",
        description="Buy most often and most in all, switching between many brands as they go.",
        action="Offer assortments and new variants, so that the next change stays in the range.",
    ),
    Segment(
        label=3,
        id="promo_shoppers",
        name="Promo Shoppers",
        description="Buy a large part of their soap on promotion, and whichever brand has one.",
        action="Invite with targeted promotions, and check that they buy again without one.",
    ),
)


def prior() -> Pipeline:
    """Return what is expected of a household whose purchases aren't all known.

    Code 0, "not specified", is read as the value it is: with it as a gap, or with one column for
    each code, the answers were no better. An answer that is really missing becomes the mean, so
    that it says nothing at all. The penalty is strong because the demographics say little.
    """
    demographics = {column.name for column in _DEMOGRAPHICS}
    positions = [i for i, column in enumerate(SCHEMA.features) if column.name in demographics]
    return Pipeline(
        [
            ("demographics", ColumnSubset(tuple(positions))),
            ("impute", SimpleImputer(strategy="mean", keep_empty_features=True)),
            ("scale", StandardScaler()),
            ("logistic", LogisticRegression(C=0.03, max_iter=2000)),
        ]
    )


def pipeline(random_state: int) -> Pipeline:  # noqa: ARG001  # nothing in it is random
    """Return the unfitted pipeline: records to numbers, purchases on one scale, centroids."""
    space = Pipeline([("scale", StandardScaler())])
    return Pipeline(
        [
            ("records", make_record_matrix(SCHEMA)),
            ("segments", make_centroid_classifier(SCHEMA, space, prior=prior())),
        ]
    )


# The published way: demographics and those purchase columns that don't count brands, of which
# seven define the segments. What it measures is agreement with the clustering.
_TWELVE = (
    "socioeconomic_class",
    "age_group",
    "education",
    "household_size",
    "affluence_index",
    "transactions",
    "value",
    "average_price",
    "no_promotion_share",
    "promotion_6_share",
    "other_promotion_share",
    "largest_brand_share",
)

# The panel as it is in the package dmba 0.2.4, and the synthetic sample.
TABLES = (
    "45f53768ae3e032dce8d077f8f2dc4beef6f89ed96f92d49368f21511248dd49",
    "033aab8126ee5d66b6e1f15318c8c2cb3b8fc1287af45bd9273cddf1171eed55",
)

HOUSEHOLD = Study(
    name="household",
    title="Household panel: bath soap",
    description=(
        "Which of three kinds of buyer a household is, from how it buys; for a household whose"
        " purchases are unknown, how likely each is, from its demographics."
    ),
    schema=SCHEMA,
    segments=SEGMENTS,
    pipeline=pipeline,
    grids={"quick": {}},
    clusterer=make_k_means,
    naming=(
        NamingRule("promo_shoppers", "lowest", ("no_promotion_share",)),
        NamingRule("variety_seekers", "highest", ("brands",)),
    ),
    feature_sets=(
        FeatureSet("demographics only", tuple(column.name for column in _DEMOGRAPHICS)),
        FeatureSet("12 features (the published way)", _TWELVE),
        FeatureSet("all features", tuple(column.name for column in SCHEMA.features)),
    ),
    noise=(),
    caveats=(
        "The segments are clusters of purchase behaviour. To assign a household by the columns"
        " that define them is to apply that definition, not to predict; the same holds, in part,"
        " for any model that reads some of these columns.",
        compare_indirect_answers,
        "Loyalists are told by few brands and one main brand; a household that buys little has had"
        " few occasions to switch.",
        "Code 0 is read as the answer 'not specified'.",
        TableFact(
            "Households that specified nothing buy less in this table, so code 0 may say more about"
            " who takes part than about who lives there.",
            TABLES,
        ),
        TableFact(
            "This panel holds equally many households of each socioeconomic class, so the sizes of"
            " the segments are not shares of a market.",
            TABLES,
        ),
    ),
)
