"""Counts locked instructions in profiles of callgrind.

    atomics.py N PROFILE PROFILE   per message: the difference between two profiles, divided by N
    atomics.py --self-check

The profiles are written with --dump-instr=yes --compress-pos=no --compress-strings=no. A locked instruction has a
`lock` prefix or exchanges a register with memory, which locks by itself.
"""

import re
import subprocess
import sys
from collections import Counter
from functools import cache

COST = re.compile(r"0x([0-9a-f]+) \S+ (\d+)$")
LISTED = re.compile(r"\s*([0-9a-f]+):\t(.*)")


def executed(lines):
    """How often each instruction was executed, by object and address."""
    counts = Counter()
    name, skips = None, False
    for line in lines:
        if line.startswith("ob="):
            name = line[3:].rstrip("\n")
        elif line.startswith("calls="):
            # The next line is the cost inside the function that is called, which has lines of its own.
            skips = True
        elif match := COST.match(line):
            if not skips:
                counts[name, int(match[1], 16)] += int(match[2])
            skips = False
    return counts


def is_locked(instruction):
    words = instruction.split()
    return words[:1] == ["lock"] or (words[:1] and words[0].startswith("xchg") and "(" in instruction)


@cache
def listing(path):
    """The addresses of an object's instructions, and of the locked ones."""
    command = ["objdump", "--disassemble", "--no-show-raw-insn", path]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    listed = [match for line in text.splitlines() if (match := LISTED.match(line))]
    addresses = {int(match[1], 16) for match in listed}
    return addresses, {int(match[1], 16) for match in listed if is_locked(match[2])}


def locked(path):
    with open(path) as file:
        counts = executed(file)
    total = listed = locked = 0
    for (name, address), count in counts.items():
        total += count
        if not name.startswith("/"):
            continue
        addresses, locks = listing(name)
        listed += count if address in addresses else 0
        locked += count if address in locks else 0
    # Otherwise the addresses of the profile are not those of the objects.
    if listed < 0.99 * total:
        sys.exit(f"{path}: {listed} of {total} executed instructions are in the listings")
    return locked


def self_check():
    profile = ["ob=/a", "fn=f", "0x10 1 5", "calls=5 0x20 9", "0x13 1 500", "fi=x.rs", "0x15 2 5", "ob=/b", "0x10 3 7"]
    assert executed(profile) == {("/a", 0x10): 5, ("/a", 0x15): 5, ("/b", 0x10): 7}
    assert is_locked("lock cmpxchg %cl,(%rdi)")
    assert is_locked("xchg   %al,0x10(%rdi)")
    assert not is_locked("xchg   %ax,%ax")
    assert not is_locked("mov    %al,(%rdi)")
    assert LISTED.match("  24c920:\tpush   %rbp")[1] == "24c920"


def main(arguments):
    if arguments == ["--self-check"]:
        self_check()
    elif len(arguments) == 3:
        messages, once, twice = int(arguments[0]), locked(arguments[1]), locked(arguments[2])
        print(f"{(twice - once) / messages:.3f}")
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
