"""Counts words in comments and prose. See words.sh."""

import contextlib
import io
import re
import subprocess
import sys
from collections import namedtuple

# `limit` is per 1,000 words.
Rule = namedtuple("Rule", "name limit pattern")

RULES = [
    # `whose` counts where it has no noun before it: "the queue whose limit …" is a plain relative clause.
    Rule(
        "who",
        0.1,
        r"\b(who|whoever|whom)\b|(?:^|[.:;!?(]|\b(?:of|to|from|with|by|for|in|on|at|and|or|is|are))\s+whose\b",
    ),
    Rule("say", 0.2, r"\b(say|says|said)\b"),
    Rule("tell", 0.3, r"\b(tell|tells|told)\b"),
    Rule("stand", 0.1, r"\b(stand|stands|standing)\b"),
    Rule("is none", 0.0, r"\bis\s+none\b"),
]

# Strings come before comments, so that `"//"` in a string begins no comment. Group `comment` is one.
SLASHES = r"(?P<comment>//[^\n]*|/\*.*?\*/)"
DOUBLE = r'"(?:\\.|[^"\\])*"'
RUST = rf"""r(#*)".*?"\1|{DOUBLE}|'(?:\\[^']+|[^\\'\n])'|{SLASHES}"""
SCRIPT = rf'''"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`|\\/|{SLASHES}'''
HASH = rf'''"(?:\\.|[^"\\\n])*"|'[^'\n]*'|(?:(?<=\s)|^)(?P<comment>#[^\n]*)'''
DOCSTRING = r'^[ ]*"""(?P<doc>.*?)"""'

COMMENTS = {
    "rs": RUST,
    "ts": SCRIPT,
    "js": SCRIPT,
    "mjs": SCRIPT,
    "css": SCRIPT,
    "sh": HASH,
    "py": f"{DOCSTRING}|{HASH}",
    "toml": HASH,
    "yml": HASH,
}


def kind_of(path, text):
    """The suffix that decides how a file is read; `None` for a file without prose."""
    if "." in path.rsplit("/", 1)[-1].lstrip("."):
        suffix = path.rsplit(".", 1)[-1]
    else:
        suffix = "sh" if re.match(r"#!.*\bsh|#!.*bash", text) else ""
    return suffix if suffix == "md" or suffix in COMMENTS else None


def comment_lines(kind, text):
    """The text of all comments, on the lines where they are."""
    lines = [""] * (text.count("\n") + 1)
    for match in re.finditer(COMMENTS[kind], text, re.DOTALL | re.MULTILINE):
        groups = match.groupdict()
        comment = groups.get("comment") or groups.get("doc")
        if comment is None:
            continue
        first = text.count("\n", 0, match.start())
        for offset, line in enumerate(comment.split("\n")):
            lines[first + offset] += " " + line.strip().strip("/!*#").strip()
    return lines


def prose(kind, text):
    """The prose of a file, line by line: without code, addresses and link targets."""
    lines = text.split("\n") if kind == "md" else comment_lines(kind, text)
    fenced = False
    for index, line in enumerate(lines):
        fence = line.strip().startswith(("```", "~~~"))
        # The end of a comment ends its code, so that a stray fence hides one comment at most.
        fenced = (fenced != fence) and (kind == "md" or line != "")
        if fenced or fence:
            lines[index] = ""
    joined = "\n".join(lines)
    joined = re.sub(r"<!--.*?-->", keep_lines, joined, flags=re.DOTALL)
    joined = re.sub(r"(`+)[^`]+?\1", keep_lines, joined)
    joined = re.sub(r"\]\([^)\s]*\)|https?://\S+", " ", joined)
    return joined


def keep_lines(match):
    return " " + "\n" * match[0].count("\n")


def hits(rule, text):
    return [text.count("\n", 0, match.end()) for match in re.finditer(rule.pattern, text, re.I | re.M)]


def count_words(text):
    return len(re.findall(r"[^\W\d_]+(?:['’-][^\W\d_]+)*", text))


def files_under(path):
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", path]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    for name in listed:
        try:
            with open(name, encoding="utf-8") as file:
                text = file.read()
        except (FileNotFoundError, UnicodeDecodeError):
            continue
        kind = kind_of(name, text)
        if kind:
            yield name, text, prose(kind, text)


def is_above(rule, count, words):
    return count * 1000 > rule.limit * words


def report(paths, read=files_under):
    """Prints the figures of each path; returns how many paths have one above its limit."""
    width = max(map(len, paths))
    print(f"{'per 1,000 words':{width}} {'words':>7}" + "".join(f"{rule.name:>9}" for rule in RULES))
    print(f"{'limit':{width}} {'':>7}" + "".join(f"{rule.limit:9.2f}" for rule in RULES))
    failed = []
    for path in paths:
        texts = [text for _, _, text in read(path)]
        if not texts:
            print(f"{path:{width}} no such file, or no prose in it")
            failed.append(path)
            continue
        words = sum(map(count_words, texts))
        counts = [sum(len(hits(rule, text)) for text in texts) for rule in RULES]
        above = any(is_above(rule, count, words) for rule, count in zip(RULES, counts))
        rates = "".join(f"{1000 * count / max(words, 1):9.2f}" for count in counts)
        print(f"{path:{width}} {words:7}{rates}{'  above' if above else ''}")
        if above:
            failed.append(path)
    if failed:
        print(f"{len(failed)} of {len(paths)} paths above a limit; scripts/words.sh --show PATH prints the lines")
    return len(failed)


def show(paths):
    for path in paths:
        for name, source, text in files_under(path):
            found = {}
            for rule in RULES:
                for line in hits(rule, text):
                    found.setdefault(line, []).append(rule.name)
            lines = source.split("\n")
            for line, names in sorted(found.items()):
                print(f"{name}:{line + 1}: {', '.join(names)}: {lines[line].strip()}")


# What each source counts: words, then a count for each rule.
FIXTURES = [
    ("rs", "/// Who says it.\nlet url = \"http://who\"; // told\n", (4, [1, 1, 1, 0, 0])),
    ("rs", "/// The name is\n/// none. `who`\n/// ```\n/// say\n/// ```\n", (4, [0, 0, 0, 0, 1])),
    ("rs", "let quote = '\"'; // it stands\nfn f<'a>() {} // standard\n", (3, [0, 0, 0, 1, 0])),
    ("rs", 'let raw = r#"// "who" said"#; /* one\n   whoever */', (2, [1, 0, 0, 0, 0])),
    ("ts", "const a = '// who' // tells\nconst b = `\n// who`\nx = /\\//\n/** Said. */", (2, [0, 1, 1, 0, 0])),
    ("sh", "echo \"# who\" # say it\nx=${y#who} # no\n#!/bin/sh\n", (5, [0, 1, 0, 0, 0])),
    ("py", '"""Who."""\ntext = """who"""  # whom\n', (2, [2, 0, 0, 0, 0])),
    ("md", "# Who\n\n```\nsay\n```\nsaid [say](say.md) `say`\n", (3, [1, 2, 0, 0, 0])),
    ("md", "A queue whose limit is set. Whose it is, and of whose gap.", (13, [2, 0, 0, 0, 0])),
]


def self_check():
    for kind, source, expected in FIXTURES:
        text = prose(kind, source)
        counted = (count_words(text), [len(hits(rule, text)) for rule in RULES])
        assert counted == expected, f"{source!r}: expected {expected}, counted {counted}"
    for kind, path, text in [("rs", "a/b.rs", ""), ("sh", ".ci/run", "#!/usr/bin/env bash\n"), (None, "LICENSE", "")]:
        assert kind_of(path, text) == kind, path
    say = RULES[1]
    assert not is_above(say, 1, 5000) and is_above(say, 1, 4999)
    assert not is_above(RULES[-1], 0, 0) and is_above(RULES[-1], 1, 1_000_000)
    sources = {"clean": "The reader lags.", "above": "The reader is told."}
    with contextlib.redirect_stdout(io.StringIO()):
        failed = {
            path: report([path], lambda path: [("", "", text) for name, text in sources.items() if name == path])
            for path in [*sources, "missing"]
        }
    assert failed == {"clean": 0, "above": 1, "missing": 1}, failed
    print(f"words: {len(FIXTURES)} sources counted as expected")


def main(arguments):
    if arguments == ["--self-check"]:
        self_check()
        return 0
    if arguments[0] == "--show":
        show(arguments[1:])
        return 0
    return 1 if report(arguments) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
