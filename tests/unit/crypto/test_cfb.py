from __future__ import annotations

import gzip
import os
import shutil
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.crypto.cfb import CfbDecryptor, CfbEncryptor
from freezer.crypto.passphrase import Passphrase
from freezer.errors import DamagedError, PassphraseError
from freezer.secret import Secret

PASS = Secret(b"swordfish")
needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl program")


def is_gzip(head: bytes) -> bool:
    return head.startswith(b"\x1f\x8b\x08")


def openssl(directory: Path, line: bytes, data: bytes, *arguments: str) -> bytes:
    path = directory / "pass.txt"
    path.write_bytes(line)
    command = ["openssl", "enc", "-aes-256-cfb", "-pass", f"file:{path}", *arguments]
    return subprocess.run(command, input=data, capture_output=True, check=True).stdout


def encrypt(plain: bytes, step: int = 1000) -> bytes:
    encryptor = CfbEncryptor(PASS)
    parts = [piece for start in range(0, len(plain), step) for piece in encryptor.update(plain[start : start + step])]
    return encryptor.header + b"".join(parts) + encryptor.finish()


def opened(decryptor: CfbDecryptor, stored: bytes, step: int = 1 << 30) -> bytes:
    parts = [piece for start in range(0, len(stored), step) for piece in decryptor.update(stored[start : start + step])]
    return b"".join(parts) + decryptor.finish()


def decrypt(stored: bytes) -> bytes:
    return opened(CfbDecryptor(PASS, is_gzip), stored)


@needs_openssl
@pytest.mark.parametrize("digest", ["md5", "sha256"])
def test_what_openssl_encrypted_is_decrypted_and_its_digest_found(tmp_path: Path, digest: str) -> None:
    plain = gzip.compress(os.urandom(70_000))
    stored = openssl(tmp_path, b"swordfish\nrest\n", plain, "-md", digest)
    decryptor = CfbDecryptor(PASS, is_gzip)
    assert opened(decryptor, stored) == plain
    assert decryptor.digest == digest


@needs_openssl
def test_openssl_decrypts_what_we_encrypted(tmp_path: Path) -> None:
    plain = os.urandom(70_001)
    assert openssl(tmp_path, b"swordfish\n", encrypt(plain), "-d") == plain


@needs_openssl
@pytest.mark.parametrize("line", [b"x" * 1022 + b"\n", b"x" * 1500 + b"\n", b"ab\0cd\n", b"ab\r\n", b"ab"])
def test_odd_first_lines_are_read_as_openssl_reads_them(tmp_path: Path, line: bytes) -> None:
    plain = gzip.compress(b"content")
    decryptor = CfbDecryptor(Passphrase.from_line(line).openssl, is_gzip)
    assert opened(decryptor, openssl(tmp_path, line, plain)) == plain


@given(plain=st.binary(max_size=5000), step=st.integers(1, 700), chunk=st.integers(1, 700))
def test_any_bytes_in_any_pieces_come_back(plain: bytes, step: int, chunk: int) -> None:
    stored = encrypt(plain, step)
    decryptor = CfbDecryptor(PASS, plain.startswith)
    assert opened(decryptor, stored, chunk) == plain


def test_two_streams_have_different_salts() -> None:
    assert CfbEncryptor(PASS).header != CfbEncryptor(PASS).header


def test_a_wrong_passphrase_is_told_from_the_first_bytes() -> None:
    decryptor = CfbDecryptor(Secret(b"other"), is_gzip)
    with pytest.raises(PassphraseError):
        opened(decryptor, encrypt(gzip.compress(b"x" * 1000)))


@pytest.mark.parametrize(
    "stored", [b"", b"Salt", b"Salted__1234567", b"Sblted__" + bytes(40)], ids=["empty", "short", "header", "magic"]
)
def test_what_is_no_container_is_damaged(stored: bytes) -> None:
    with pytest.raises(DamagedError):
        decrypt(stored)
