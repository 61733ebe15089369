"""Tells how much of each room the tests have run, and fails if it is too little: the end of ``make coverage``.

``branch_coverage.py REPORT [--missing]``; REPORT is what ``coverage json`` wrote. The figure that counts is that of
branches alone, which is lower than the customary one of lines and branches together.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter, defaultdict
from pathlib import Path

WANTED = 95.0
"""Per cent of the branches of each room in :data:`HELD`."""
HELD = ("engine", "storage", "stream", "tree")
SHOWN = ("agent", "browse", "cmd", "container", "crypto", "mode", "options", "repository", "retention", "upkeep")


def main() -> int:
    """Print the tables; 0 if every room in :data:`HELD` has enough."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--missing", action="store_true", help="list the lines not run and the branches not taken")
    arguments = parser.parse_args()
    files = json.loads(arguments.report.read_text())["files"]
    rooms: dict[str, Counter[str]] = defaultdict(Counter)
    for path, file in files.items():
        rooms[room_of(path)].update({key: count for key, count in file["summary"].items() if isinstance(count, int)})
    print("| room | lines | run | branches | taken |\n|---|---|---|---|---|")
    for name in (*HELD, *SHOWN):
        room = rooms[name]
        lines, branches = room["num_statements"], room["num_branches"]
        run, taken = share(room["covered_lines"], lines), share(room["covered_branches"], branches)
        print(f"| `{name}` | {lines:,} | {run:.1f} % | {branches:,} | {taken:.1f} % |")
    if arguments.missing:
        for path, file in files.items():
            branches = ", ".join(f"{start}→{end if end > 0 else 'end'}" for start, end in file["missing_branches"])
            if room_of(path) in HELD and (file["missing_lines"] or branches):
                print(f"{path}: lines {file['missing_lines']}; branches {branches}")
    failed = [name for name in HELD if share(rooms[name]["covered_branches"], rooms[name]["num_branches"]) < WANTED]
    for name in failed:
        print(f"The tests take less than {WANTED:.0f} % of the branches of {name}.", file=sys.stderr)
    return 1 if failed else 0


def room_of(path: str) -> str:
    """The room of a file of ours."""
    return path.partition("src/freezer/")[2].partition("/")[0]


def share(part: int, whole: int) -> float:
    """Per cent, cut off after one digit: only all is a hundred."""
    return int(1000 * part / whole) / 10 if whole else 100.0


if __name__ == "__main__":
    sys.exit(main())
