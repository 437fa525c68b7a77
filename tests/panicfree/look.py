"""Looks into a linked program: whether it can panic, from where, and what its memory holds.

    look.py PROGRAM

Reads 32-bit little-endian ELF itself: not every machine has a symbol tool for every architecture.
The program has to be linked with --emit-relocs.
"""

import re
import struct
import sys
from bisect import bisect_right
from collections import namedtuple

# Whatever panics ends up in one of these.
PANICS = re.compile(
    r"panicking|panic_fmt|panic_|_panic|a_panic_is_reachable|begin_unwind|unwrap_failed|expect_failed"
    r"|len_mismatch_fail|slice_\w*fail|str_\w*fail|index_\w*fail|order_fail"
)

Section = namedtuple("Section", "name type flags address offset size link info entry_size")
Symbol = namedtuple("Symbol", "name address size type section")


def name_in(strings, at):
    return strings[at : strings.index(b"\0", at)].decode()


def parse(program):
    data = open(program, "rb").read()
    if data[:6] != b"\x7fELF\x01\x01":
        sys.exit(f"{program}: not a 32-bit little-endian ELF file")
    table, = struct.unpack_from("<I", data, 32)
    size, count, names = struct.unpack_from("<HHH", data, 46)
    raw = [struct.unpack_from("<10I", data, table + n * size) for n in range(count)]
    strings = data[raw[names][4] :]
    sections = [
        Section(name_in(strings, r[0]), r[1], r[2], r[3], r[4], r[5], r[6], r[7], r[9]) for r in raw
    ]
    symbols, relocations = [], []
    for section in sections:
        if section.type == 2:  # symbols
            strings = data[sections[section.link].offset :]
            for at in range(section.offset, section.offset + section.size, 16):
                name, value, length, info, _, index = struct.unpack_from("<IIIBBH", data, at)
                # the lowest bit of an address says Thumb
                value &= ~1 if info & 15 == 2 else ~0
                symbols.append(Symbol(name_in(strings, name), value, length, info & 15, index))
        elif section.type in (4, 9):  # relocations, with and without addend
            for at in range(section.offset, section.offset + section.size, section.entry_size):
                where, info = struct.unpack_from("<II", data, at)
                relocations.append((section.info, where, info >> 8))
    return sections, symbols, relocations


def plain(name):
    """The readable part of a mangled name."""
    if not name.startswith(("_ZN", "_R")):
        return name
    parts, rest = [], name[2:]
    while length := re.search(r"\d+", rest):
        end = length.end() + int(length.group())
        if end <= len(rest):
            parts.append(rest[length.end() : end].removeprefix("_"))
            rest = rest[end:]
        else:  # a hash that has digits in it
            rest = rest[length.end() :]
    if re.fullmatch(r"h[0-9a-f]{16}", parts[-1]):
        parts.pop()
    text = "::".join(parts)
    for code, sign in {"$LT$": "<", "$GT$": ">", "$u20$": " ", "$C$": ",", "$RF$": "&", "..": "::"}.items():
        text = text.replace(code, sign)
    return text


def calls_to(panicking, symbols, relocations):
    """Who refers to which panicking function: pairs of names."""
    functions = sorted((s.address, s) for s in symbols if s.type == 2 and s.size)
    starts = [address for address, _ in functions]
    calls = set()
    for _, where, to in relocations:
        target = symbols[to]
        if target.name not in panicking:
            continue
        place = bisect_right(starts, where) - 1
        caller = functions[place][1] if place >= 0 else None
        inside = caller and where < caller.address + caller.size
        calls.add((caller.name if inside else "data", target.name))
    return calls


def main(program):
    sections, symbols, relocations = parse(program)
    sizes = {s.name: s.size for s in sections}
    total = lambda name: sum(size for known, size in sizes.items() if known.split(".")[1:2] == [name])
    print("bytes:", ", ".join(f".{name} {total(name)}" for name in ("text", "rodata", "data", "bss")))
    for symbol in sorted(symbols, key=lambda s: s.size):
        if symbol.type == 1 and re.fullmatch(r"[A-Z0-9_]+", symbol.name):
            print(f"  {symbol.size:8} {sections[symbol.section].name} {symbol.name}")

    failures = []
    if total("data"):
        held = [s.name for s in symbols if s.type == 1 and sections[s.section].name.startswith(".data")]
        failures.append(f".data is not empty: {', '.join(map(plain, held))}")
    # or else there would be nothing to see
    if not relocations or not any(s.name == "BUS_OF_10000" and s.size for s in symbols):
        failures.append("this is not the program, or it was not linked with --emit-relocs")

    panicking = {s.name for s in symbols if s.type == 2 and s.size and PANICS.search(s.name)}
    # what panics calls what panics; who else does is what is looked for
    calls = {
        (caller, callee)
        for caller, callee in calls_to(panicking, symbols, relocations)
        if caller not in panicking
    }
    failures += sorted({f"{plain(caller)} calls {plain(callee)}" for caller, callee in calls})
    if panicking and not calls:
        failures += [f"{plain(name)} is in it" for name in sorted(panicking)]
    for failure in failures:
        print(f"  FAILED: {failure}")
    if not failures:
        print("no panic, and all zeros at start")
    return bool(failures)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
