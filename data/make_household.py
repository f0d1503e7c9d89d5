"""Writes the synthetic sample of the household panel to standard output; always the same 600 rows.

Facts about the original (the CRISA bath soap panel, in the PyPI package dmba) that it uses, and
nothing else: the header; what the columns are made of (shares of a volume that add up to 1,
quotients of other columns); the codes; that socioeconomic classes are equally many; that 68
households specified nothing; rough sizes of three groups, and rough means and medians of the
purchase columns in each; that education and affluence go with class, and prices with class and
price category; that the demographics say a little about the group.
"""

from __future__ import annotations

import csv
import random
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

SEED = 600
NO_CHILDREN = 4
PACK = 25  # volumes come in multiples of it

# How often a brand is bought: the eight that have a column, in its order.
POPULARITY = (6, 4, 2, 1, 1, 2, 1, 2)
# Codes of native languages with their rough frequencies.
LANGUAGES = {3: 1, 4: 16, 5: 5, 6: 2, 8: 2, 9: 2, 10: 61, 12: 1, 15: 1, 16: 2, 17: 5}
# By socioeconomic class: usual education, mean affluence, typical price.
CLASSES = {1: (6, 27, 13.5), 2: (5, 20, 12.0), 3: (4, 16, 11.0), 4: (3, 11, 8.8)}
PROPOSITIONS = (50, 10, 10, 9, 4, 2, 3, 1, 3, 3)  # 5 to 13 and 15; 14 is price category 3


@dataclass(frozen=True)
class Group:
    """Households that buy alike.

    Attributes
    ----------
    size : int
    unspecified : int
        How many of them specified no demographics.
    brands : tuple of int
        Weights of buying 1, 2, 3, … brands.
    runs, transactions : float
        Medians; the latter of purchases for each run.
    volume : float
        Median volume of a purchase.
    promotion : tuple of float
        Parameters of the beta distribution of the share bought on promotion.
    never : float
        Share of households that buy nothing on promotion.
    listed : tuple of float
        Parameters of the beta distribution of the share of brands that have a column.
    evenness : float
        How evenly a household divides that between them.
    price : float
        Factor of the typical price.
    lift : float
        How much education, size and affluence are above those of the class.
    """

    size: int
    unspecified: int
    brands: tuple[int, ...]
    runs: float
    transactions: float
    volume: float
    promotion: tuple[float, float]
    never: float
    listed: tuple[float, float]
    evenness: float
    price: float
    lift: float


LOYAL = Group(
    size=285,
    unspecified=50,
    brands=(11, 33, 34, 18, 4),
    runs=9,
    transactions=2.1,
    volume=400,
    promotion=(1.3, 22),
    never=0.45,
    listed=(1.3, 1.0),
    evenness=0.5,
    price=0.95,
    lift=-0.7,
)
VARIETY = Group(
    size=250,
    unspecified=11,
    brands=(0, 1, 12, 27, 28, 18, 9, 3, 1),
    runs=23.5,
    transactions=1.75,
    volume=330,
    promotion=(1.3, 12),
    never=0.2,
    listed=(2.0, 2.4),
    evenness=1.2,
    price=1.1,
    lift=0.8,
)
PROMOTION = Group(
    size=65,
    unspecified=7,
    brands=(5, 20, 31, 26, 12, 5, 1),
    runs=16,
    transactions=1.6,
    volume=300,
    promotion=(7, 12),
    never=0.0,
    listed=(1.1, 2.4),
    evenness=0.9,
    price=1.05,
    lift=0.0,
)

Draw = random.Random


def chance(draw: Draw, share: float) -> bool:
    """Return whether something happens that does in this share of cases."""
    return draw.random() < share


def median_draw(draw: Draw, median: float, spread: float) -> float:
    """Return a draw from a log-normal distribution."""
    return median * draw.lognormvariate(0, spread)


def portions(draw: Draw, evenness: float, weights: Sequence[float]) -> list[float]:
    """Return a draw from a Dirichlet distribution around `weights`."""
    mean = sum(weights) / len(weights)
    parts = [draw.gammavariate(evenness * weight / mean, 1.0) + 1e-12 for weight in weights]
    return [part / sum(parts) for part in parts]


def divided(volume: int, parts: Sequence[float]) -> list[int]:
    """Divide a volume into whole packs as nearly in proportion to `parts` as can be."""
    packs = volume // PACK
    exact = [packs * part / sum(parts) for part in parts]
    counts = [int(share) for share in exact]
    by_rest = sorted(range(len(parts)), key=lambda i: counts[i] - exact[i])
    for i in by_rest[: packs - sum(counts)]:
        counts[i] += 1
    return [count * PACK for count in counts]


def shares(volume: int, parts: Sequence[float]) -> list[float]:
    """Return the shares of a volume that was divided into whole packs; they add up to 1."""
    return [round(part / volume, 9) for part in divided(volume, parts)]


def demographics(draw: Draw, group: Group, social: int, *, specified: bool) -> list[int]:
    """Return the ten answers; code 0 (5 for children) where none was specified."""
    if not specified:
        return [social, 0, 0, 0, draw.choices((1, 2, 3, 4), (3, 28, 23, 14))[0], 0, 0, 5, 0, 0]
    usual, mean, _ = CLASSES[social]
    education = min(max(round(draw.gauss(usual + group.lift / 2, 1.5)), 1), 9)
    affluence = median_draw(draw, mean * (1 + group.lift / 5), 0.4)
    children = draw.choices((1, 2, 3, 4), (11, 27, 11, 50))[0]
    members = (3.9 if children == NO_CHILDREN else 5.1) + group.lift / 2
    return [
        social,
        draw.choices((1, 2, 3), (30, 6, 64))[0],
        draw.choices(tuple(LANGUAGES), tuple(LANGUAGES.values()))[0],
        draw.choices((1, 2), (4, 96))[0],
        draw.choices((1, 2, 3, 4), (2, 19, 27, 52))[0],
        education,
        min(max(round(median_draw(draw, members, 0.35)), 1), 15),
        children,
        draw.choices((0, 1, 2), (6, 83, 11))[0],
        min(round(affluence), 53),
    ]


def brand_parts(draw: Draw, group: Group, brands: int) -> list[float]:
    """Return what part of the volume is of each brand that has a column, and of all others."""
    keys = [draw.random() ** (1 / popularity) for popularity in POPULARITY]
    order = sorted(range(len(POPULARITY)), key=lambda i: -keys[i])
    count = min(sum(chance(draw, 0.6) for _ in range(brands)), len(order))
    parts = [0.0] * len(POPULARITY)
    if count:
        listed = 1.0 if count == brands else draw.betavariate(*group.listed)
        for i, part in zip(
            order[:count], portions(draw, group.evenness, [1.0] * count), strict=True
        ):
            parts[i] = listed * part
    return [*parts, 0.0 if count and count == brands else 1 - sum(parts)]


def promotion_parts(draw: Draw, group: Group) -> list[float]:
    """Return what part of the volume is of no, of the usual and of any other promotion."""
    if chance(draw, group.never):
        return [1.0, 0.0, 0.0]
    promoted = draw.betavariate(*group.promotion)
    usual = draw.betavariate(1.2, 0.8)
    return [1 - promoted, promoted * usual, promoted * (1 - usual)]


def category_shares(draw: Draw, volume: int, price: float) -> list[float]:
    """Return the shares of the four price categories and the eleven propositions."""
    weights = (max(price - 8, 0.3), 6.0, max(13 - price, 0.1) ** 2 / 6, 1.0)
    prices = divided(volume, portions(draw, 0.8, weights))
    shares = divided(volume - prices[2], portions(draw, 0.5, PROPOSITIONS))
    propositions = [*shares[:9], prices[2], shares[9]]
    return [round(part / volume, 9) for part in (*prices, *propositions)]


def purchases(draw: Draw, group: Group, social: int) -> list[float]:
    """Return the purchase columns, in the order of the original's header."""
    brands = draw.choices(range(1, len(group.brands) + 1), group.brands)[0]
    runs = 1 if brands == 1 else max(round(median_draw(draw, group.runs, 0.35)), brands)
    ratio = max(median_draw(draw, group.transactions * (7 if brands == 1 else 1), 0.3), 1.0)
    transactions = round(runs * ratio)
    # Who buys often buys less at a time.
    usual = group.volume * (group.runs * group.transactions / transactions) ** 0.4
    packs = max(round(transactions * median_draw(draw, usual, 0.35) / PACK), 1)
    volume = packs * PACK
    typical = CLASSES[social][2] * group.price
    value = round(volume / 100 * min(max(median_draw(draw, typical, 0.27), 5.6), 33), 1)
    price = round(100 * value / volume, 2)
    return [
        brands,
        runs,
        volume,
        transactions,
        value,
        round(transactions / runs, 2),
        round(volume / transactions, 2),
        price,
        *shares(volume, promotion_parts(draw, group)),
        *shares(volume, brand_parts(draw, group, brands)),
        *category_shares(draw, volume, price),
    ]


def rows(seed: int) -> list[list[float]]:
    """Return the shuffled rows, numbered from 1."""
    draw = Draw(seed)
    households = [
        (group, number >= group.unspecified)
        for group in (LOYAL, VARIETY, PROMOTION)
        for number in range(group.size)
    ]
    draw.shuffle(households)
    socials = [1 + number % len(CLASSES) for number in range(len(households))]
    draw.shuffle(socials)
    return [
        [
            number,
            *demographics(draw, group, social, specified=specified),
            *purchases(draw, group, social),
        ]
        for number, ((group, specified), social) in enumerate(
            zip(households, socials, strict=True), start=1
        )
    ]


def main() -> None:
    """Write the table with the original's header, which has no column for what is derived."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from segmentation.schema.relations import Largest
    from segmentation.studies.household import SCHEMA

    derived = {rule.column for rule in SCHEMA.relations if isinstance(rule, Largest)}
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.title for column in SCHEMA.columns if column.name not in derived])
    writer.writerows(rows(SEED))


if __name__ == "__main__":
    main()
