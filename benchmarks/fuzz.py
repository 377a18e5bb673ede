"""`make fuzz`: random requests and random definitions until the time is up; stops at the first finding.

Prints the seed of each round, so that a finding can be had again, and the smallest example that leads to it.

usage: fuzz.py [--minutes 10] [--seed N] [--target requests|definitions]
"""

import argparse
import random
import sys
import time
import traceback
from pathlib import Path

from hypothesis import HealthCheck, given, seed, settings

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.fuzz.targets import TARGETS

EXAMPLES_PER_ROUND = 300


def fuzz(name: str, number: int) -> bool:
    """One round of a target; whether it found nothing."""
    target, strategies = TARGETS[name]
    profile = settings(
        max_examples=EXAMPLES_PER_ROUND, database=None, deadline=None, suppress_health_check=list(HealthCheck)
    )  # fmt: skip
    try:
        seed(number)(profile(given(**strategies)(target)))()
    except BaseException as error:
        traceback.print_exception(error)
        print(f"\nfound by: python benchmarks/fuzz.py --target {name} --seed {number}")
        return False
    return True


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, help="one round with this seed, instead of as many as there is time for")
    parser.add_argument("--target", choices=TARGETS, action="append")
    arguments = parser.parse_args()
    names = arguments.target or list(TARGETS)
    if arguments.seed is not None:
        return 0 if all(fuzz(name, arguments.seed) for name in names) else 1
    until, rounds = time.monotonic() + arguments.minutes * 60, 0
    while time.monotonic() < until:
        name, number = names[rounds % len(names)], random.randrange(2**32)
        rounds += 1
        print(f"{name:12} seed {number:10} round {rounds}", flush=True)
        if not fuzz(name, number):
            return 1
    print(f"{rounds} rounds of {EXAMPLES_PER_ROUND} examples, no finding")
    return 0


if __name__ == "__main__":
    sys.exit(main())
