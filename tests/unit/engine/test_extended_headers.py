"""Extended headers of any size: read in pieces, in memory that does not grow with what is not kept."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.engine.tar.archive import extended, pax
from freezer.engine.tar.archive.extended import Extended, ExtendedReader
from freezer.engine.tar.archive.limits import Limits
from freezer.errors import DamagedError
from freezer.spill.spool import Spool
from freezer.stream.compression import Codec
from freezer.stream.source import ByteSource

MIB = 1 << 20
_keywords = st.binary(min_size=1, max_size=30).filter(
    lambda key: b"=" not in key and not key.startswith((b"FREEZER", b"GNU.sparse"))
)


def read(body: bytes, limits: Limits | None = None) -> Extended:
    """The header with this body, after which the archive must go on."""
    spools: list[Spool] = []

    def new_spool() -> Spool:
        spools.append(Spool())
        return spools[-1]

    def stored() -> Iterator[bytes]:
        yield body + bytes(-len(body) % 512)
        yield b"next"

    with ByteSource(stored(), codec=Codec.NONE) as source:
        found = ExtendedReader(source, len(body), limits or Limits(), new_spool).read()
        assert source.read_exact(4) == b"next"
    found.fractions = tuple(found.fractions)
    for spool in spools:
        spool.close()
    return found


@given(st.lists(st.tuples(_keywords, st.binary(max_size=3000))), st.sampled_from([16, 1024, MIB]))
def test_records_are_read_back_from_pieces_of_any_size(records: list[tuple[bytes, bytes]], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extended, "PIECE", piece)
        assert read(pax.encode(records)).records == dict(records)


@pytest.mark.parametrize("body", [b"x", b"5 a=b", b"99 a=b\n", b"6 a=b\n ", b"-3 a=b\n", b"1 a=\n", b"3 a=b\n"])
def test_a_broken_extended_header_is_damage(body: bytes) -> None:
    with pytest.raises(DamagedError):
        read(body)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=200), st.sampled_from([16, 64, MIB]))
def test_the_times_of_a_directory_are_read_from_pieces_of_any_size(times: list[int], piece: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(extended, "PIECE", piece)
        found = read(pax.encode([(b"before", b"1"), (pax.MTIME_NS, pax.pack_fractions(times)), (b"after", b"2")]))
    assert found.records == {b"before": b"1", b"after": b"2"}
    assert [number for part in found.fractions for number in pax.unpack_fractions(part)] == times


def test_a_sparse_map_may_have_very_many_extents() -> None:
    """In format 0.0 each of them takes two records."""
    count = 100_000
    pairs = (((pax.SPARSE_OFFSET, b"%d" % (8192 * n)), (pax.SPARSE_LENGTH, b"%d" % n)) for n in range(count))
    found = read(pax.encode([record for pair in pairs for record in pair]))
    assert not found.records
    assert list(found.numbers) == [number for n in range(count) for number in (8192 * n, n)]


def test_more_extents_than_allowed_are_refused() -> None:
    body = pax.encode([(pax.SPARSE_OFFSET, b"0"), (pax.SPARSE_LENGTH, b"1")] * 4)
    assert len(read(body, Limits(extents=4)).numbers) == 8
    with pytest.raises(DamagedError, match="a sparse file has 4 extents, more than the limit of 3"):
        read(body, Limits(extents=3))


def test_very_many_short_records_are_read_in_linear_time() -> None:
    def seconds(count: int) -> float:
        begun = time.process_time()
        assert read(b"6 a=b\n" * count).records == {b"a": b"b"}
        return time.process_time() - begun

    seconds(10_000)
    assert seconds(800_000) < 200 * max(seconds(8_000), 0.004)


def test_more_keywords_than_any_use_could_need_are_damage() -> None:
    with pytest.raises(DamagedError, match="more than 65536 keywords"):
        read(pax.encode([(b"%d" % number, b"") for number in range(65_537)]))


def test_the_limit_of_an_extended_header_counts_what_is_kept() -> None:
    with pytest.raises(DamagedError, match=r"an extended header has [0-9]+ bytes, more than the limit of 100"):
        read(pax.encode([(b"a", b"x" * 60), (b"b", b"x" * 60)]), Limits(record=100))
