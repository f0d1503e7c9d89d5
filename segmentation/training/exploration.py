"""Looks at a table before and after it is modelled: gaps, distributions, association, importance.

Only measures, and returns data frames; the plots are in ``notebook.ipynb``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from sklearn.inspection import permutation_importance

from segmentation.datasets import RecordTable
from segmentation.schema import Column, Schema
from segmentation.training.labelled_records import LabelledRecords
from segmentation.training.measuring.conditions import robust_accuracy

# One answer, or one class, has nothing to differ from.
FEWEST_TO_COMPARE = 2
N_SHUFFLES = 10


def frame(table: RecordTable, schema: Schema) -> pd.DataFrame:
    """Return a table as a data frame under the schema's own names, a missing answer as NaN."""
    return pd.DataFrame({column.name: _answers(table, column) for column in schema.columns})


def summary(table: RecordTable, schema: Schema) -> pd.DataFrame:
    """Describe every column: gaps, distinct answers, quartiles or the most frequent answer.

    Returns
    -------
    DataFrame
        One row per column of the schema, by name: ``kind``, ``role``, ``missing``, ``distinct``;
        for numbers ``minimum``, ``lower_quartile``, ``median``, ``upper_quartile``, ``maximum``;
        for categories ``most_frequent`` and its ``share`` of the answers given.
    """
    rows = [_described(column, _answers(table, column)) for column in schema.columns]
    return pd.DataFrame(rows).set_index("column")


def associations(table: RecordTable, schema: Schema) -> pd.DataFrame:
    """Test whether each column's answers differ between the classes of the target.

    Numbers by Kruskal and Wallis' test, with epsilon-squared as effect: H / (n - 1), 0 for none
    and 1 where the classes are apart. Categories by the chi-squared test, with Cramér's V. Rows
    without an answer are left out. Where there is one answer or one class only, all is NaN.

    Returns
    -------
    DataFrame
        One row per feature and context column, the largest effect first: ``role``, ``test``,
        ``statistic``, ``p_value``, ``effect`` and ``measure``, the name of the effect.

    Raises
    ------
    ValueError
        If the schema has no target.
    """
    if schema.target is None:
        raise ValueError("the schema has no target to be associated with")
    classes = _answers(table, schema.target)
    rows = [
        _associated(column, _answers(table, column), classes)
        for column in schema.sendable
        if column.role != "identifier"
    ]
    return pd.DataFrame(rows).set_index("column").sort_values("effect", ascending=False)


def importances(
    model: Any,
    data: LabelledRecords,
    names: Sequence[str],
    scoring: str | Callable[..., float] = robust_accuracy,
    random_state: int = 0,
) -> pd.DataFrame:
    """Measure how much worse a fitted model answers when one feature is shuffled between records.

    Parameters
    ----------
    model : fitted classifier
    data : LabelledRecords
        Records that were not used for fitting.
    names : sequence of str
        Names of the features, in order.
    scoring : str or callable, default=robust_accuracy
        scikit-learn scorer whose loss is the importance.
    random_state : int, default=0

    Returns
    -------
    DataFrame
        One row per feature, the most important first: mean ``loss`` of the score and its standard
        ``deviation`` over ten shuffles.
    """
    importance = permutation_importance(
        model, data.X, data.y, scoring=scoring, n_repeats=N_SHUFFLES, random_state=random_state
    )
    columns = {"loss": importance.importances_mean, "deviation": importance.importances_std}
    return pd.DataFrame(columns, index=list(names)).sort_values("loss", ascending=False)


def _answers(table: RecordTable, column: Column) -> pd.Series[Any]:
    dtype = "float64" if column.numeric else "object"
    return pd.Series(table.column(column.name), dtype=dtype, name=column.name)


def _described(column: Column, answers: pd.Series[Any]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "column": column.name,
        "kind": column.kind,
        "role": column.role,
        "missing": int(answers.isna().sum()),
        "distinct": answers.nunique(),
    }
    names = ("minimum", "lower_quartile", "median", "upper_quartile", "maximum")
    if column.numeric:
        quartiles = answers.quantile([0.0, 0.25, 0.5, 0.75, 1.0])
        return row | dict(zip(names, quartiles.tolist(), strict=True))
    if column.kind == "category" and row["distinct"]:
        shares = answers.value_counts(normalize=True)
        return row | {"most_frequent": shares.index[0], "share": float(shares.iloc[0])}
    return row


def _associated(column: Column, answers: pd.Series[Any], classes: pd.Series[Any]) -> dict[str, Any]:
    answered = answers.notna()
    test = _kruskal_wallis if column.numeric else _chi_squared
    comparable = min(answers.nunique(), classes[answered].nunique()) >= FEWEST_TO_COMPARE
    statistic, p_value, effect = (
        test(answers[answered], classes[answered]) if comparable else (np.nan, np.nan, np.nan)
    )
    return {
        "column": column.name,
        "role": column.role,
        "test": "Kruskal-Wallis" if column.numeric else "chi-squared",
        "statistic": statistic,
        "p_value": p_value,
        "effect": effect,
        "measure": "epsilon-squared" if column.numeric else "Cramér's V",
    }


def _kruskal_wallis(answers: pd.Series[Any], classes: pd.Series[Any]) -> tuple[float, float, float]:
    test = stats.kruskal(*(group.to_numpy() for _, group in answers.groupby(classes)))
    return float(test.statistic), float(test.pvalue), float(test.statistic / (len(answers) - 1))


def _chi_squared(answers: pd.Series[Any], classes: pd.Series[Any]) -> tuple[float, float, float]:
    counts = pd.crosstab(answers, classes)
    test = stats.chi2_contingency(counts.to_numpy(), correction=False)
    effect = np.sqrt(test.statistic / (len(answers) * (min(counts.shape) - 1)))
    return float(test.statistic), float(test.pvalue), float(effect)
