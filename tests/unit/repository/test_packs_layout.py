import os

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DamagedError, UnknownFormat
from freezer.repository.documents import Bundle, Codec, Footer, MovedKey, PackKind
from freezer.repository.ids import digest
from freezer.repository.packs import layout
from freezer.repository.packs.layout import HEADER_SIZE, TRAILER_SIZE
from freezer.stream.zstandard import zstd

NAME = "packs/00000000000000000000000000-0"
WRAPS = (b"\1" * 92, b"\2" * 92)


def header(kind: PackKind = PackKind.DATA, epoch: int = 1) -> bytes:
    return layout.write_header(layout.head(kind, epoch), *WRAPS)


def resealed(raw: bytes) -> bytes:
    """With the checksum that a writer who means it would give it."""
    return raw[:224] + digest(raw[:224])


def test_a_header_has_its_fields_where_the_page_says() -> None:
    raw = header(PackKind.META, 7)

    assert raw[:8] == b"\x89FZPACK\n"
    assert raw[8:16] == bytes([1, 2, 0, 0, 0, 0, 0, 7])
    assert (raw[16:108], raw[108:200], raw[200:224]) == (*WRAPS, bytes(24))
    assert raw[224:] == digest(raw[:224])


@given(st.sampled_from(PackKind), st.integers(0, 2**32 - 1))
def test_a_header_comes_back_as_it_was_written(kind: PackKind, epoch: int) -> None:
    name = NAME if kind is PackKind.DATA else NAME.replace("packs/", "meta/")
    raw = header(kind, epoch)

    assert layout.read_header(raw + b"more", name) == layout.Header(kind, epoch, raw[:16], *WRAPS)


@given(st.integers(0, HEADER_SIZE * 8 - 1))
def test_a_header_with_one_bit_changed_is_refused(bit: int) -> None:
    raw = bytearray(header())
    raw[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        layout.read_header(raw, NAME)


@given(st.integers(0, HEADER_SIZE - 1))
def test_a_header_that_is_cut_off_is_refused(size: int) -> None:
    with pytest.raises(DamagedError):
        layout.read_header(header()[:size], NAME)


@pytest.mark.parametrize(("at", "value"), [(8, 2), (9, 3), (9, 0)])
def test_a_header_of_another_version_or_kind_is_no_damage_but_unknown(at: int, value: int) -> None:
    raw = bytearray(header())
    raw[at] = value
    with pytest.raises(UnknownFormat):
        layout.read_header(resealed(bytes(raw)), NAME)


def test_a_pack_of_metadata_among_those_of_data_is_refused() -> None:
    with pytest.raises(DamagedError, match="another kind"):
        layout.read_header(header(PackKind.META), NAME)


def test_a_trailer_gives_the_size_of_the_footer() -> None:
    raw = layout.write_trailer(100)
    assert len(raw) == TRAILER_SIZE
    assert layout.read_trailer(b"before" + raw, NAME, 1000) == 100


@pytest.mark.parametrize("raw", [b"", b"\0" * 16, layout.write_trailer(100)[1:], layout.write_trailer(16)])
def test_what_is_no_end_of_a_pack_is_refused(raw: bytes) -> None:
    with pytest.raises(DamagedError):
        layout.read_trailer(raw, NAME, 1000)


def test_a_footer_larger_than_its_pack_is_refused() -> None:
    with pytest.raises(DamagedError):
        layout.read_trailer(layout.write_trailer(1000 - 256 - 16 + 1), NAME, 1000)


def bundle(offset: int, lengths: list[int]) -> Bundle:
    plain = sum(lengths)
    return Bundle(
        os.urandom(16), offset, plain + 16, plain, Codec.PLAIN, 0, 0, bytes(16), lengths, bytes(20 * len(lengths))
    )


def good_footer() -> tuple[Footer, int]:
    first = bundle(HEADER_SIZE, [5, 0, 7])
    second = bundle(HEADER_SIZE + first.sealed, [3])
    return Footer([], [first, second]), second.offset + second.sealed


def test_a_footer_comes_back_as_it_was_written() -> None:
    footer, end = good_footer()
    assert layout.read_footer(layout.write_footer(footer), NAME, end) == footer


@pytest.mark.parametrize(
    "change",
    [
        {"offset": HEADER_SIZE + 1},
        {"sealed": 29},
        {"sealed": 15},
        {"plain": 13},
        {"key": 1},
        {"key": -1},
        {"number": -1},
        {"lengths": [5, 7]},
        {"lengths": [5, -1, 8]},
        {"id": b"short"},
        {"digest": b"short"},
        {"ids": bytes(59)},
    ],
)
def test_a_footer_whose_parts_do_not_fit_together_is_refused(change: dict[str, object]) -> None:
    footer, end = good_footer()
    footer.bundles[0] = msgspec.structs.replace(footer.bundles[0], **change)
    with pytest.raises(DamagedError):
        layout.read_footer(layout.write_footer(footer), NAME, end)


def test_a_footer_that_leaves_bytes_of_the_pack_unexplained_is_refused() -> None:
    footer, end = good_footer()
    with pytest.raises(DamagedError):
        layout.read_footer(layout.write_footer(footer), NAME, end + 1)


any_bundle = st.builds(
    Bundle,
    st.binary(min_size=15, max_size=17),
    st.integers(-(2**63), 2**63),
    st.integers(-20, 60),
    st.integers(-20, 60),
    st.sampled_from(Codec),
    st.integers(-2, 2),
    st.integers(-(2**63), 2**63),
    st.binary(min_size=15, max_size=17),
    st.lists(st.integers(-2, 2**63), max_size=3),
    st.integers(0, 3).map(lambda number: bytes(20 * number)),
)


@given(st.lists(any_bundle, min_size=1, max_size=3))
def test_a_footer_of_anything_is_refused_with_one_error(bundles: list[Bundle]) -> None:
    with pytest.raises(DamagedError):
        layout.read_footer(layout.write_footer(Footer([], bundles)), NAME, 10_000)


@given(st.binary(max_size=60), st.booleans())
def test_bytes_that_are_no_footer_are_refused_with_one_error(raw: bytes, framed: bool) -> None:
    with pytest.raises(DamagedError):
        layout.read_footer(zstd.compress(raw) if framed else raw, NAME, 10_000)


@given(st.lists(st.lists(st.integers(0, 2**20), max_size=20), max_size=20), st.integers(0, 3))
def test_a_footer_never_needs_more_room_than_was_kept_for_it(bundles: list[list[int]], keys: int) -> None:
    offset, made = 2**40, []
    for lengths in bundles:
        made.append(
            msgspec.structs.replace(
                bundle(offset, lengths),
                number=2**63,
                ids=os.urandom(20 * len(lengths)),
                digest=os.urandom(16),
            )
        )
        offset += made[-1].sealed
    name = "packs/" + "v" * 26 + "-999999999"
    moved = [MovedKey(2**32 - 1, name, os.urandom(16), os.urandom(92)) for _ in range(keys)]
    needed = len(layout.write_footer(Footer(moved, made))) + 16 + TRAILER_SIZE

    assert needed <= layout.footer_bound(len(made), sum(map(len, bundles)), keys)
