"""Why a transaction is left out, in words. Which are, ``transaction_rules`` decides."""

from __future__ import annotations

from collections.abc import Mapping

LEFT_OUT_WORDS: Mapping[str, str] = {
    "missing_customer": "without a customer, beside others that name one",
    "cancelled": "cancelled, or with a quantity below the least one",
    "price_not_positive": "with a price below the least one, such as a gift",
    "duplicate": "the same as an earlier one",
    "unreadable": "without a value that is needed",
    "out_of_range": "not within the limits of its values",
    "later": "later than as_of",
}
"""By reason: what transactions are that are left out for it."""
