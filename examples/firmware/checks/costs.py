"""What sending and delivering cost, against the limits.

    costs.py [--write] <OUTPUT

OUTPUT is that of the program `cost`. costs.txt has the limit and the goal of each figure. With --write the limits
become the present costs: see its head.
"""

import sys
from pathlib import Path

LIMITS = Path(__file__).parent / "costs.txt"
# What another compiler may add.
SLACK = 1.05


def limits():
    """By name: the limit, and the goal; a goal of -1: no goal."""
    rows = {}
    for line in LIMITS.read_text().splitlines():
        name, colon, numbers = line.partition("#")[0].rpartition(":")
        if colon:
            limit, goal = numbers.split()
            rows[name.strip()] = int(limit), -1 if goal == "-" else int(goal)
    return rows


def misses(number, goal):
    return 0 <= goal < number


def rewrite(rows, figures):
    comments = [line for line in LIMITS.read_text().splitlines() if line.startswith("#")]
    lines = []
    for name, number in figures.items():
        _, goal = rows.get(name, (0, -1))
        limit = int(number * SLACK)
        if goal >= 0 and not misses(number, goal):
            limit = min(limit, goal)
        lines.append(f"{name}: {limit} {'-' if goal < 0 else goal}")
    LIMITS.write_text("\n".join(comments + lines) + "\n")


def main(write):
    lines = (line.rstrip().rsplit(": ", 1) for line in sys.stdin if ": " in line)
    figures = {name: int(number) for name, number in lines if "," in name}
    if write:
        rewrite(limits(), figures)
    print(f"{'':58} {'':>6} {'limit':>7} {'goal':>6}")
    failed, above = [], []
    for name, (limit, goal) in limits().items():
        # A figure that is missing fails.
        number = figures.get(name, 1 << 31)
        print(f"{name:58} {number:6} {limit:7} {'-' if goal < 0 else goal:>6}")
        if number > limit:
            failed.append(name)
        if misses(number, goal):
            above.append(name)
    if above:
        print(f"above the goal, within the limit: {'; '.join(above)}")
    if failed:
        sys.exit("FAILED: above the limit: " + "; ".join(failed))


if __name__ == "__main__":
    main("--write" in sys.argv[1:])
