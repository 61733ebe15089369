"""Short texts sealed with keys of a file."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.crypto.keyring import KeyRing
from freezer.errors import UsageError


def test_what_is_sealed_opens_with_its_context_only_and_differs_each_time(tmp_path: Path) -> None:
    ring = KeyRing(str(tmp_path / "keys"))
    sealed = ring.seal(b"secret", b"row 1")
    assert ring.open(sealed, b"row 1") == b"secret"
    assert ring.open(sealed, b"row 2") is None
    assert sealed != ring.seal(b"secret", b"row 1")
    assert "secret" not in sealed
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o600


def test_a_new_key_seals_old_ones_open_until_they_are_removed(tmp_path: Path) -> None:
    path = str(tmp_path / "keys")
    ring, other = KeyRing(path), KeyRing(path)
    old = ring.seal(b"1", b"")
    ring.add()
    new = other.seal(b"2", b"")
    assert old.partition(".")[0] != new.partition(".")[0]
    assert (other.open(old, b""), ring.open(new, b"")) == (b"1", b"2")
    other.keep(1)
    assert (ring.open(old, b""), ring.open(new, b"")) == (None, b"2")


def test_of_many_who_make_the_file_all_have_the_same_key(tmp_path: Path) -> None:
    path = str(tmp_path / "keys")
    sealed: list[str] = []
    threads = [threading.Thread(target=lambda: sealed.append(KeyRing(path).seal(b"x", b""))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [KeyRing(path).open(each, b"") for each in sealed] == [b"x"] * 8
    assert [each.name for each in tmp_path.iterdir()] == ["keys"]


@given(st.text(max_size=80))
def test_no_text_that_was_not_sealed_opens(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    ring = KeyRing(str(tmp_path_factory.getbasetemp() / "ring"))
    number = ring.seal(b"", b"").partition(".")[0]
    assert ring.open(text, b"") is None
    assert ring.open(f"{number}.{text}", b"") is None


@pytest.mark.parametrize("content", ["", "short\n", "ä\n", "A" * 43 + "\nB\n"])
def test_a_file_that_holds_something_else_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    path.chmod(0o600)
    with pytest.raises(UsageError, match=r"every line must be 32 bytes"):
        KeyRing(str(path)).seal(b"x", b"")


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("A" * 43 + "\n")
    path.chmod(0o644)
    with pytest.raises(UsageError, match="can be read by others") as caught:
        KeyRing(str(path)).open("x.y", b"")
    assert caught.value.hint == f"chmod 600 {path}"


def test_a_place_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be made"):
        KeyRing(str(tmp_path / "no" / "such" / "keys")).seal(b"x", b"")
