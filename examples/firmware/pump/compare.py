"""Whether the line carried what the station counts as delivered, and gaps for what it counts as lost.

    compare.py LOG JSON

LOG is the station's own log, JSON the output of `watch device --json` for its frames.
"""

import json
import re
import sys

LAST_WORDS = {
    ("station/tank", "full, 100 %"),
    ("station/update", "done: version 2.1 starts with the next reset"),
    ("station/pump", "bearing 2 is warm: 71 degrees"),
    ("station/pump", "done: the tank is full"),
}


def main(log, output):
    end = re.search(r"at the end: (\d+) sent, (\d+) delivered, (\d+) dropped", open(log).read())
    if not end:
        sys.exit("the log has no last line")
    sent, delivered, dropped = map(int, end.groups())
    updates = []
    for line in open(output):
        batch = json.loads(line)
        updates += batch.get("updates", [])
    received = {(update["conversation"], update["text"]) for update in updates}
    closed = updates[-1]["metadata"]
    print(f"station: {sent} sent, {delivered} delivered, {dropped} dropped, {closed}")
    if missing := LAST_WORDS - received:
        sys.exit(f"FAILED: these are missing: {missing}")
    read = closed["updates"], closed["lost_in_the_device"], closed["lost_on_the_line"]
    if read != (delivered, dropped, 0):
        sys.exit("FAILED: that is not the same")
    if not dropped or closed["bad_frames"]:
        sys.exit("FAILED: there was neither overload nor a clean line")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
