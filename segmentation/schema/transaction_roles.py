"""Which part each column of a transaction plays. The engine knows columns only by these."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TransactionRoles:
    """Which column of a transaction plays which part. The engine knows columns only by these.

    Attributes
    ----------
    customer : str
        Who took part; text or a number.
    time : str
        When it took place; of the kind time.
    order : str or None
        What it belongs to, such as an invoice.
    quantity : str or None
        How many pieces; a number. Below its minimum a transaction is a cancellation.
    price : str or None
        Price of one piece, or of the transaction where there is no quantity; a number.
    text : str or None
        What was bought, in words: the keywords of categories are looked for in it.
    """

    customer: str
    time: str
    order: str | None = None
    quantity: str | None = None
    price: str | None = None
    text: str | None = None
