"""Writes the synthetic sample of the mobile survey to standard output; always the same 700 rows.

Facts about the original (Kaggle, valakhorasani/mobile-device-usage-and-user-behavior-dataset)
that it uses, and nothing else: the header; the number of rows in each class; the lowest and
highest usage answer of each class; ages 18 to 59; the five devices, of which only the iPhone runs
iOS; that age, gender and device tell nothing about the class. Within a class every answer is
drawn evenly and independently of the others.
"""

from __future__ import annotations

import csv
import random
import sys
from pathlib import Path

SEED = 700
ROWS_PER_CLASS = {1: 136, 2: 146, 3: 143, 4: 139, 5: 136}
# Lowest and highest answer by class: app min/day, screen h/day, battery mAh/day, apps, data MB/day.
RANGES = {
    1: ((30, 89), (1.0, 2.0), (302, 594), (10, 19), (102, 299)),
    2: ((91, 179), (2.0, 4.0), (602, 1198), (21, 39), (301, 599)),
    3: ((181, 299), (4.0, 6.0), (1210, 1791), (41, 59), (608, 997)),
    4: ((301, 478), (6.0, 7.9), (1802, 2398), (61, 79), (1002, 1499)),
    5: ((481, 598), (8.1, 12.0), (2403, 2993), (81, 99), (1508, 2497)),
}
DEVICES = ("Google Pixel 5", "OnePlus 9", "Samsung Galaxy S21", "Xiaomi Mi 11", "iPhone 12")


def answer(draw: random.Random, low: float, high: float) -> float:
    """Return an even draw between two answers, whole where both are, else to one decimal."""
    if isinstance(low, int):
        return draw.randint(low, int(high))
    return round(draw.uniform(low, high), 1)


def rows(seed: int) -> list[list[object]]:
    """Return the shuffled rows, numbered from 1."""
    draw = random.Random(seed)  # nosec B311  # draws samples, and no secret
    labels = [label for label, count in ROWS_PER_CLASS.items() for _ in range(count)]
    draw.shuffle(labels)
    table: list[list[object]] = []
    for number, label in enumerate(labels, start=1):
        device = draw.choice(DEVICES)
        system = "iOS" if device == "iPhone 12" else "Android"
        usage = [answer(draw, low, high) for low, high in RANGES[label]]
        person = [draw.randint(18, 59), draw.choice(("Female", "Male"))]
        table.append([number, device, system, *usage, *person, label])
    return table


def main() -> None:
    """Write the table with the original's header."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from segmentation.studies.mobile import SCHEMA

    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow([column.title for column in SCHEMA.columns])
    writer.writerows(rows(SEED))


if __name__ == "__main__":
    main()
