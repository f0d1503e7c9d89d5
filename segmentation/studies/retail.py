"""The retail study: what customers buy and when, in four segments of recency, orders and baskets.

Edit the texts of ``SEGMENTS`` to change what the service says; run ``make train`` afterwards. The
categories of products are in ``data/retail_categories.csv``, which may be replaced.
"""

from __future__ import annotations

import re

from sklearn.ensemble import RandomForestClassifier
from sklearn.impute import SimpleImputer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from segmentation.errors import DataError
from segmentation.estimators import Clip, Log1p
from segmentation.schema import Alias, Column, Schema
from segmentation.schema.relations import AtMost, Product, Shares
from segmentation.study import (
    FeatureSet,
    NamingRule,
    OutlookModel,
    Segment,
    Study,
    TransactionRoles,
    Transactions,
    make_centroid_classifier,
    make_k_means,
    make_record_matrix,
)
from segmentation.study.caveats import compare_fewer_clusters

CATEGORIES = (
    "seasonal",
    "accessories",
    "party",
    "kitchen",
    "garden",
    "lighting",
    "stationery",
    "toys",
    "home",
)
"""Categories of ``data/retail_categories.csv``; what fits none of them is ``other``."""

OTHER = "other"
# Part of the name of a column, in records, in SQL and in JSON.
_CATEGORY = re.compile(r"[a-z][a-z0-9_]{0,40}")

CUSTOMER_NAMES = (
    "Customer",
    "Customer No.",
    "Customer Number",
    "Customer Code",
    "Customer Key",
    "Cust ID",
    "Client",
    "Client ID",
    "User ID",
)
"""Usual names of the customer's key, in tables of customers and of transactions."""

TRANSACTION = Schema(
    columns=(
        Column(
            name="invoice",
            title="InvoiceNo",
            kind="identifier",
            role="feature",
            description="The order it belongs to; those that begin with C are cancellations.",
            aliases=(Alias("Invoice", unit="", divisor=1),),
            also_called=(
                "Invoice ID",
                "Invoice Number",
                "Order",
                "Order ID",
                "Order No.",
                "Order Number",
                "Transaction ID",
                "Transaction No.",
                "Receipt",
                "Receipt No.",
                "Bill No.",
                "Basket ID",
            ),
        ),
        Column(
            name="stock_code",
            title="StockCode",
            kind="identifier",
            role="context",
            description="The shop's code of the product.",
            also_called=(
                "SKU",
                "Product Code",
                "Product ID",
                "Product SKU",
                "Item Code",
                "Item ID",
                "Article Number",
            ),
        ),
        Column(
            name="description",
            title="Description",
            kind="category",
            role="context",
            description="Name of the product; keywords in it tell its category.",
            longest=1_000,  # marketplaces write whole sentences
            also_called=(
                "Product",
                "Product Name",
                "Product Description",
                "Product Title",
                "Item",
                "Item Name",
                "Item Description",
            ),
        ),
        Column(
            name="quantity",
            title="Quantity",
            kind="integer",
            role="feature",
            description="How many pieces were bought.",
            unit="pieces",
            minimum=1,
            maximum=1_000_000,
            resolution=1,
            also_called=(
                "Qty",
                "Units",
                "Units Sold",
                "Pieces",
                "Quantity Ordered",
                "Item Quantity",
            ),
        ),
        Column(
            name="invoice_time",
            title="InvoiceDate",
            kind="time",
            role="feature",
            description="When the order was placed, in the shop's local time.",
            also_called=(
                "Invoice Timestamp",
                "Order Date",
                "Order Time",
                "Order Timestamp",
                "Purchase Date",
                "Transaction Date",
                "Transaction Time",
                "Date",
                "DateTime",
                "Timestamp",
                "Created At",
            ),
        ),
        Column(
            name="unit_price",
            title="UnitPrice",
            kind="number",
            role="feature",
            description="Price of one piece; all prices in one currency.",
            unit="units of money",
            minimum=0.001,
            maximum=1_000_000,
            resolution=0.001,
            aliases=(Alias("Price", unit="units of money", divisor=1),),
            also_called=(
                "Price Each",
                "Price per Unit",
                "Price per Item",
                "Item Price",
                "Unit Amount",
            ),
        ),
        Column(
            name="customer_id",
            title="CustomerID",
            kind="identifier",
            role="identifier",
            description="Who bought it.",
            aliases=(Alias("Customer ID", unit="", divisor=1),),
            also_called=CUSTOMER_NAMES,
        ),
        Column(
            name="country",
            title="Country",
            kind="category",
            role="context",
            description="Where the customer lives.",
            also_called=("Customer Country", "Country Name"),
        ),
    )
)
"""One line of an invoice. What is a feature here has to be there; the rest may be missing."""

ROLES = TransactionRoles(
    customer="customer_id",
    time="invoice_time",
    order="invoice",
    quantity="quantity",
    price="unit_price",
    text="description",
)

_DEFINING = (
    Column(
        name="recency_days",
        title="Recency (days)",
        kind="number",
        role="feature",
        description="Days from the last order to the reference; dates count, hours don't.",
        unit="days",
        minimum=0,
        maximum=36_600,
        resolution=1,
        label="the time since the last order",
        defines=True,
        only_grows=True,
        restarts_with="frequency",
        also_called=(
            "Recency",
            "Recency in Days",
            "Days since Last Order",
            "Days since Last Purchase",
            "Days since Last Transaction",
            "Days since Purchase",
            "Last Order Days",
            "Last Purchase Days",
        ),
    ),
    Column(
        name="frequency",
        title="Frequency (orders)",
        kind="number",
        role="feature",
        description="Number of orders.",
        unit="orders",
        minimum=1,
        maximum=1_000_000,
        resolution=1,
        label="the number of orders",
        defines=True,
        only_grows=True,
        also_called=(
            "Orders",
            "Order Count",
            "Orders Count",
            "Total Orders",
            "N Orders",
            "Num Orders",
            "No. of Orders",
            "Invoice Count",
            "Number of Invoices",
            "Number of Purchases",
            "Number of Transactions",
            "Purchase Count",
            "Transaction Count",
            "No. of Transactions",
        ),
    ),
    Column(
        name="monetary",
        title="Monetary Value",
        kind="number",
        role="feature",
        description="What all orders together cost.",
        unit="units of money",
        minimum=0,
        maximum=1_000_000_000,
        resolution=0.01,
        label="the amount spent",
        defines=True,
        only_grows=True,
        only_follows=True,
        also_called=(
            "Monetary",
            "Amount",
            "Money Spent",
            "Revenue",
            "Spend",
            "Spending",
            "Total Amount",
            "Total Price",
            "Total Revenue",
            "Total Sales",
            "Total Spend",
            "Total Spending",
            "Total Spent",
            "Turnover",
        ),
    ),
    Column(
        name="average_transaction_value",
        title="Average Transaction Value",
        kind="number",
        role="feature",
        description="What an order costs on average.",
        unit="units of money",
        minimum=0,
        maximum=1_000_000_000,
        resolution=0.01,
        label="the average order value",
        defines=True,
        only_follows=True,
        also_called=(
            "AOV",
            "ATV",
            "Avg Order Value",
            "Avg Transaction Value",
            "Average Basket",
            "Average Basket Value",
            "Average Order Amount",
            "Avg Basket",
            "Avg Basket Value",
            "Mean Order Value",
            "Mean Transaction Value",
        ),
    ),
)

# Amounts are added up as decimals: the sum then is the same in whichever order DuckDB adds.
# A keyword matches where a word of the description begins with it.
_SQL = """
WITH keywords AS (
    SELECT position, category, {keyword} AS start FROM categories
),
described AS (
    SELECT description, {description} AS words FROM (SELECT DISTINCT description FROM transactions)
),
products AS (
    SELECT description, arg_min(category, position) AS category
    FROM described JOIN keywords ON contains(words, start)
    GROUP BY description
),
lines AS (
    SELECT customer_id, invoice, invoice_time, country,
        coalesce(category, '{other}') AS category,
        quantity * CAST(unit_price AS DECIMAL(18, 4)) AS amount
    FROM transactions LEFT JOIN products USING (description)
    WHERE NOT starts_with(upper(invoice), 'C')  -- a cancellation
)
SELECT customer_id,
    CAST(date_diff('day', max(invoice_time), $reference) AS DOUBLE) AS recency_days,
    CAST(count(DISTINCT invoice) AS DOUBLE) AS frequency,
    CAST(sum(amount) AS DOUBLE) AS monetary,
    CAST(sum(amount) AS DOUBLE) / count(DISTINCT invoice) AS average_transaction_value,
    {shares},
    first(country ORDER BY invoice_time DESC, country) FILTER (country IS NOT NULL) AS country
FROM lines GROUP BY customer_id ORDER BY customer_id
"""
# Lower-case words, each after one space.
_WORDS = r"' ' || regexp_replace(lower({column}), '[^\p{{L}}\p{{N}}]+', ' ', 'g')"
_SHARE = (
    "coalesce(CAST(sum(amount) FILTER (category = '{category}') AS DOUBLE), 0)"
    " / CAST(sum(amount) AS DOUBLE) AS share_{category}"
)

SEGMENTS = (
    Segment(
        label=0,
        id="champions",
        name="Champions",
        description="Orders most often, spends the most in total and has usually bought lately.",
        action="Keep them: early access to new products and a named contact, no discounts.",
    ),
    Segment(
        label=1,
        id="big_baskets",
        name="Occasional Big Baskets",
        description="Places large orders, but only one or a few, and often some time ago.",
        action="Ask for the next order in time: a reminder of the season and terms for volume.",
    ),
    Segment(
        label=2,
        id="active_small_baskets",
        name="Active Small Baskets",
        description="Has bought lately, in orders of modest size.",
        action="Make orders grow: free delivery above a value, sets and matching products.",
    ),
    Segment(
        label=3,
        id="lapsed_small_baskets",
        name="Lapsed Small Baskets",
        description="Placed one or two small orders and has not come back for a long time.",
        action="Try one inexpensive win-back message by e-mail, then spend the budget elsewhere.",
    ),
)

NAMING = (
    NamingRule("champions", "highest", ("frequency",)),
    NamingRule("big_baskets", "highest", ("average_transaction_value",)),
    NamingRule("active_small_baskets", "lowest", ("recency_days",)),
)


def schema(categories: tuple[str, ...]) -> Schema:
    """Return what a customer is: who, the four defining numbers, shares of categories, country.

    Raises
    ------
    DataError
        If a category can't be part of a column's name.
    """
    faults = [
        f"category {number} must be a lower-case word of letters, digits and _, other than {OTHER}"
        for number, category in enumerate(categories, start=1)
        if not _CATEGORY.fullmatch(category) or category == OTHER
    ]
    if faults or len(set(categories)) < len(categories):
        raise DataError("categories", faults or ["a category stands there twice"])
    customer = Column(
        name="customer_id",
        title="Customer ID",
        kind="identifier",
        role="identifier",
        description="Your own key for the customer; it is returned with the answer.",
        also_called=("ID", *CUSTOMER_NAMES),
    )
    country = Column(
        name="country",
        title="Country",
        kind="category",
        role="context",
        description="Where the customer lives, by the latest order.",
        also_called=("Customer Country", "Country Name"),
    )
    shares = tuple(map(_share, (*categories, OTHER)))
    relations = (
        Product("monetary", ("frequency", "average_transaction_value")),
        # A whole unit where averages are rounded, as there is at least one order.
        AtMost("average_transaction_value", "monetary", slack=1.0),
        Shares(tuple(share.name for share in shares)),
    )
    return Schema((customer, *_DEFINING, *shares, country), relations)


def _share(category: str) -> Column:
    title = category.replace("_", " ").title()
    return Column(
        name=f"share_{category}",
        title=f"Share of {title}",
        kind="number",
        role="feature",
        description=f"Part of the amount that was spent on products of the category {category}.",
        label=f"the share spent on {title.lower()}",
        also_called=(f"{title} Share",),
        minimum=0,
        maximum=1,
    )


def sql(categories: tuple[str, ...]) -> str:
    """Return the statement that makes customers from transactions; names must be checked before."""
    shares = [_SHARE.format(category=category) for category in (*categories, OTHER)]
    return _SQL.format(
        keyword=_WORDS.format(column="keyword"),
        description=_WORDS.format(column="description"),
        other=OTHER,
        shares=",\n    ".join(shares),
    )


def outlook_classifier(random_state: int) -> Pipeline:
    """Return the unfitted classifier of the segment 91 days later.

    Segments weigh the same whatever their size: plain forests are 1 to 2 points more accurate, but
    nearly give up the smallest segment, and then "the segment stays" has the better macro F1.
    ``data/retail.md`` has the figures.
    """
    return Pipeline(
        [
            # Below every answer, so that one split tells a gap from an answer.
            ("fill", SimpleImputer(strategy="constant", fill_value=-1.0, keep_empty_features=True)),
            (
                "forest",
                RandomForestClassifier(
                    50,
                    max_leaf_nodes=96,
                    # A share, as customers are there many times when gaps are learned.
                    min_samples_leaf=0.012,
                    class_weight="balanced",
                    random_state=random_state,
                ),
            ),
        ]
    )


def retail(categories: tuple[str, ...]) -> Study:
    """Return the study for some names of product categories.

    Parameters
    ----------
    categories : tuple of str
        Lower-case words, without ``other``, which is always there.

    Raises
    ------
    DataError
        If a category can't be part of a column's name.
    """
    customer = schema(categories)

    def pipeline(random_state: int) -> Pipeline:  # noqa: ARG001  # nothing here is random
        space = Pipeline([("log", Log1p()), ("clip", Clip()), ("scale", StandardScaler())])
        return Pipeline(
            [
                ("records", make_record_matrix(customer)),
                ("segments", make_centroid_classifier(customer, space)),
            ]
        )

    shares = tuple(column.name for column in customer.features if not column.defines)
    return Study(
        name="retail",
        title="Customers of an online shop",
        description="Which of four kinds of buyer a customer is, from what was ordered and when.",
        schema=customer,
        segments=SEGMENTS,
        pipeline=pipeline,
        grids={},
        clusterer=make_k_means,
        naming=NAMING,
        feature_sets=(
            FeatureSet("category shares only", shares),
            FeatureSet("everything", tuple(column.name for column in customer.features)),
        ),
        transactions=Transactions(
            schema=TRANSACTION,
            roles=ROLES,
            sql=sql(categories),
            cancellation_prefix="C",
            categories="retail_categories.csv",
            rebuild=retail,
        ),
        outlook=OutlookModel(91, outlook_classifier),
        noise=(),
        caveats=CAVEATS,
    )


CAVEATS = (
    "Four segments are a business choice.",
    compare_fewer_clusters,
    "A model that tells the segment from recency, orders and amounts re-derives its own definition."
    " Its accuracy is agreement; only the metrics about a later date are predictions.",
    "Category shares come from the same orders: those of few orders are more extreme, so what is"
    " told from them alone is in part the number of orders.",
    "Recency is relative to the end of the training data. A model that isn't retrained goes on"
    " measuring from there.",
    "Amounts are those of purchases: an order that was cancelled later still counts.",
    "A forecast learns from shorter histories than it is asked about, since every earlier date has"
    " fewer months behind it. Its probabilities are those of segments of equal size.",
)

RETAIL = retail(CATEGORIES)
