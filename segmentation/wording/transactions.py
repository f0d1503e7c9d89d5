"""Says why transactions were left out of a customer's history."""

from __future__ import annotations

from collections.abc import Mapping

LEFT_OUT_REASONS: Mapping[str, str] = {
    "missing_customer": "without a customer, beside others that name one",
    "cancelled": "cancelled, or with a quantity below the least one",
    "price_not_positive": "with a price below the least one, such as a gift",
    "duplicate": "the same as an earlier one",
    "unreadable": "without a value that is needed",
    "out_of_range": "not within the limits of its values",
    "later": "later than as_of",
}
"""By a reason of ``transaction_rules``, or ``later``."""
