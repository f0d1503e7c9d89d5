"""Writes the synthetic sample of credit card holders to standard output; always the same.

Facts about the original (Kaggle, arjunbhasin2013/ccdata) that it uses, and nothing else: the
header; what the columns are made of (purchases are those at one go and in instalments; a
frequency is a share of the months that the holder has had the card, and 0 exactly where the amount
is 0); rough shares, means and medians in each of four tiers that are 8, 14, 35 and 43 % of the
holders; that balances stay within most limits; the shares of short tenures; that 3.5 % of minimum
payments and one limit are missing; that the frequency of cash advances can exceed 1.
"""

from __future__ import annotations

import csv
import random
import sys
from dataclasses import dataclass
from pathlib import Path

SEED = 2000
YEAR = 12  # months that a long tenure is observed for
TENURES = {12: 85, 11: 4, 10: 3, 9: 2, 8: 2, 7: 2, 6: 2}
LEAST_UNKNOWN = 70  # rows whose minimum payment is missing
LOWEST_LIMIT, HIGHEST_LIMIT = 500, 30_000

Row = dict[str, float]
Draw = random.Random


@dataclass(frozen=True)
class Habit:
    """How a holder uses the card in one way.

    Attributes
    ----------
    never : float
        Share of holders who don't.
    months : tuple of float
        Parameters of the beta distribution of the share of months in which the others do.
    amount : float
        Median amount in such a month.
    uses : float
        Mean number of uses in such a month beyond the first.
    """

    never: float
    months: tuple[float, float]
    amount: float
    uses: float


@dataclass(frozen=True)
class Tier:
    """Holders who use the card alike.

    Attributes
    ----------
    size : int
    one_off, instalments, advances : Habit
    limit : float
        Median credit limit.
    utilised : tuple of float
        Parameters of the beta distribution of the part of the limit that is the balance.
    paid : float
        Median of payments as a part of the turnover.
    unpaid : float
        Share of holders who paid nothing.
    steady : float
        Share of holders whose balance is updated every month.
    full : float
        Share of holders who ever paid in full.
    """

    size: int
    one_off: Habit
    instalments: Habit
    advances: Habit
    limit: float
    utilised: tuple[float, float]
    paid: float
    unpaid: float
    steady: float
    full: float


TIERS = (
    Tier(  # vip
        size=180,
        one_off=Habit(0.02, (2.4, 0.9), 350, 2.6),
        instalments=Habit(0.09, (3.0, 0.7), 170, 2.2),
        advances=Habit(0.68, (1.2, 4.0), 500, 1.0),
        limit=6_800,
        utilised=(0.9, 1.9),
        paid=0.85,
        unpaid=0.006,
        steady=0.93,
        full=0.5,
    ),
    Tier(  # plus
        size=310,
        one_off=Habit(0.57, (1.0, 3.0), 150, 0.5),
        instalments=Habit(0.68, (1.6, 2.0), 60, 0.5),
        advances=Habit(0.0, (2.2, 2.8), 620, 1.4),
        limit=5_800,
        utilised=(2.4, 1.6),
        paid=0.55,
        unpaid=0.009,
        steady=0.85,
        full=0.2,
    ),
    Tier(  # mid
        size=690,
        one_off=Habit(0.45, (0.9, 1.5), 95, 0.6),
        instalments=Habit(0.08, (2.8, 0.6), 48, 0.6),
        advances=Habit(0.8, (1.2, 6.0), 300, 0.6),
        limit=3_100,
        utilised=(0.6, 2.2),
        paid=0.85,
        unpaid=0.012,
        steady=0.8,
        full=0.51,
    ),
    Tier(  # low
        size=820,
        one_off=Habit(0.55, (1.0, 4.5), 130, 0.4),
        instalments=Habit(0.70, (1.0, 3.2), 50, 0.2),
        advances=Habit(0.44, (1.3, 5.5), 330, 0.8),
        limit=2_600,
        utilised=(0.9, 1.9),
        paid=0.75,
        unpaid=0.048,
        steady=0.45,
        full=0.23,
    ),
)


def chance(draw: Draw, share: float) -> bool:
    """Return whether something happens that does in this share of cases."""
    return draw.random() < share


def median_draw(draw: Draw, median: float, spread: float) -> float:
    """Return a draw from a log-normal distribution."""
    return median * draw.lognormvariate(0, spread)


def used(draw: Draw, habit: Habit, months: int) -> tuple[int, float, int]:
    """Return in how many of `months` the card was used so, for how much and how often."""
    if chance(draw, habit.never):
        return 0, 0.0, 0
    active = min(max(round(months * draw.betavariate(*habit.months)), 1), months)
    amount = round(active * median_draw(draw, habit.amount, 0.75), 2)
    extra = sum(int(draw.expovariate(1 / habit.uses) + 0.5) for _ in range(active))
    return active, amount, active + extra


def usage(draw: Draw, tier: Tier, tenure: int) -> Row:
    """Return for how much, how often and in how many months the card was used."""
    at_once, one_off, once_uses = used(draw, tier.one_off, tenure)
    in_parts, instalments, part_uses = used(draw, tier.instalments, tenure)
    # Counted over the year whatever the tenure, which is how a share of months can exceed 1.
    drawn, advance, advance_uses = used(draw, tier.advances, YEAR)
    bought = draw.randint(max(at_once, in_parts), min(at_once + in_parts, tenure))
    return {
        "PURCHASES": round(one_off + instalments, 2),
        "ONEOFF_PURCHASES": one_off,
        "INSTALLMENTS_PURCHASES": instalments,
        "CASH_ADVANCE": advance,
        "PURCHASES_FREQUENCY": round(bought / tenure, 6),
        "ONEOFF_PURCHASES_FREQUENCY": round(at_once / tenure, 6),
        "PURCHASES_INSTALLMENTS_FREQUENCY": round(in_parts / tenure, 6),
        "CASH_ADVANCE_FREQUENCY": round(min(drawn / tenure, 1.5), 6),
        "CASH_ADVANCE_TRX": advance_uses,
        "PURCHASES_TRX": once_uses + part_uses,
    }


def account(draw: Draw, tier: Tier, tenure: int) -> Row:
    """Return the limit, a round sum, and the balance; few balances exceed their limit."""
    limit = round(median_draw(draw, tier.limit, 0.65) / 500) * 500
    limit = min(max(limit, LOWEST_LIMIT), HIGHEST_LIMIT)
    over = chance(draw, 0.025)
    balance = limit * (draw.uniform(1, 1.2) if over else draw.betavariate(*tier.utilised))
    updated = tenure if chance(draw, tier.steady) else draw.randint(tenure // 4, tenure)
    if chance(draw, 0.01):
        balance, updated = 0.0, 0
    return {
        "BALANCE": round(balance + 0.01, 2) if updated else 0.0,
        "BALANCE_FREQUENCY": round(updated / tenure, 6),
        "CREDIT_LIMIT": limit,
    }


def payment(draw: Draw, tier: Tier, tenure: int, answers: Row) -> Row:
    """Return what was paid and had to be paid; the latter is unknown where nothing was paid."""
    turnover = answers["PURCHASES"] + answers["CASH_ADVANCE"]
    usual = tier.paid * turnover + 0.04 * answers["CREDIT_LIMIT"] + 50
    paid = 0.0 if chance(draw, tier.unpaid) else round(median_draw(draw, usual, 0.5), 2)
    least = round(median_draw(draw, 0.3 * answers["BALANCE"] + 100, 0.7), 2)
    full = draw.randint(1, tenure) if paid and chance(draw, tier.full) else 0
    answers = {"PAYMENTS": paid, "PRC_FULL_PAYMENT": round(full / tenure, 6)}
    return answers | ({"MINIMUM_PAYMENTS": least} if paid else {})


def holder(draw: Draw, tier: Tier) -> Row:
    """Return the answers of one holder, by the original's header."""
    tenure = draw.choices(tuple(TENURES), tuple(TENURES.values()))[0]
    answers = usage(draw, tier, tenure) | account(draw, tier, tenure)
    return answers | payment(draw, tier, tenure, answers) | {"TENURE": tenure}


def rows(seed: int) -> list[dict[str, float | str]]:
    """Return the shuffled rows, numbered from 1; what is missing is left out."""
    draw = Draw(seed)
    tiers = [tier for tier in TIERS for _ in range(tier.size)]
    draw.shuffle(tiers)
    table = [holder(draw, tier) for tier in tiers]
    rows = [row for row in table if "MINIMUM_PAYMENTS" in row]
    for row in draw.sample(rows, LEAST_UNKNOWN - (len(table) - len(rows))):
        del row["MINIMUM_PAYMENTS"]
    del draw.choice(table)["CREDIT_LIMIT"]
    return [{"CUST_ID": f"S{number:04d}", **row} for number, row in enumerate(table, start=1)]


def main() -> None:
    """Write the table with the original's header."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from segmentation.studies.credit_card import SCHEMA

    header = [column.title for column in SCHEMA.columns]
    writer = csv.DictWriter(sys.stdout, header, restval="", lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows(SEED))


if __name__ == "__main__":
    main()
