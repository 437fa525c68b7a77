"""What sending and handing on cost, against what they may.

    costs.py [--write] <OUTPUT

OUTPUT is what the program `cost` says; costs.txt says what each number may be at most, and the goal.
With --write it says what they are now.
"""

import sys
from pathlib import Path

LIMITS = Path(__file__).parent / "costs.txt"
# What another compiler may add before somebody has to look.
SLACK = 1.05


def limits():
    """By name: the most, and the goal."""
    rows = {}
    for line in LIMITS.read_text().splitlines():
        name, colon, numbers = line.partition("#")[0].rpartition(":")
        if colon:
            most, goal = numbers.split()
            rows[name.strip()] = int(most), goal
    return rows


def main(write):
    allowed = limits()
    told = dict(line.rstrip().rsplit(": ", 1) for line in sys.stdin if ": " in line)
    if write:
        for name, number in told.items():
            goal = allowed.get(name, (0, "-"))[1]
            print(f"{name}: {int(int(number) * SLACK)} {goal}")
        return
    print(f"{'':58} {'':>6} {'at most':>8} {'goal':>6}")
    failed, above = [], []
    for name, (most, goal) in allowed.items():
        number = int(told.get(name, 1 << 31))
        print(f"{name:58} {number:6} {most:8} {goal:>6}")
        if number > most:
            failed.append(name)
        if goal != "-" and number > int(goal):
            above.append(name)
    print(f"above the goal, and held where they are: {len(above)}")
    if failed:
        sys.exit("FAILED: more than at most: " + "; ".join(failed))


if __name__ == "__main__":
    main("--write" in sys.argv[1:])
