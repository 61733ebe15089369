"""Which way of resolving paths a process takes, and that neither loses descriptors."""

from __future__ import annotations

import ctypes
import errno
import os
import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.tree import openat2
from support.disks import small_disk

# The call of linux/openat2.h, made here without our code: number, and a plain look at a directory.
NUMBER = 437
LOOK = struct.pack("=QQQ", os.O_RDONLY | os.O_CLOEXEC, 0, 0)
MACHINES = ("x86_64", "aarch64", "ppc64le", "s390x", "riscv64", "loongarch64")


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The choice is made anew, before and after."""
    monkeypatch.delenv("FREEZER_NO_OPENAT2", raising=False)
    openat2.resolver.cache_clear()
    yield
    openat2.resolver.cache_clear()


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def test_the_system_call_is_used_where_there_is_one(tmp_path: Path) -> None:
    root_fd = os.open(tmp_path, os.O_RDONLY)
    found = ctypes.CDLL(None).syscall(NUMBER, root_fd, b".", LOOK, len(LOOK))
    os.close(root_fd)
    if found < 0 or os.uname().machine not in MACHINES:
        pytest.skip("no openat2 here")
    os.close(found)
    before = descriptors()
    assert openat2.resolver() is not openat2.open_by_components
    assert descriptors() == before


def test_without_the_system_call_paths_are_opened_by_components(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openat2, "_OPENAT2", 100_000)
    before = descriptors()
    assert openat2.resolver() is openat2.open_by_components
    assert descriptors() == before


def test_on_another_machine_the_number_of_the_call_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openat2, "_MACHINES", frozenset())
    assert openat2.resolver() is openat2.open_by_components


@pytest.mark.parametrize("end", [b"", b"/none", b"/file/none"])
def test_a_path_in_many_pieces_leaves_no_descriptor_open(tmp_path: Path, resolver: str, end: bytes) -> None:
    part = b"p" * 250
    root_fd = os.open(tmp_path, os.O_RDONLY)
    fd = os.dup(root_fd)
    for _ in range(40):
        os.mkdir(part, dir_fd=fd)
        fd, above = os.open(part, os.O_RDONLY, dir_fd=fd), fd
        os.close(above)
    os.close(os.open("file", os.O_CREAT, 0o600, dir_fd=fd))
    os.close(fd)
    before = descriptors()
    path = b"/".join([part] * 40) + end
    try:
        os.close(openat2.open_beneath(root_fd, path, os.O_RDONLY))
    except OSError:
        assert end
    assert descriptors() == before
    os.close(root_fd)


def test_a_pipe_on_the_way_is_refused_at_once(tmp_path: Path, resolver: str) -> None:
    os.mkfifo(tmp_path / "fifo")
    root_fd = os.open(tmp_path, os.O_RDONLY)
    with pytest.raises(NotADirectoryError):
        openat2.open_beneath(root_fd, b"fifo/file", os.O_RDONLY | os.O_NONBLOCK)
    os.close(root_fd)


def test_directories_on_the_way_need_not_be_readable(unprivileged: Path, resolver: str) -> None:
    (unprivileged / "closed" / "open").mkdir(parents=True)
    (unprivileged / "closed").chmod(0o100)
    root_fd = os.open(unprivileged, os.O_RDONLY)
    os.close(openat2.open_beneath(root_fd, b"closed/open", os.O_RDONLY))
    os.close(root_fd)
    (unprivileged / "closed").chmod(0o700)


def test_what_is_mounted_below_belongs_to_the_tree(tmp_path: Path, resolver: str) -> None:
    with small_disk(tmp_path / "mounted") as place:
        (place / "below").mkdir()
        root_fd = os.open(tmp_path, os.O_RDONLY)
        try:
            os.close(openat2.open_beneath(root_fd, b"mounted/below", os.O_RDONLY))
        finally:
            os.close(root_fd)


@pytest.mark.parametrize("machine", MACHINES)
def test_all_machines_with_this_number_of_the_call_use_it(monkeypatch: pytest.MonkeyPatch, machine: str) -> None:
    if openat2.resolver() is openat2.open_by_components:
        pytest.skip("no openat2 here")
    openat2.resolver.cache_clear()
    system = os.uname()
    names = os.uname_result((system.sysname, system.nodename, system.release, system.version, machine))
    monkeypatch.setattr(os, "uname", lambda: names)
    assert openat2.resolver() is not openat2.open_by_components


def test_on_another_system_the_number_of_the_call_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as other:
        other.setattr(sys, "platform", "darwin")
        chosen = openat2.resolver()
    assert chosen is openat2.open_by_components


def test_standard_input_may_be_closed(tmp_path: Path, resolver: str) -> None:
    (tmp_path / "dir").mkdir()
    root_fd = os.open(tmp_path, os.O_RDONLY)
    kept = os.dup(0)
    os.close(0)
    try:
        fd = openat2.open_beneath(root_fd, b"dir", os.O_RDONLY)
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(root_fd)
    assert fd == 0


class Kernel:
    """A C library whose calls fail as told, one after the other, and then go on failing with the last error."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.calls = 0
        self.syscall = self

    def __call__(self, *_arguments: object) -> int:
        self.calls += 1
        error = self.errors.pop(0) if len(self.errors) > 1 else self.errors[0]
        ctypes.set_errno(error)
        return -1 if error else 99


@pytest.mark.parametrize("error", [errno.EAGAIN, errno.EINTR])
def test_a_call_that_was_disturbed_is_made_again(monkeypatch: pytest.MonkeyPatch, error: int) -> None:
    kernel = Kernel(error, error, 0)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_arguments, **_options: kernel)
    assert openat2._system_call()(3, b"dir", os.O_RDONLY) == 99
    assert kernel.calls == 3


@pytest.mark.parametrize(("error", "fewest", "most"), [(errno.ENOENT, 1, 1), (errno.EAGAIN, 10, 1000)])
def test_other_errors_end_at_once_and_disturbances_some_time(
    monkeypatch: pytest.MonkeyPatch, error: int, fewest: int, most: int
) -> None:
    kernel = Kernel(error)
    monkeypatch.setattr(ctypes, "CDLL", lambda *_arguments, **_options: kernel)
    with pytest.raises(OSError, match=os.strerror(error)):
        openat2._system_call()(3, b"dir", os.O_RDONLY)
    assert fewest <= kernel.calls <= most
