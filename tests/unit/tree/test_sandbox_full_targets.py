"""Targets that are full or broken, and file systems mounted below."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from restoring import attributes, put, reasons, sandbox

from freezer.errors import TargetError
from freezer.tree.sandbox import Outcome
from support.disks import small_disk


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO])
def test_a_target_that_is_full_or_broken_ends_the_restore(target: Path, number: int) -> None:
    def content() -> Iterator[tuple[int, bytes]]:
        yield 0, b"x"
        raise OSError(number, os.strerror(number))

    with sandbox(target) as box, pytest.raises(TargetError) as caught:
        box.write_file(b"a/file", attributes(), 10, content())
    assert str(caught.value) == f"cannot restore a/file to {target}: {os.strerror(number)}"
    assert "\n" not in str(caught.value)
    assert os.listdir(target / "a") == []


@pytest.fixture
def small(target: Path) -> Iterator[Path]:
    """A file system of 64 KiB, mounted below the target."""
    with small_disk(target / "a" / "mounted", "size=64k") as mounted:
        yield mounted


def test_no_space_in_the_target_ends_the_restore_in_one_line(small: Path) -> None:
    with sandbox(small) as box, pytest.raises(TargetError) as caught:
        put(box, b"large", b"x" * 10**6)
    assert str(caught.value) == f"cannot restore large to {small}: No space left on device"
    assert caught.value.hint is not None
    assert os.listdir(small) == []


def test_no_space_in_a_part_of_the_target_concerns_only_that_part(target: Path, small: Path) -> None:
    with sandbox(target) as box:
        assert put(box, b"a/mounted/large", b"x" * 10**6) is Outcome.FAILED
        assert put(box, b"a/large", b"x" * 10**6) is Outcome.WRITTEN
        assert reasons(box) == {"a/mounted/large": os.strerror(errno.ENOSPC)}
    assert os.listdir(small) == []


def test_a_file_system_mounted_below_is_not_emptied(target: Path, small: Path) -> None:
    (target / "a" / "file").touch()
    (small / "precious").touch()
    with sandbox(target) as box:
        assert not box.remove(b"a")
        assert "another file system" in reasons(box)["a/mounted"]
    assert (small / "precious").exists()
    assert not (target / "a" / "file").exists()
