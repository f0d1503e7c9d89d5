"""What one segmentation is, as plain data. The studies themselves are in ``studies``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sklearn.pipeline import Pipeline

from segmentation.schema import Schema
from segmentation.schema.transaction_roles import TransactionRoles
from segmentation.study.caveats import Caveat

Grid = Mapping[str, Sequence[Any]]


@dataclass(frozen=True)
class Segment:
    """A named group of customers.

    Attributes
    ----------
    label : int
        The value of the target that stands for it.
    id : str
        Stable identifier for programs.
    name : str
        What people call it.
    description : str
        One sentence: who they are.
    action : str
        One sentence: what marketing should do about them.
    """

    label: int
    id: str
    name: str
    description: str
    action: str


@dataclass(frozen=True)
class Implication:
    """A rule between two answers: where `column` is `value`, `other` is `expected`."""

    column: str
    value: str
    other: str
    expected: str


@dataclass(frozen=True)
class NamingRule:
    """A rule that names one cluster: the one, of those without a name, whose median is extreme.

    Attributes
    ----------
    segment : str
        ``id`` of the segment that the cluster becomes.
    extreme : {"highest", "lowest"}
    columns : tuple of str
        Features that are added up; the medians of a cluster's sums are compared.
    """

    segment: str
    extreme: Literal["highest", "lowest"]
    columns: tuple[str, ...]


@dataclass(frozen=True)
class FeatureSet:
    """A set of features from which models try to tell the segment, for the report.

    Attributes
    ----------
    name : str
        Such as ``demographics only``.
    columns : tuple of str
        Names of the features.
    """

    name: str
    columns: tuple[str, ...]


@dataclass(frozen=True)
class OutlookModel:
    """What is asked about the future: the segment of a customer `days` later.

    Attributes
    ----------
    days : int
        How far ahead. Training learns from dates that lie so many days apart.
    classifier : callable
        ``classifier(random_state)`` returns an unfitted classifier of the matrix of features;
        it has to take NaN.
    min_history_days : int, default=90
        How many days of transactions have to lie before a date that training learns from.
    """

    days: int
    classifier: Callable[[int], Any]
    min_history_days: int = 90


@dataclass(frozen=True)
class Transactions:
    """How a customer's transactions become a record.

    Attributes
    ----------
    schema : Schema
        What one transaction is. What is a feature in it has to be there.
    roles : TransactionRoles
    sql : str
        One ``SELECT`` in DuckDB's dialect that gives a row for each customer, with the columns of
        the study's schema, from the tables ``transactions`` and ``categories`` and the parameter
        ``$reference``, the time that recency is relative to.
    cancellation_prefix : str
        What the order of a cancellation begins with; empty if nothing tells one.
    earliest : datetime
        Before which no transaction can have been recorded: what is earlier is a mistake, as the
        first second of 1970 is.
    categories : str or None
        File name, in ``data``, of the table of product categories: ``keyword,category``.
    rebuild : callable or None
        ``rebuild(categories)`` returns the study for other names of categories.
    """

    schema: Schema
    roles: TransactionRoles
    sql: str
    cancellation_prefix: str = ""
    earliest: datetime = datetime(1990, 1, 1)  # local time, as shops record it
    categories: str | None = None
    rebuild: Callable[[tuple[str, ...]], Study] | None = None

    @property
    def needed(self) -> tuple[str, ...]:
        """Names of the columns that a table has to have."""
        features = (column.name for column in self.schema.features)
        return tuple(dict.fromkeys((*features, self.roles.customer, self.roles.time)))


@dataclass(frozen=True)
class Study:
    """One segmentation problem.

    Its segments are known for the training records, in the schema's target, or discovered: then
    `naming` says which cluster is which segment and the columns that define them are marked in
    the schema.

    Attributes
    ----------
    name : str
        Short name, as in paths and commands.
    title : str
        Name for people.
    description : str
        What the study answers, in one or two sentences.
    schema : Schema
        What a record is.
    segments : tuple of Segment
        One for each label of the target, or for each cluster.
    pipeline : callable
        ``pipeline(random_state)`` returns the unfitted pipeline, all cleaning included: two
        steps, ``records`` and ``segments``. Where segments are discovered, the second is an
        ``estimators.SegmentClassifier``, whose space is the one in which records are clustered.
    clusterer : callable or None
        ``clusterer(n_clusters, n_starts, random_state)`` returns the unfitted clusterer that
        discovers segments: of scikit-learn, with ``fit_predict``. None where they are given.
    grids : mapping of str to mapping
        Search spaces by name; ``quick`` is the default of ``train.py``. Empty: nothing to search.
    naming : tuple of NamingRule
        Rules, in order, that name all clusters but one; the last is what is left.
    feature_sets : tuple of FeatureSet
        Sets of features whose worth the report measures.
    transactions : Transactions or None
        How records come from transactions, where they do.
    outlook : OutlookModel or None
        What is asked about the future; needs transactions.
    noise : tuple of float
        Relative errors that answers are expected to have, and models are measured and calibrated
        at: people guess. Empty where answers were counted.
    implications : tuple of Implication
        Answers that must go together; records where they don't get a warning.
    caveats : tuple of Caveat
        What the metrics of this study do not say, for the model card.
    """

    name: str
    title: str
    description: str
    schema: Schema
    segments: tuple[Segment, ...]
    pipeline: Callable[[int], Pipeline]
    grids: Mapping[str, Grid]
    clusterer: Callable[[int, int, int], Any] | None = None
    naming: tuple[NamingRule, ...] = ()
    feature_sets: tuple[FeatureSet, ...] = ()
    transactions: Transactions | None = None
    outlook: OutlookModel | None = None
    noise: tuple[float, ...] = (0.1, 0.2)
    implications: tuple[Implication, ...] = ()
    caveats: tuple[Caveat, ...] = ()
