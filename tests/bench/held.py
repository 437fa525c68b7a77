"""Counts instructions of sends under a lock.

    held.py TRACE BINARY   the median and the most of all sends in a trace of lackey (--trace-mem=yes)
    held.py --self-check

The first locked instruction of a send takes the lock, and the next one releases it; so on with the third and fourth.
This holds for a send that touches no other atomic variable: that of statusbus with a handle.
"""

import re
import subprocess
import sys
from statistics import median

from atomics import listing

EXECUTED = re.compile(r"I\s+([0-9a-f]+),(\d+)")
PROBE = re.compile(r"([0-9a-f]+) .*send_probe")
PAGE = 0x1000


def executed(lines):
    """The instructions in a trace: address and length."""
    return [(int(match[1], 16), int(match[2])) for line in lines if (match := EXECUTED.match(line))]


def probes_of(path):
    table = subprocess.run(["objdump", "--syms", path], check=True, capture_output=True, text=True).stdout
    return {int(match[1], 16) for line in table.splitlines() if (match := PROBE.match(line))}


def offset_of(trace, probes, listed):
    """How far the binary was moved when it was loaded. With the right offset, most instructions are listed ones."""
    addresses = {address for address, _ in trace}
    offsets = {address - probe for address in addresses for probe in probes if (address - probe) % PAGE == 0}
    if not offsets:
        sys.exit("no send in the trace")
    return max(offsets, key=lambda offset: sum(address - offset in listed for address in addresses))


def held(trace, probes, locks):
    """For each send, the most instructions after one that takes a lock and before the one that releases it."""
    spans = []
    before, back = 0, None
    for position, (address, length) in enumerate(trace):
        if address == back:
            spans.append(longest)
            back = None
        elif back is None and address in probes:
            back, taken, longest = before, None, 0
        elif back is not None and address in locks:
            if taken is None:
                taken = position
            else:
                longest, taken = max(longest, position - taken - 1), None
        # Where a call returns to.
        before = address + length
    return spans


def self_check():
    lines = ["I  0010,2", " S 1fff,8", "I  0100,1", "I  0101,4", "I  0105,1", "I  0106,4", "I  010a,1", "I  0012,1"]
    trace = executed(lines)
    assert trace[:2] == [(0x10, 2), (0x100, 1)]
    assert held(trace, {0x100}, {0x101, 0x106}) == [1]
    # A reader that runs between two sends does not count.
    assert held([*trace, (0x101, 4), (0x200, 1), (0x106, 4), *trace], {0x100}, {0x101, 0x106}) == [1, 1]
    # The second lock of a send is released later.
    slow = [(0x10, 2), (0x100, 1), (0x101, 4), (0x106, 4), (0x101, 4), (0x110, 1), (0x111, 1), (0x106, 4), (0x12, 1)]
    assert held(slow, {0x100}, {0x101, 0x106}) == [2]
    moved = [(address + 5 * PAGE, length) for address, length in trace]
    assert offset_of(moved, {0x100}, {0x100, 0x101, 0x105}) == 5 * PAGE


def main(path, binary):
    with open(path) as file:
        trace = executed(file)
    probes = probes_of(binary)
    listed, locks = listing(binary)
    offset = offset_of(trace, probes, listed)
    spans = held([(address - offset, length) for address, length in trace], probes, locks)
    if not any(spans):
        sys.exit("no send in the trace takes a lock")
    print(f"{median(spans):.0f}\n{max(spans)}")


if sys.argv[1:] == ["--self-check"]:
    self_check()
elif len(sys.argv) == 3:
    main(*sys.argv[1:])
else:
    sys.exit(__doc__)
