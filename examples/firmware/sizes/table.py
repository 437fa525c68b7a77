"""Flash and memory of the probes, against their limits.

    table.py TARGET FOLDER [--write]

FOLDER has the linked programs. limits.txt has, for each probe, the limits over the empty application and the
goals. With --write the limits become the present sizes: see its head.
"""

import sys
from collections import namedtuple
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "../../../tests/panicfree"))
from look import parse  # noqa: E402

LIMITS = HERE / "limits.txt"
# What another compiler may add.
SLACK = 1.02

Row = namedtuple("Row", "flash memory flash_goal memory_goal")


def size(program):
    """Bytes of flash, and of memory without the stack."""
    sections, *_ = parse(program)
    flash = memory = 0
    for section in sections:
        # Sections that are loaded; of memory those that are writable or zeroed.
        if section.flags & 2 and section.name != ".stack":
            if section.type != 8 and section.name != ".uninit":
                flash += section.size
            if section.flags & 1:
                memory += section.size
    return flash, memory


def limits(target):
    """The rows of a target, by probe. A goal of -1: no goal."""
    rows = {}
    for line in LIMITS.read_text().splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] == target:
            rows[words[1]] = Row(*(-1 if word == "-" else int(word) for word in words[2:]))
    return rows


def misses(value, goal):
    return 0 <= goal < value


def limit(value, goal, slack=1):
    """The limit that --write sets."""
    most = int(value * slack)
    return most if goal < 0 or misses(value, goal) else min(most, goal)


def rewrite(target, rows):
    lines = LIMITS.read_text().splitlines()
    for index, line in enumerate(lines):
        words = line.split()
        if words[:1] == [target]:
            row = ("-" if number < 0 else str(number) for number in rows[words[1]])
            lines[index] = " ".join([target, words[1], *row])
    LIMITS.write_text("\n".join(lines) + "\n")


def main(target, folder, write):
    rows = limits(target)
    if not rows:
        sys.exit(f"{LIMITS} has no row for {target}")
    empty_flash, empty_memory = size(Path(folder) / "empty")
    print(f"{target}: bytes over the empty application ({empty_flash} of flash, {empty_memory} of memory)")
    print(f"{'':16} {'flash':>7} {'limit':>7} {'goal':>6} {'memory':>8} {'limit':>7} {'goal':>6}")
    failed, above = [], []
    for probe, row in rows.items():
        flash, memory = size(Path(folder) / probe)
        flash, memory = flash - empty_flash, memory - empty_memory
        if write:
            row = row._replace(
                flash=limit(flash, row.flash_goal, SLACK), memory=limit(memory, row.memory_goal)
            )
            rows[probe] = row
        goals = ("-" if goal < 0 else goal for goal in (row.flash_goal, row.memory_goal))
        flash_goal, memory_goal = goals
        print(
            f"{probe:16} {flash:7} {row.flash:7} {flash_goal:>6}"
            f" {memory:8} {row.memory:7} {memory_goal:>6}"
        )
        if flash > row.flash or memory > row.memory:
            failed.append(probe)
        above += ["flash of " + probe] * misses(flash, row.flash_goal)
        above += ["memory of " + probe] * misses(memory, row.memory_goal)
    if write:
        rewrite(target, rows)
    if above:
        print(f"above the goal, within the limit: {', '.join(above)}")
    if failed:
        sys.exit(f"FAILED: above the limit: {', '.join(failed)}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], "--write" in sys.argv[3:])
