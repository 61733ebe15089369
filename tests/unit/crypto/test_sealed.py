from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.crypto.chainkey import DEFAULT_PARAMETERS, ChainKey, KdfParameters
from freezer.crypto.header import HEADER_SIZE, SealedHeader, peek_header
from freezer.crypto.passphrase import Passphrase
from freezer.crypto.sealed import SealReader, SealWriter, seal, unseal
from freezer.errors import DamagedError, DataError, PassphraseError, UnknownFormat

FRAME = 1024
SEALED = FRAME + 16
ASSOCIATED = b"set=host_name level=1 base=abc"


def pieces(data: bytes, step: int) -> Iterator[bytes]:
    return (data[start : start + step] for start in range(0, len(data), step))


def write(chain_key: ChainKey, plain: bytes, step: int = 700, associated: bytes = ASSOCIATED) -> bytes:
    writer = SealWriter(chain_key, associated, frame_size=FRAME)
    sealed = [frame for piece in pieces(plain, step) for frame in writer.update(piece)]
    return writer.header + b"".join(sealed) + writer.finish()


def delivered(key: ChainKey | Passphrase, stored: bytes, step: int = 300) -> tuple[bytes, DataError | None]:
    """What leaves a reader before its first error, and that error."""
    reader = SealReader(key, ASSOCIATED)
    plain = bytearray()
    try:
        for piece in pieces(stored, step):
            for frame in reader.update(piece):
                plain += frame
        plain += reader.finish()
    except DataError as error:
        return bytes(plain), error
    return bytes(plain), None


@given(plain=st.binary(max_size=4 * FRAME), step=st.integers(1, 3 * FRAME), read=st.integers(1, 3 * FRAME))
def test_any_bytes_in_any_pieces_come_back(chain_key: ChainKey, plain: bytes, step: int, read: int) -> None:
    assert delivered(chain_key, write(chain_key, plain, step), read) == (plain, None)


@pytest.mark.parametrize("size", [0, 1, FRAME - 1, FRAME, FRAME + 1, 3 * FRAME])
def test_sizes_around_the_frame_come_back_and_cost_one_tag_per_frame(chain_key: ChainKey, size: int) -> None:
    stored = write(chain_key, bytes(size))
    assert len(stored) == HEADER_SIZE + size + 16 * (size // FRAME + 1)
    assert delivered(chain_key, stored) == (bytes(size), None)


@settings(max_examples=300)
@given(data=st.data(), size=st.sampled_from([0, 1, FRAME, 2 * FRAME + 5]))
def test_any_flipped_bit_is_found_before_its_frame_is_delivered(
    chain_key: ChainKey, data: st.DataObject, size: int
) -> None:
    plain = bytes(index % 251 for index in range(size))
    stored = bytearray(write(chain_key, plain))
    where = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[where // 8] ^= 1 << where % 8
    got, error = delivered(chain_key, bytes(stored))
    intact = max(0, where // 8 - HEADER_SIZE) // SEALED
    assert isinstance(error, DamagedError | UnknownFormat)
    assert got == plain[: intact * FRAME]


@given(keep=st.floats(0, 1, exclude_max=True))
def test_any_truncation_is_found(chain_key: ChainKey, keep: float) -> None:
    stored = write(chain_key, bytes(3 * FRAME))
    cut = stored[: int(len(stored) * keep)]
    got, error = delivered(chain_key, cut)
    assert isinstance(error, DamagedError | UnknownFormat)
    assert len(got) == max(0, len(cut) - HEADER_SIZE) // SEALED * FRAME


@pytest.mark.parametrize("frames", [0, 1, 2, 3])
def test_truncation_at_a_frame_boundary_is_found(chain_key: ChainKey, frames: int) -> None:
    stored = write(chain_key, bytes(3 * FRAME))[: HEADER_SIZE + frames * SEALED]
    got, error = delivered(chain_key, stored)
    assert len(got) == frames * FRAME
    assert isinstance(error, DamagedError)
    assert "cut off" in error.message


@pytest.mark.parametrize("extra", [b"\0", bytes(16), bytes(SEALED), bytes(SEALED + 16)])
def test_trailing_bytes_are_found(chain_key: ChainKey, extra: bytes) -> None:
    got, error = delivered(chain_key, write(chain_key, b"x" * (2 * FRAME + 10)) + extra)
    assert isinstance(error, DamagedError)
    assert got == b"x" * 2 * FRAME


def frames_of(stored: bytes) -> list[bytes]:
    return list(pieces(stored[HEADER_SIZE:], SEALED))


def test_reordered_repeated_and_dropped_frames_are_found(chain_key: ChainKey) -> None:
    stored = write(chain_key, b"a" * FRAME + b"b" * FRAME + b"c" * 10)
    first, second, last = frames_of(stored)
    for order, good in (
        ([second, first, last], 0),
        ([first, first, last], 1),
        ([first, last], 1),
        ([first, second, second, last], 2),
        ([first, second, last, last], 2),
    ):
        got, error = delivered(chain_key, stored[:HEADER_SIZE] + b"".join(order))
        assert isinstance(error, DamagedError)
        assert got == (b"a" * FRAME + b"b" * FRAME)[: good * FRAME]


def test_frames_and_headers_of_another_object_of_the_chain_are_found(chain_key: ChainKey) -> None:
    one, other = write(chain_key, b"a" * 2000), write(chain_key, b"b" * 2000)
    mixed = one[: HEADER_SIZE + SEALED] + other[HEADER_SIZE + SEALED :]
    assert isinstance(delivered(chain_key, mixed)[1], DamagedError)
    got, error = delivered(chain_key, other[:HEADER_SIZE] + one[HEADER_SIZE:])
    assert (got, type(error)) == (b"", DamagedError)


def test_other_associated_data_are_found_and_not_taken_for_a_wrong_passphrase(chain_key: ChainKey) -> None:
    with pytest.raises(DamagedError, match="another one than was expected"):
        unseal(chain_key, seal(chain_key, b"plain", b"level=1"), b"level=2")


def test_a_wrong_passphrase_is_told_from_damage(chain_key: ChainKey, passphrase: Passphrase) -> None:
    stored = write(chain_key, b"plain")
    assert delivered(passphrase, stored) == (b"plain", None)
    got, error = delivered(Passphrase.from_line(b"wrong\n"), stored)
    assert (got, type(error)) == (b"", PassphraseError)


def test_a_key_of_another_chain_does_not_open(chain_key: ChainKey, passphrase: Passphrase) -> None:
    other = ChainKey.new(passphrase, chain_key.parameters)
    assert isinstance(delivered(other, write(chain_key, b"plain"))[1], DamagedError)


def forged(chain_key: ChainKey, **changes: object) -> bytes:
    """A header with a right checksum around wrong values."""
    values: dict[str, object] = {
        "parameters": chain_key.parameters,
        "chain_salt": chain_key.salt,
        "chain_check": chain_key.check,
        "object_salt": bytes(32),
        "frame_size": FRAME,
        "commitment": bytes(32),
    }
    return SealedHeader(**{**values, **changes}).pack()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"parameters": KdfParameters(memory_kib=1024 * 1024 + 1)},
        {"parameters": KdfParameters(memory_kib=31)},
        {"parameters": KdfParameters(iterations=17)},
        {"parameters": KdfParameters(iterations=0)},
        {"parameters": KdfParameters(lanes=0)},
        {"parameters": KdfParameters(lanes=17)},
        {"frame_size": 16 * 1024 * 1024 + 1},
        {"frame_size": 0},
    ],
)
def test_parameters_out_of_bounds_are_refused_before_a_key_is_derived(
    chain_key: ChainKey, changes: dict[str, object]
) -> None:
    with pytest.raises(UnknownFormat, match="are accepted"):
        unseal(Passphrase.from_line(b"x"), forged(chain_key, **changes) + bytes(16), b"")


@pytest.mark.parametrize(("offset", "what"), [(8, "format version 2"), (9, "unknown|known"), (10, "unknown|known")])
def test_another_version_or_cipher_is_refused(chain_key: ChainKey, offset: int, what: str) -> None:
    import hashlib

    header = bytearray(write(chain_key, b"")[: HEADER_SIZE - 8])
    header[offset] = 2
    header += hashlib.sha256(header).digest()[:8]
    with pytest.raises(UnknownFormat, match=what):
        peek_header(header)


def test_peeking_recognises_sealed_objects_only(chain_key: ChainKey) -> None:
    header = peek_header(write(chain_key, b"plain"))
    assert header is not None
    assert (header.chain_salt, header.frame_size) == (chain_key.salt, FRAME)
    assert peek_header(b"Salted__" + bytes(200)) is None
    assert peek_header(b"") is None


def test_two_objects_never_share_a_salt_or_a_ciphertext(chain_key: ChainKey) -> None:
    one, other = seal(chain_key, bytes(100), b""), seal(chain_key, bytes(100), b"")
    assert one[40:72] != other[40:72]
    assert one[HEADER_SIZE:] != other[HEADER_SIZE:]


def test_a_finished_writer_takes_nothing_more(chain_key: ChainKey) -> None:
    writer = SealWriter(chain_key, b"")
    writer.finish()
    for call in (lambda: list(writer.update(b"x")), writer.finish):
        with pytest.raises(ValueError, match="finished"):
            call()


def test_the_default_cost_is_64_mib_three_passes_and_is_paid_once_per_process(passphrase: Passphrase) -> None:
    assert KdfParameters(memory_kib=65536, iterations=3, lanes=4) == DEFAULT_PARAMETERS
    key = ChainKey.new(passphrase)
    assert ChainKey.derive(passphrase, key.salt, DEFAULT_PARAMETERS) is key


def test_neither_key_nor_passphrase_show_themselves(chain_key: ChainKey) -> None:
    assert chain_key.secret.reveal().hex() not in repr(chain_key)
    assert "<secret>" in repr(chain_key)


def test_importing_the_names_does_not_import_cryptography() -> None:
    code = (
        "import sys, freezer.crypto.sealed, freezer.crypto.cfb, freezer.crypto.authentication, freezer.stream.pipeline;"
        "sys.exit('cryptography' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
