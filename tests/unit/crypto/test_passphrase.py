from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from freezer.crypto.passphrase import Passphrase, read_pass_file
from freezer.errors import EXIT_USAGE, PassphraseError, UsageError


def pass_file(directory: Path, content: bytes, mode: int = 0o600) -> str:
    path = directory / "pass.txt"
    path.write_bytes(content)
    path.chmod(mode)
    return str(path)


def test_the_first_line_is_the_passphrase_with_and_without_its_newline(tmp_path: Path) -> None:
    passphrase = read_pass_file(pass_file(tmp_path, b" a pass \xff\r\nsecond line\n"))
    assert passphrase.secret.reveal() == b" a pass \xff\r"
    assert passphrase.openssl.reveal() == b" a pass \xff\r"
    assert passphrase.with_newline.reveal() == b" a pass \xff\r\n"


def test_a_file_without_a_newline_has_none_in_either_form(tmp_path: Path) -> None:
    passphrase = read_pass_file(pass_file(tmp_path, b"abc"))
    assert passphrase.with_newline.reveal() == passphrase.secret.reveal() == b"abc"


@pytest.mark.skipif(sys.platform == "win32", reason="modes mean nothing there")
@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o444])
def test_a_file_that_others_can_read_is_refused_unless_allowed(tmp_path: Path, mode: int) -> None:
    path = pass_file(tmp_path, b"abc\n", mode)
    with pytest.raises(UsageError, match="can be read by other users") as caught:
        read_pass_file(path)
    assert caught.value.hint == f"chmod 600 {path}"
    assert caught.value.exit_code == EXIT_USAGE
    assert read_pass_file(path, allow_readable_by_others=True).secret.reveal() == b"abc"


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o711])
def test_a_private_file_is_accepted(tmp_path: Path, mode: int) -> None:
    assert read_pass_file(pass_file(tmp_path, b"abc\n", mode)).secret.reveal() == b"abc"


@pytest.mark.parametrize("content", [b"", b"\n", b"\nsecond\n"])
def test_an_empty_first_line_is_an_error(tmp_path: Path, content: bytes) -> None:
    with pytest.raises(PassphraseError, match="is empty"):
        read_pass_file(pass_file(tmp_path, content))


@pytest.mark.parametrize("name", ["missing.txt", ".", "nul\0"])
def test_a_file_that_cannot_be_read_is_one_clear_line(tmp_path: Path, name: str) -> None:
    with pytest.raises(PassphraseError, match="cannot read the pass file") as caught:
        read_pass_file(os.path.join(tmp_path, name))
    assert "\n" not in caught.value.message


def test_a_passphrase_never_shows_itself() -> None:
    assert "hunter2" not in repr(Passphrase.from_line(b"hunter2\n"))
