"""Attributes that the system refuses, or changes without a word, are told, item by item."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from restoring import MTIME, attributes, reasons, sandbox

from freezer.tree.apply import Metadata
from freezer.tree.attributes import Attributes
from freezer.tree.sandbox import Sandbox

YEAR_2038 = 2**31 * 10**9

Kind = Callable[[Sandbox, Attributes], object]


def file_in_new(box: Sandbox, wanted: Attributes) -> None:
    box.make_directory(b"new")
    box.write_file(b"new/item", wanted, 1, [(0, b"x")])


def file(box: Sandbox, wanted: Attributes) -> None:
    box.write_file(b"item", wanted, 1, [(0, b"x")])


def directory(box: Sandbox, wanted: Attributes) -> None:
    box.make_directory(b"item")
    box.directory_attributes(b"item", wanted)


def link(box: Sandbox, wanted: Attributes) -> None:
    box.symlink(b"item", b"nothing", wanted)


def pipe(box: Sandbox, wanted: Attributes) -> None:
    box.fifo(b"item", wanted)


@pytest.fixture
def target(tmp_path: Path) -> Path:
    target = tmp_path / "target"
    target.mkdir(mode=0o755)
    return target


def told(target: Path, kind: Kind, wanted: Attributes, **options: Any) -> list[str]:
    """Why something could not be set, for one item."""
    with sandbox(target, **options) as box:
        kind(box, wanted)
        box.finish()
        assert set(reasons(box)) <= {"item", "new/item"}
        return [failure.reason for failure in box.failures]


@pytest.fixture(params=["proc", "no proc"])
def proc(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Runs a test as it is, and again as on a system where descriptors have no paths."""
    if request.param == "no proc":
        monkeypatch.setattr("freezer.tree.apply.has_descriptor_paths", lambda: False)


@pytest.mark.parametrize("kind", [file_in_new, file, directory, link, pipe])
@pytest.mark.parametrize(
    ("error", "reason"),
    [(PermissionError(errno.EPERM, "Not for you"), "Not for you"), (OSError("in words"), "in words")],
)
def test_times_that_are_refused_are_told(
    target: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, error: OSError, reason: str
) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(os, "utime", refused)
    assert told(target, kind, attributes()) == [f"times not set: {reason}"]


@pytest.mark.parametrize("kind", [file_in_new, file, directory, link, pipe])
@pytest.mark.parametrize("mtime_ns", [YEAR_2038 + 10**9, 3 * YEAR_2038, -YEAR_2038 - 10**9])
def test_times_that_a_file_system_cuts_to_what_it_can_hold_are_told(
    target: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind, mtime_ns: int
) -> None:
    utime = os.utime

    def cut(path: Any, *, ns: tuple[int, int], **options: Any) -> None:
        utime(path, ns=(ns[0], min(max(ns[1], -YEAR_2038), YEAR_2038 - 1)), **options)

    monkeypatch.setattr(os, "utime", cut)
    assert told(target, kind, attributes(mtime_ns=mtime_ns)) == ["times not set: the file system cannot hold them"]


@pytest.mark.usefixtures("proc")
def test_the_time_of_a_link_is_looked_up_at_the_link_not_where_it_leads(target: Path) -> None:
    assert told(target, link, attributes(mtime_ns=YEAR_2038 + 10**9)) == []
    assert os.lstat(target / "item").st_mtime_ns == YEAR_2038 + 10**9


@pytest.mark.parametrize("kind", [file, directory])
def test_a_mode_that_is_refused_is_told_and_the_times_are_set_all_the_same(
    target: Path, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise PermissionError(errno.EPERM, "Not for you")

    monkeypatch.setattr("freezer.tree.apply.fchmod", refused)
    assert told(target, kind, attributes(0o644)) == ["mode 0644 not set: Not for you"]
    assert (target / "item").stat().st_mtime_ns == MTIME


@pytest.mark.usefixtures("proc")
@pytest.mark.parametrize("error", [PermissionError(errno.EPERM, "Not for you"), NotImplementedError("Not for you")])
def test_a_mode_of_a_pipe_that_is_refused_is_told_and_the_times_are_set_all_the_same(
    target: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refused(*_arguments: object, **_options: object) -> None:
        raise error

    monkeypatch.setattr(os, "chmod", refused)
    assert told(target, pipe, attributes(0o644)) == ["mode not set: Not for you"]
    assert os.lstat(target / "item").st_mtime_ns == MTIME


def test_without_proc_a_link_put_in_the_place_of_a_new_pipe_leads_no_mode_astray(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    foreign = target / "foreign"
    foreign.touch(mode=0o600)
    chmod = os.chmod

    def exchanged(path: Any, *arguments: Any, dir_fd: int, **options: Any) -> None:
        os.unlink(path, dir_fd=dir_fd)
        os.symlink("foreign", path, dir_fd=dir_fd)
        chmod(path, *arguments, dir_fd=dir_fd, **options)

    monkeypatch.setattr("freezer.tree.apply.has_descriptor_paths", lambda: False)
    monkeypatch.setattr(os, "chmod", exchanged)
    told(target, pipe, attributes(0o666))
    assert stat.S_IMODE(foreign.stat().st_mode) == 0o600


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize("kind", [file_in_new, file, directory, link, pipe])
@pytest.mark.parametrize(("uid", "gid"), [(2**32 - 1, 0), (0, 2**32 - 1), (0, -1), (0, 2**40)])
def test_a_number_that_no_user_and_no_group_can_have_is_told(target: Path, kind: Kind, uid: int, gid: int) -> None:
    assert told(target, kind, attributes(uid=uid, gid=gid)) == [f"owner {uid}:{gid} not set: no such number"]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
@pytest.mark.parametrize(("numeric", "owner"), [(False, (0, 0)), (True, (12345, 12346))])
def test_user_and_group_go_by_name_unless_their_numbers_are_asked_for(
    target: Path, numeric: bool, owner: tuple[int, int]
) -> None:
    wanted = attributes(uid=12345, gid=12346, uname="root", gname="root")
    assert told(target, file, wanted, numeric_owner=numeric) == []
    status = (target / "item").stat()
    assert (status.st_uid, status.st_gid) == owner


def test_nodes_leave_no_descriptor_open(target: Path) -> None:
    with sandbox(target) as box:
        box.make_directory(b"new")
        before = len(os.listdir("/proc/self/fd"))
        for number in range(3):
            box.fifo(b"new/pipe%d" % number, attributes())
            box.symlink(b"new/link%d" % number, b"x", attributes())
        assert len(os.listdir("/proc/self/fd")) == before


def test_the_umask_of_the_process_stays_as_it_is() -> None:
    before = os.umask(0o027)
    try:
        Metadata(same_owner=False, numeric_owner=False, now_ns=0)
        assert os.umask(0o027) == 0o027
    finally:
        os.umask(before)
