"""What the probes take of flash and memory, against what they may.

    table.py TARGET FOLDER [--write]

FOLDER has the linked programs; limits.txt says what each may take over the empty application, and
what the goal is. With --write it says what it takes now.
"""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "../../../tests/panicfree"))
from look import parse  # noqa: E402

LIMITS = HERE / "limits.txt"
# What another compiler may add before somebody has to look.
SLACK = 1.02


def size(program):
    """Bytes of flash, and of memory without the stack."""
    sections, *_ = parse(program)
    flash = memory = 0
    for section in sections:
        # what is loaded, and what of it is written to or begins as zeros
        if section.flags & 2 and section.name != ".stack":
            if section.type != 8 and section.name != ".uninit":
                flash += section.size
            if section.flags & 1:
                memory += section.size
    return flash, memory


def limits(target):
    """By probe: the most bytes over the empty application of flash and memory, and the goal in flash."""
    rows = {}
    for line in LIMITS.read_text().splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] == target:
            _, probe, flash, memory, goal = words
            rows[probe] = int(flash), int(memory), goal
    return rows


def main(target, folder, write):
    allowed = limits(target)
    if not allowed:
        sys.exit(f"{LIMITS} says nothing of {target}")
    empty_flash, empty_memory = size(Path(folder) / "empty")
    print(f"{target}: bytes over the empty application ({empty_flash} of flash, {empty_memory} of memory)")
    print(f"{'':16} {'flash':>7} {'at most':>8} {'goal':>6} {'memory':>7} {'at most':>8}")
    failed, above = [], []
    for probe, (most_flash, most_memory, goal) in allowed.items():
        flash, memory = size(Path(folder) / probe)
        flash, memory = flash - empty_flash, memory - empty_memory
        if write:
            print(f"{target} {probe} {int(flash * SLACK)} {memory} {goal}")
            continue
        print(f"{probe:16} {flash:7} {most_flash:8} {goal:>6} {memory:7} {most_memory:8}")
        if flash > most_flash or memory > most_memory:
            failed.append(probe)
        if goal != "-" and flash > int(goal):
            above.append(probe)
    if above:
        print(f"above the goal, and held where they are: {', '.join(above)}")
    if failed:
        sys.exit(f"FAILED: more than at most: {', '.join(failed)}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(sys.argv[1], sys.argv[2], "--write" in sys.argv[3:])
