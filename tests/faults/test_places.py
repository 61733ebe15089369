"""How places and moments are found in what strace(1) notes."""

from __future__ import annotations

import json
from pathlib import Path

from places import Moment, Place, faults_at, places

STACKS = [["storage/local/durable.py:7", "agent/actions/backup.py:1"], ["tree/write.py:9"]]
TRACE = """\
10 access("@0", F_OK)                = -1 ENOENT (No such file or directory)
10 openat(AT_FDCWD</w>, "/w/container/data", O_RDONLY|O_DIRECTORY) = 3</w/container/data>
10 openat(3</w/container/data>, "17", O_RDWR|O_CREAT|O_EXCL, 0600) = 4</w/container/data/17>
11 access("@1", F_OK)                = -1 ENOENT (No such file or directory)
11 write(5</w/target/file2>, "/w/container/data", 17 <unfinished ...>
10 write(4</w/container/data/17>, "abc", 3) = 3
11 <... write resumed>)              = 17
10 newfstatat(4</w/container/data/17>, "", {st_mode=S_IFREG|0600, ...}, AT_EMPTY_PATH) = 0
10 write(4</w/container/data/17>, "abc", 3) = 3
10 openat(AT_FDCWD</w>, "/w/container/data", O_RDONLY|O_DIRECTORY) = 5</w/container/data>
10 openat(AT_FDCWD</w>, "/etc/passwd", O_RDONLY) = 6</etc/passwd>
10 rename("/w/container/data/17", "/w/container/data/18") = 0
"""


def found(tmp_path: Path) -> dict[Place, list[Moment]]:
    (tmp_path / "log").write_text(TRACE)
    (tmp_path / "stacks").write_text("".join(json.dumps(stack) + "\n" for stack in STACKS))
    return places(tmp_path / "log", tmp_path / "stacks", Path("/w"))


def test_calls_of_one_line_about_one_kind_of_path_are_one_place(tmp_path: Path) -> None:
    here, there = tuple(STACKS[0]), tuple(STACKS[1])
    assert found(tmp_path) == {
        Place("openat", "container/data", here, creates=False): [
            Moment("openat", "/w/container/data", 1),
            Moment("openat", "/w/container/data", 3),  # the file below it was opened with a descriptor of it
        ],
        Place("openat", "container/data/#", here, creates=True): [Moment("openat", "17", 1)],
        Place("write", "target/file#", there, creates=False): [Moment("write", "/w/target/file2", 1)],
        Place("write", "container/data/#", here, creates=False): [
            Moment("write", "/w/container/data/17", 1),
            Moment("write", "/w/container/data/17", 2),
        ],
        Place("newfstatat", "container/data/#", here, creates=False): [Moment("newfstatat", "/w/container/data/17", 1)],
        Place("rename", "container/data/#", here, creates=False): [Moment("rename", "/w/container/data/17", 1)],
    }


def test_every_place_may_answer_something(tmp_path: Path) -> None:
    assert all(faults_at(place) and all(faults_at(place)) for place in found(tmp_path))


def test_an_error_strikes_once_or_for_ever() -> None:
    moment = Moment("fsync", "/w/x", 2)
    assert moment.fault("EIO") == ["-P", "/w/x", "-e", "trace=fsync", "-e", "inject=fsync:error=EIO:when=2"]
    assert moment.fault("EIO+")[-1] == "inject=fsync:error=EIO:when=2+"
