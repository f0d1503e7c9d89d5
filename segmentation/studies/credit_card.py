"""The credit card study: how cards are used over six months, in four tiers of turnover.

Edit the texts of ``SEGMENTS`` to change what the service says; run ``make train`` afterwards.
"""

from __future__ import annotations

from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.estimators import Clip, MeanImputer
from segmentation.schema import Column, Schema
from segmentation.schema.relations import AtMost, Sum, ZeroTogether
from segmentation.study import (
    NamingRule,
    Segment,
    Study,
    make_centroid_classifier,
    make_k_means,
    make_record_matrix,
)
from segmentation.study.caveats import TableFact, compare_fewer_clusters


def _amount(title: str, label: str, description: str, *also_called: str) -> Column:
    """Return an amount of money; the original doesn't state the currency."""
    return Column(
        name=title.lower(),
        title=title,
        kind="number",
        role="feature",
        description=description,
        label=label,
        unit="units of money",
        minimum=0,
        maximum=100_000_000,
        resolution=0.01,
        defines=True,
        also_called=also_called,
    )


def _share(
    title: str,
    label: str,
    description: str,
    unit: str,
    *also_called: str,
    maximum: float = 1,
) -> Column:
    """Return a share, of months or of statements."""
    return Column(
        name=title.lower(),
        title=title,
        kind="number",
        role="feature",
        description=description,
        label=label,
        unit=unit,
        minimum=0,
        maximum=maximum,
        defines=True,
        also_called=also_called,
    )


def _count(
    title: str, label: str, description: str, unit: str, maximum: int, *also_called: str
) -> Column:
    """Return a whole number."""
    return Column(
        name=title.lower(),
        title=title,
        kind="integer",
        role="feature",
        description=description,
        label=label,
        unit=unit,
        minimum=0,
        maximum=maximum,
        resolution=1,
        defines=True,
        also_called=also_called,
    )


# The least share of half a year or a year in which something happened: one month of twelve.
_ONE_MONTH = 1 / 12

RELATIONS = (
    # Exports round amounts to whole units.
    Sum("purchases", ("oneoff_purchases", "installments_purchases"), slack=1.5),
    ZeroTogether(("purchases", "purchases_trx", "purchases_frequency"), (None, 1.0, _ONE_MONTH)),
    ZeroTogether(("oneoff_purchases", "oneoff_purchases_frequency"), (None, _ONE_MONTH)),
    ZeroTogether(
        ("installments_purchases", "purchases_installments_frequency"), (None, _ONE_MONTH)
    ),
    ZeroTogether(
        ("cash_advance", "cash_advance_trx", "cash_advance_frequency"), (None, 1.0, _ONE_MONTH)
    ),
    ZeroTogether(("balance", "balance_frequency"), (None, _ONE_MONTH)),
    # Shares of months that are rounded to whole per cent.
    AtMost("oneoff_purchases_frequency", "purchases_frequency", slack=0.01),
    AtMost("purchases_installments_frequency", "purchases_frequency", slack=0.01),
)
"""What holds between the columns of the original (``benchmarks.contradictions``)."""

SCHEMA = Schema(
    columns=(
        Column(
            name="cust_id",
            title="CUST_ID",
            kind="identifier",
            role="identifier",
            description="Your own key for the card holder; it is returned with the answer.",
            also_called=("ID", "Customer ID", "Customer", "Client ID", "Account ID", "Card Holder"),
        ),
        _amount(
            "BALANCE",
            "the balance owed",
            "Balance of the account: what the holder owes on the card.",
            "Account Balance",
        ),
        _share(
            "BALANCE_FREQUENCY",
            "the share of months with a new balance",
            "How often the balance is updated, from 0 (never) to 1 (always).",
            "share of months",
            "Balance Freq",
        ),
        _amount(
            "PURCHASES",
            "the amount of all purchases",
            "Amount of all purchases: at one go and in instalments.",
            "Total Purchases",
            "Purchase Amount",
            "Purchases Amount",
        ),
        _amount(
            "ONEOFF_PURCHASES",
            "the amount paid at one go",
            "Amount of the purchases that were paid at one go.",
            "One-Off Purchase",
            "One-Off Purchases Amount",
        ),
        _amount(
            "INSTALLMENTS_PURCHASES",
            "the amount paid in instalments",
            "Amount of the purchases that are paid in instalments.",
            "Installment Purchases",
            "Installment Purchase",
            "Installments Purchase",
            "Instalment Purchases",
            "Instalments Purchases",
            "Purchases Installments",
            "Purchases Instalments",
        ),
        _amount(
            "CASH_ADVANCE",
            "the amount of cash drawn",
            "Amount of cash drawn with the card.",
            "Cash Advances",
            "Cash Advance Amount",
        ),
        _share(
            "PURCHASES_FREQUENCY",
            "the share of months with purchases",
            "How often the card is used for purchases, from 0 (never) to 1 (always).",
            "share of months",
            "Purchase Frequency",
            "Purchases Freq",
        ),
        _share(
            "ONEOFF_PURCHASES_FREQUENCY",
            "the share of months with purchases at one go",
            "How often purchases are paid at one go, from 0 (never) to 1 (always).",
            "share of months",
            "One-Off Purchase Frequency",
            "One-Off Frequency",
            "One-Off Purchases Freq",
        ),
        _share(
            "PURCHASES_INSTALLMENTS_FREQUENCY",
            "the share of months with instalments",
            "How often purchases are paid in instalments, from 0 (never) to 1 (always).",
            "share of months",
            "Purchases Installment Frequency",
            "Purchases Instalments Frequency",
            "Purchase Installments Frequency",
            "Installment Purchases Frequency",
            "Installments Purchases Frequency",
            "Instalments Purchases Frequency",
            "Installments Frequency",
        ),
        _share(
            "CASH_ADVANCE_FREQUENCY",
            "the share of months with cash drawn",
            "How often cash is drawn, from 0 (never) to 1 (always); the original exceeds 1 for a"
            " few holders, and so may a record.",
            "share of months",
            "Cash Advances Frequency",
            "Cash Advance Freq",
            maximum=10,
        ),
        _count(
            "CASH_ADVANCE_TRX",
            "the number of cash advances",
            "Number of times cash was drawn.",
            "advances",
            100_000,
            "Cash Advances Trx",
            "Cash Advance Transactions",
            "Cash Advance Count",
            "Number of Cash Advance Transactions",
        ),
        _count(
            "PURCHASES_TRX",
            "the number of purchases",
            "Number of purchases.",
            "purchases",
            100_000,
            "Purchase Trx",
            "Purchases Transactions",
            "Purchase Transactions",
            "Purchases Count",
            "Purchase Count",
            "Number of Purchase Transactions",
        ),
        _amount(
            "CREDIT_LIMIT",
            "the credit limit",
            "Limit of the card.",
            "Card Limit",
            "Limit",
        ),
        _amount(
            "PAYMENTS",
            "the amount paid back",
            "Amount that the holder paid.",
            "Payment",
            "Total Payments",
        ),
        _amount(
            "MINIMUM_PAYMENTS",
            "the least amount due",
            "Least amount that the holder had to pay.",
            "Minimum Payment",
            "Min Payment",
            "Min Payments",
        ),
        _share(
            "PRC_FULL_PAYMENT",
            "the share of statements paid in full",
            "How often the holder paid all that was due, from 0 (never) to 1 (always).",
            "share of statements",
            "Prc Full Payments",
            "Full Payment Share",
        ),
        _count(
            "TENURE",
            "the time with the card",
            "Months for which the holder has had the card.",
            "months",
            1_200,
            "Tenure (months)",
            "Tenure in Months",
        ),
    ),
    relations=RELATIONS,
)

SEGMENTS = (
    Segment(
        label=1,
        id="vip",
        name="VIP",
        description="Buy by far the most, often and in both ways, on a high limit.",
        action="Keep them with premium rewards, travel benefits and personal service.",
    ),
    Segment(
        label=2,
        id="plus",
        name="Plus",
        description=(
            "Draw much cash and carry a high balance that they seldom pay in full, and buy little:"
            " high turnover at a higher risk, not a better Mid."
        ),
        action=(
            "Check affordability before any offer; propose a cheaper instalment loan for the"
            " balance, and don't raise limits or promote cash advances."
        ),
    ),
    Segment(
        label=3,
        id="mid",
        name="Mid",
        description="Buy regularly in moderate amounts, mostly in instalments, with little cash.",
        action="Offer instalment plans and cashback in the categories where they buy.",
    ),
    Segment(
        label=4,
        id="low",
        name="Low",
        description="Use the card seldom and for little, for purchases as well as for cash.",
        action="Remind them of the card with a first-purchase bonus and fee-free everyday use.",
    ),
)


_ZERO_COLUMNS = tuple(
    position for position, column in enumerate(SCHEMA.features) if column.name == "minimum_payments"
)


def pipeline(random_state: int) -> Pipeline:  # noqa: ARG001  # nothing in it is random
    """Return the unfitted pipeline: records to numbers, few uncorrelated dimensions, centroids.

    A gap is filled with the mean, which agrees best with complete answers (docs/decisions/0036),
    but for the least amount due: who paid nothing had none to pay. It is the mean after clipping,
    so that a missing answer contributes nothing to an explanation.

    Amounts have heavy tails: without clipping a few hundred holders with extreme amounts make the
    clusters, and they change more from one sample of holders to the next.
    """
    space = Pipeline(
        [
            ("clip", Clip(0.01, 0.99)),
            ("fill", MeanImputer(_ZERO_COLUMNS)),
            ("scale", StandardScaler()),
            ("project", PCA(0.9, svd_solver="full")),
        ]
    )
    return Pipeline(
        [
            ("records", make_record_matrix(SCHEMA)),
            ("segments", make_centroid_classifier(SCHEMA, space)),
        ]
    )


_TURNOVER = ("purchases", "cash_advance")

# "CC GENERAL.csv" as it is on Kaggle, and the synthetic sample.
TABLES = (
    "29eea6389837c40fd760c927b5782563edeff55a37824598489716bdb3563be1",
    "abed812df06e9a6507ffbf822993e34e49dd7f68f20ef1f064ea8d95e8da86e1",
)

CREDIT_CARD = Study(
    name="credit_card",
    title="Credit card holders",
    description="Which of four tiers of turnover a card holder is in, from six months of use.",
    schema=SCHEMA,
    segments=SEGMENTS,
    pipeline=pipeline,
    grids={"quick": {}},
    clusterer=make_k_means,
    naming=(
        NamingRule("vip", "highest", _TURNOVER),
        NamingRule("plus", "highest", _TURNOVER),
        NamingRule("mid", "highest", _TURNOVER),
    ),
    noise=(),
    caveats=(
        "The tiers are clusters of card use, named in the order of their median turnover: purchases"
        " and cash advances. A single holder may turn over more than one of a higher tier.",
        "Four tiers are a business choice.",
        compare_fewer_clusters,
        TableFact(
            "Plus is not a better Mid: its turnover is cash advances on a high balance, and its"
            " holders carry a higher risk. Treating it as a reward tier would be a mistake.",
            TABLES,
        ),
        "The silhouette is measured in all dimensions that the clusters are made in. Figures from a"
        " projection to two components are higher and mostly measure the projection.",
        "A missing answer counts as the mean of all holders, and a missing minimum payment as 0:"
        " who paid nothing had none to pay. Either is a guess for the holder at hand.",
        TableFact(
            "Most gaps of this table are a minimum payment of holders who paid nothing.", TABLES
        ),
    ),
)
