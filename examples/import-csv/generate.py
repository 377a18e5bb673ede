"""Makes a price list: the same for the same number of rows, with mistakes in it.

python generate.py [--rows N] [--out FILE]
"""

import argparse
import csv
import random
from pathlib import Path

FIELDS = ("sku", "name", "price", "stock")
GOODS = ("Bolt", "Nut", "Washer", "Bracket", "Hinge", "Spring", "Valve", "Gasket")
ROTTEN = range(4_200, 4_400)
"""Rows whose columns have slipped, as when a program has been stopped in the middle: two batches of a hundred."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--out", type=Path, default=Path("/tmp/stepwell-import-csv/prices.csv"))
    options = parser.parse_args()
    options.out.parent.mkdir(parents=True, exist_ok=True)
    with options.out.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(FIELDS)
        writer.writerows(rows(options.rows))
    print(f"{options.rows} rows in {options.out}")


def rows(count):
    """One in a hundred has a mistake; the rest are good, but for those of `ROTTEN`."""
    chance = random.Random(20_261_121)
    for number in range(count):
        good = chance.choice(GOODS)
        row = [
            f"{good[:3].upper()}-{number:05}",
            f'{good}, {chance.randint(1, 40)}"',
            f"{chance.randint(5, 9_999) / 100:.2f}",
        ]
        row.append(str(chance.randint(0, 500)))
        if number in ROTTEN:
            row = row[1:] + row[:1]
        elif number % 100 == 37:
            row[2 + number // 100 % 2] = "-"
        yield row


if __name__ == "__main__":
    main()
