"""Writes the synthetic sample of retail transactions to standard output; always the same rows.

Facts about the original (UCI Machine Learning Repository, data set 352 "Online Retail") that it
uses, and nothing else: the header; a year of invoices; that a quarter of the lines has no
customer, that some 2 % cancel earlier ones, 1 % stand there twice and a few have no price or no
description; that nine lines in ten are from one country; and roughly how the four kinds of
customer that K-Means finds there differ in orders, baskets and recency. Products, customers,
dates and amounts are made up.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

SEED = 352
START, DAYS = datetime(2023, 12, 1), 380
COUNTRIES = ("United Kingdom", "Ireland", "Germany", "France", "Spain")
COUNTRY_WEIGHTS = (90, 3, 3, 3, 1)
STYLES = ("Harbour", "Meadow", "Orchard", "Comet", "Lighthouse", "Willow", "Saffron", "Pebble")
# Item and price: what people buy most stands first.
ITEMS = {
    "Mug": 3.25, "Shopping Bag": 2.1, "Cake Tin": 4.95, "Wall Clock": 8.5, "Tea Towel": 2.95,
    "Bunting": 4.65, "Notebook": 1.65, "Candle": 1.25, "Picture Frame": 3.75, "Lunch Box": 1.95,
    "Doormat": 7.95, "Gift Wrap": 0.42, "Wooden Puzzle": 2.55, "Garden Trowel": 3.35,
    "Paper Napkins": 0.85, "Rag Doll": 2.95, "Cushion": 5.95, "Glass Jar": 1.45,
    "Christmas Star": 0.79, "Umbrella": 5.75, "Bird Feeder": 3.95, "Lantern": 2.25,
    "Greeting Card": 0.55, "Soap Dish": 1.85, "Hair Clip": 0.95, "Windmill": 1.15,
}  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """A kind of customer.

    Attributes
    ----------
    customers : int
    gap_days : float
        Mean time between two orders.
    most_orders : int
    starts : tuple of float
        Earliest and latest first order, as shares of the year.
    lines : tuple of int
        Fewest and most lines of an order.
    line_amount : float
        Median amount of a line.
    stays : float
        Probability that there is another order after one.
    """

    customers: int
    gap_days: float
    most_orders: int
    starts: tuple[float, float]
    lines: tuple[int, int]
    line_amount: float
    stays: float


KINDS = (
    Kind(85, 26, 40, (0.0, 0.25), (5, 9), 55, 1.0),
    Kind(210, 110, 3, (0.0, 0.9), (8, 14), 55, 0.45),
    Kind(175, 45, 9, (0.3, 0.97), (4, 7), 40, 0.9),
    Kind(240, 60, 2, (0.0, 0.75), (3, 6), 33, 0.3),
)


@dataclass(frozen=True, order=True)
class Order:
    """When, a number, and whose; cancellations have negative numbers."""

    time: datetime
    number: int
    customer: int
    country: str


@dataclass(frozen=True)
class Line:
    """A line of an invoice; the product is its code and its name."""

    order: Order
    product: tuple[str, str]
    quantity: int
    price: float


def products() -> list[tuple[str, str, float]]:
    """Return code, name and price of every product."""
    names = [(f"{style} {item}", price) for item, price in ITEMS.items() for style in STYLES]
    return [(f"{10_000 + 7 * n}", name, price) for n, (name, price) in enumerate(names)]


PRODUCTS = products()


def order_times(draw: random.Random, kind: Kind) -> Iterator[datetime]:
    """Give the times of a customer's orders, in opening hours."""
    day = draw.uniform(*kind.starts) * DAYS
    for _ in range(kind.most_orders):
        if day > DAYS:
            return
        minutes = draw.randint(8 * 60, 18 * 60)
        yield START + timedelta(days=int(day), minutes=minutes)
        if draw.random() > kind.stays:
            return
        day += 1 + draw.expovariate(1 / kind.gap_days)


def order_lines(draw: random.Random, kind: Kind, order: Order) -> list[Line]:
    """Return the lines of one order: different products, amounts around the kind's."""
    weights = [1 / (1 + n // len(STYLES)) for n in range(len(PRODUCTS))]
    chosen = draw.choices(PRODUCTS, weights, k=draw.randint(*kind.lines))
    lines = []
    for code, name, price in dict.fromkeys(chosen):
        quantity = max(1, round(kind.line_amount * draw.lognormvariate(0, 0.7) / price))
        lines.append(Line(order, (code, name), quantity, price))
    return lines


def purchases(draw: random.Random) -> list[Line]:
    """Return what customers bought, and a third as much again without a customer (0)."""
    lines: list[Line] = []
    number, customer = 0, 20_000
    for kind in KINDS:
        for _ in range(kind.customers):
            customer += draw.randint(1, 9)
            country = draw.choices(COUNTRIES, COUNTRY_WEIGHTS)[0]
            for time in order_times(draw, kind):
                number += 1
                lines += order_lines(draw, kind, Order(time, number, customer, country))
    enough = len(lines) * 4 // 3
    while len(lines) < enough:
        number += 1
        time = START + timedelta(days=draw.randrange(DAYS), minutes=draw.randint(480, 1080))
        lines += order_lines(draw, KINDS[1], Order(time, number, 0, COUNTRIES[0]))
    return lines


def with_dirt(draw: random.Random, lines: list[Line]) -> list[Line]:
    """Add cancellations, repeated lines, lines without a price, and an order that was a mistake."""
    mistake = replace(lines[len(lines) // 2], quantity=4_000)
    with_customer = [line for line in lines if line.order.customer]
    cancelled = [mistake, *draw.sample(with_customer, len(lines) // 50)]
    repeated = draw.sample(lines, len(lines) // 100)
    free = [replace(line, price=0.0) for line in draw.sample(lines, len(lines) // 200)]
    lost = [lost_pieces(line) for line in draw.sample(lines, 40)]
    cancellations = [cancellation(draw, line, n) for n, line in enumerate(cancelled, start=1)]
    return [*lines, mistake, *cancellations, *repeated, *free, *lost]


def cancellation(draw: random.Random, line: Line, number: int) -> Line:
    """Return the line that takes another one back, some days later."""
    last = START + timedelta(days=DAYS, hours=18)
    time = min(line.order.time + timedelta(hours=draw.randint(1, 300)), last)
    return replace(
        line, order=replace(line.order, time=time, number=-number), quantity=-line.quantity
    )


def lost_pieces(line: Line) -> Line:
    """Return a correction of the stock: no customer, no price, no name of the product."""
    order, product = replace(line.order, customer=0), (line.product[0], "")
    return Line(order, product, -line.quantity, 0.0)


def rows(seed: int) -> list[list[object]]:
    """Return the rows in the order of time, invoices numbered in it."""
    draw = random.Random(seed)  # nosec B311  # draws samples, and no secret
    lines = with_dirt(draw, purchases(draw))
    lines.sort(key=lambda line: line.order)
    orders = dict.fromkeys(line.order for line in lines)
    numbers = {order: 400_000 + 3 * n for n, order in enumerate(orders)}
    return [
        [
            f"{'C' if line.order.number < 0 else ''}{numbers[line.order]}",
            line.product[0],
            line.product[1].upper(),
            line.quantity,
            line.order.time.isoformat(sep=" "),
            f"{line.price:.2f}",
            line.order.customer or "",
            line.order.country,
        ]
        for line in lines
    ]


def main() -> None:
    """Write the table with the original's header."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from segmentation.studies.retail import TRANSACTION

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.title for column in TRANSACTION.columns])
    writer.writerows(rows(SEED))


if __name__ == "__main__":
    main()
