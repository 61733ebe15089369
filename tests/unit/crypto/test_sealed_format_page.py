"""A second reader, written from docs/formats/sealed-stream.md alone, and frozen objects of version 1."""

from __future__ import annotations

import hashlib
import hmac

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.argon2 import Argon2id

from freezer.crypto.authentication import authenticate, verify_authentication
from freezer.crypto.chainkey import ChainKey
from freezer.crypto.passphrase import Passphrase
from freezer.crypto.sealed import SealWriter, seal, unseal

PASSPHRASE = b"correct horse battery staple"


# Written by the first release. If these do not open any more, users' backups do not either.
SEALED = bytes.fromhex(
    "89465a5345414c0a01010101000000010000004000000400000102030405060708090a0b0c0d0e0ff19122e547df07c1"
    "077f2e4e2d3430a58731a8a94f0ef071f0daf64199259ad10080e11a4d722ecc48139ad107b09a702683e6407cb423fc"
    "3f4e041815782ce524a788a6f2c85b1ac285e0bac443ed09332fe000c5ddbf226ecfeff07d30c15a7cf32fb9f7d82ef6"
    "face3871f6a58716fc13120e12b0"
)
AUTHENTICATOR = (
    "freezer-hmac-v1:64:1:1:000102030405060708090a0b0c0d0e0f:0080e11a4d722ecc48139ad107b09a70:"
    "4871c7e402b41e3438e347d649a46a733a9ea20c8c2523038ad7b70d59e6ff60"
)


def hkdf(key: bytes, salt: bytes, info: bytes, size: int) -> bytes:
    extracted = hmac.digest(salt, key, "sha256")
    out = block = b""
    while len(out) < size:
        block = hmac.digest(extracted, block + info + bytes([len(out) // 32 + 1]), "sha256")
        out += block
    return out[:size]


def number(data: bytes, offset: int, size: int) -> int:
    return int.from_bytes(data[offset : offset + size], "big")


def read(passphrase: bytes, stored: bytes, associated: bytes) -> bytes:
    assert stored[:11] == bytes.fromhex("89465A5345414C0A") + b"\1\1\1"
    assert hashlib.sha256(stored[:120]).digest()[:8] == stored[120:128]
    lanes, passes, memory, frame = stored[11], number(stored, 12, 4), number(stored, 16, 4), number(stored, 20, 4)
    salt, object_salt = stored[24:40], stored[40:72]
    chain = Argon2id(salt=salt, length=32, iterations=passes, lanes=lanes, memory_cost=memory).derive(passphrase)
    assert hkdf(chain, salt, b"freezer chain check v1", 16) == stored[72:88]
    hashes = hashlib.sha256(stored[:88]).digest() + hashlib.sha256(associated).digest()
    material = hkdf(chain, object_salt, b"freezer sealed object v1" + hashes, 64)
    assert material[32:] == stored[88:120]
    plain, rest, index = b"", stored[128:], 0
    while True:
        last = len(rest) < frame + 16
        piece, rest = rest[: frame + 16], rest[frame + 16 :]
        plain += AESGCM(material[:32]).decrypt(index.to_bytes(11, "big") + bytes([last]), piece, None)
        index += 1
        if last:
            return plain


@pytest.mark.parametrize("size", [0, 5, 2048, 5000])
def test_the_page_is_enough_to_read_a_sealed_object(chain_key: ChainKey, size: int) -> None:
    plain = bytes(index % 256 for index in range(size))
    writer = SealWriter(chain_key, b"about", frame_size=1024)
    assert read(PASSPHRASE, writer.header + b"".join(writer.update(plain)) + writer.finish(), b"about") == plain


def test_the_page_describes_what_is_written_by_default(chain_key: ChainKey) -> None:
    plain = bytes(300_000)
    assert read(PASSPHRASE, seal(chain_key, plain, b""), b"") == plain


def test_the_page_is_enough_to_verify_a_document(chain_key: ChainKey) -> None:
    scheme, memory, passes, lanes, salt, check, code = authenticate(chain_key, b"document", b"about").split(":")
    cost = {"iterations": int(passes), "lanes": int(lanes), "memory_cost": int(memory)}
    chain = Argon2id(salt=bytes.fromhex(salt), length=32, **cost).derive(PASSPHRASE)
    key = hkdf(chain, bytes.fromhex(salt), b"freezer document authentication v1", 32)
    assert scheme == "freezer-hmac-v1"
    assert hkdf(chain, bytes.fromhex(salt), b"freezer chain check v1", 16).hex() == check
    assert hmac.digest(key, (5).to_bytes(8, "big") + b"about" + b"document", "sha256").hex() == code


def test_what_the_first_release_wrote_still_opens(passphrase: Passphrase) -> None:
    assert unseal(passphrase, SEALED, b"about") == read(PASSPHRASE, SEALED, b"about") == b"frozen in 2026"
    verify_authentication(passphrase, b"document", b"about", AUTHENTICATOR)
