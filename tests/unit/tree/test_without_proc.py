"""Where /proc is not mounted, what cannot be opened is reached by its name, and checked for not being exchanged."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import Any

import pytest
from restoring import MTIME, attributes, reasons, sandbox

from freezer.tree.sandbox import Outcome


@pytest.fixture(autouse=True)
def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    access = os.access

    def denied(path: Any, *arguments: Any, **options: Any) -> bool:
        return not str(path).startswith("/proc") and access(path, *arguments, **options)

    monkeypatch.setattr(os, "access", denied)


def test_a_pipe_and_a_link_come_back_with_mode_and_times(tmp_path: Path) -> None:
    with sandbox(tmp_path / "t") as box:
        assert box.fifo(b"pipe", attributes(0o640)) is Outcome.WRITTEN
        assert box.symlink(b"link", b"anywhere", attributes()) is Outcome.WRITTEN
        told = reasons(box)
    pipe, link = os.lstat(tmp_path / "t/pipe"), os.lstat(tmp_path / "t/link")
    assert stat.S_ISFIFO(pipe.st_mode)
    assert (pipe.st_mtime_ns, link.st_mtime_ns) == (MTIME, MTIME)
    assert os.readlink(tmp_path / "t/link") == "anywhere"
    # Before Linux 6.6 the C library needs /proc for this, too.
    assert stat.S_IMODE(pipe.st_mode) == (0o600 if told else 0o640)
    assert set(told) <= {"pipe"}


def test_a_mode_that_this_python_cannot_set_without_following_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unavailable(*_arguments: object, **_options: object) -> None:
        raise NotImplementedError("chmod: follow_symlinks unavailable on this platform")

    monkeypatch.setattr(os, "chmod", unavailable)
    with sandbox(tmp_path / "t") as box:
        assert box.fifo(b"pipe", attributes(0o640)) is Outcome.WRITTEN
        assert reasons(box) == {"pipe": "mode not set: chmod: follow_symlinks unavailable on this platform"}
    assert os.lstat(tmp_path / "t/pipe").st_mtime_ns == MTIME


def test_attributes_go_to_a_link_and_never_to_where_it_leads(tmp_path: Path) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_bytes(b"x")
    before = foreign.stat()
    with sandbox(tmp_path / "t") as box:
        assert box.symlink(b"link", b"../foreign", attributes(0o777)) is Outcome.WRITTEN
    assert foreign.stat() == before


def test_hard_links_are_made(tmp_path: Path) -> None:
    with sandbox(tmp_path / "t") as box:
        box.write_file(b"file", attributes(), 1, [(0, b"x")])
        assert box.hard_link(b"link", b"file") is Outcome.WRITTEN
    assert (tmp_path / "t/link").samefile(tmp_path / "t/file")


def test_a_file_exchanged_just_before_it_is_linked_to_gets_no_new_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "t"
    (tmp_path / "foreign").write_bytes(b"secret")
    link = os.link

    def exchanged(*arguments: Any, **options: Any) -> None:
        (target / "file").unlink()
        link(tmp_path / "foreign", target / "file")
        link(*arguments, **options)

    with sandbox(target) as box:
        box.write_file(b"file", attributes(), 1, [(0, b"x")])
        monkeypatch.setattr(os, "link", exchanged)
        assert box.hard_link(b"again", b"file") is Outcome.FAILED
        assert reasons(box) == {"again": "something else took the place of the file it links to"}
    assert os.listdir(target) == ["file"]
    assert (tmp_path / "foreign").stat().st_nlink == 2
