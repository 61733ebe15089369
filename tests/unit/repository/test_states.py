"""States: what an agent remembers of a source."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DamagedError
from freezer.repository import states
from freezer.repository.states import Known

_KNOWN = st.builds(
    Known,
    path=st.binary(max_size=20),
    tree=st.just(bytes(20)),
    digest=st.sampled_from([b"", bytes(16)]),
    ctimes=st.just(bytes(16)),
    inodes=st.just(bytes(16)),
)


@given(st.lists(_KNOWN, unique_by=lambda known: known.path, max_size=8))
def test_what_is_written_is_read_whatever_the_order(directories: list[Known]) -> None:
    raw = states.write(directories)
    assert states.parse(raw) == sorted(directories, key=lambda known: known.path)
    assert states.write(reversed(directories)) == raw


def test_a_state_is_what_the_page_says() -> None:
    raw = states.write([Known(b"a/b", b"tree", b"digest", b"ctimes", b"inodes")])
    assert msgspec.msgpack.decode(raw) == [[[b"a/b", b"tree", b"digest", b"ctimes", b"inodes"]]]


@given(st.integers(0, 10**6), st.integers(0, 10**8), st.binary(max_size=50))
def test_every_directory_is_in_one_of_the_groups(directories: int, entries: int, path: bytes) -> None:
    count = states.groups(directories, entries)
    assert 1 <= count <= 4096
    assert count & (count - 1) == 0
    assert 0 <= states.group_of(path, count) < count


def test_groups_are_about_as_big_as_they_should_be() -> None:
    for directories, entries in ((800, 200_000), (10_000, 10**6), (10**5, 10**6)):
        assert 64 * 1024 < (directories * 100 + entries * 16) // states.groups(directories, entries) < 512 * 1024
    assert states.groups(1, 5) == 1


@pytest.mark.parametrize("raw", [b"", b"\xc0", msgspec.msgpack.encode([[[b"path"]]]), msgspec.msgpack.encode([5])])
def test_what_is_no_state_is_refused(raw: bytes) -> None:
    with pytest.raises(DamagedError, match="a state chunk is not what it should be"):
        states.parse(raw)
