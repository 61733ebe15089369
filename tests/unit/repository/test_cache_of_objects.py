"""The cache: copies that are never trusted and always dispensable."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from freezer.errors import DamagedError, FreezerError, ObjectNotFound
from freezer.repository.cache import Cache, read
from freezer.repository.documents import Tomb
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.store import Repository
from freezer.testing.faulty import FaultyStorage
from freezer.testing.memory import MemoryStorage
from support.indexing import CLOCK, encrypted, writable

NAME = f"{Folder.INDEX}{'0' * 26}-0"


def _cache(path: Path, **options: int) -> Cache:
    return Cache(str(path / "of" / "repository"), pytest.fail, **options)


def test_what_was_put_is_there_for_the_next_one(tmp_path: Path) -> None:
    _cache(tmp_path).put(NAME, b"content")
    assert _cache(tmp_path).get(NAME) == b"content"
    _cache(tmp_path).put(NAME, b"other")
    assert _cache(tmp_path).get(NAME) == b"other"


def test_what_was_not_put_or_was_forgotten_is_not_there(tmp_path: Path) -> None:
    cache = _cache(tmp_path)
    assert cache.get(NAME) is None
    cache.forget(NAME)
    cache.put(NAME, b"content")
    cache.forget(NAME)
    assert cache.get(NAME) is None


def test_nobody_else_can_look_into_it_and_backups_leave_it_out(tmp_path: Path) -> None:
    _cache(tmp_path).put(NAME, b"content")
    top = tmp_path / "of" / "repository"
    assert stat.S_IMODE(top.stat().st_mode) == 0o700
    assert stat.S_IMODE((top / "index").stat().st_mode) == 0o700
    assert stat.S_IMODE((top / NAME).stat().st_mode) == 0o600
    assert (top / "CACHEDIR.TAG").read_bytes().startswith(b"Signature: 8a477f597d28d172789f06886806bc55")


def test_names_do_not_lead_out_of_it(tmp_path: Path) -> None:
    cache = _cache(tmp_path)
    for name in ("../x", "/etc/passwd", "index/../../x", "", "index/"):
        with pytest.raises(FreezerError):
            cache.put(name, b"content")
        with pytest.raises(FreezerError):
            cache.get(name)


def test_the_oldest_copies_go_when_it_is_full(tmp_path: Path) -> None:
    cache = _cache(tmp_path, most=10_000)
    names = [f"{Folder.ROOTS}{number:026}" for number in range(40)]
    for age, name in enumerate(names[:20]):
        cache.put(name, bytes(500))
        os.utime(tmp_path / "of" / "repository" / name, (age, age))
    assert cache.get(names[0]) is not None  # which makes it the newest
    fresh = _cache(tmp_path, most=10_000)
    for name in names[20:30]:
        fresh.put(name, bytes(500))
    there = {name for name in names if _cache(tmp_path).get(name) is not None}
    assert {names[0], *names[20:30]} <= there
    assert names[1] not in there
    assert 500 * len(there) <= 10_000


def test_an_object_that_would_fill_it_is_not_kept(tmp_path: Path) -> None:
    cache = _cache(tmp_path, most=1000)
    cache.put(NAME, bytes(500))
    assert cache.get(NAME) is None


def test_what_is_gone_from_the_repository_is_removed(tmp_path: Path) -> None:
    cache = _cache(tmp_path)
    names = [f"{Folder.INDEX}{number:026}-0" for number in range(4)]
    for name in [*names, f"{Folder.ROOTS}{'0' * 26}"]:
        cache.put(name, b"content")
    cache.keep(Folder.INDEX, names[1:3])
    assert [cache.get(name) is not None for name in names] == [False, True, True, False]
    assert cache.get(f"{Folder.ROOTS}{'0' * 26}") == b"content"
    _cache(tmp_path / "nowhere").keep(Folder.INDEX, [])


def test_a_cache_that_cannot_be_written_is_one_notice_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    notices: list[str] = []
    cache = Cache(str(tmp_path / "file" / "below"), notices.append)
    for _ in range(3):
        cache.put(NAME, b"content")
    assert cache.get(NAME) is None
    cache.forget(NAME)
    cache.keep(Folder.INDEX, [])
    assert len(notices) == 1
    assert "cannot be used" in notices[0]


def test_a_copy_that_cannot_be_named_leaves_nothing_behind(tmp_path: Path) -> None:
    notices: list[str] = []
    cache = Cache(str(tmp_path), notices.append)
    (tmp_path / NAME).mkdir(parents=True)
    cache.put(NAME, b"content")
    assert len(notices) == 1
    assert [file.name for file in (tmp_path / "index").iterdir()] == [NAME.removeprefix("index/")]


def test_what_died_writers_left_is_no_copy_and_goes_with_the_rest(tmp_path: Path) -> None:
    cache = _cache(tmp_path, most=10_000)
    cache.put(NAME, b"content")
    left = tmp_path / "of" / "repository" / "index" / ".new-1-x"
    left.write_bytes(bytes(9000))
    os.utime(left, (0, 0))
    _cache(tmp_path, most=10_000).put(f"{Folder.ROOTS}{'0' * 26}", bytes(1000))
    assert not left.exists()
    assert cache.get(NAME) == b"content"


def test_it_is_where_the_user_keeps_caches(tmp_path: Path) -> None:
    repository = encrypted()
    for environment, place in (
        ({"XDG_CACHE_HOME": str(tmp_path / "a"), "HOME": str(tmp_path)}, "a/freezer"),
        ({"HOME": str(tmp_path)}, ".cache/freezer"),
        ({"XDG_CACHE_HOME": "relative", "HOME": str(tmp_path)}, ".cache/freezer"),
    ):
        Cache.of(repository, pytest.fail, environment).put(NAME, b"content")
        assert (tmp_path / place / repository.config.repository / NAME).read_bytes() == b"content"


# Objects through the cache


@pytest.fixture
def repository() -> Repository:
    return writable(encrypted(FaultyStorage(MemoryStorage(CLOCK))))


def _tomb(repository: Repository) -> str:
    name = f"{Folder.TOMBS}{new_id(CLOCK)}"
    repository.put(Kind.TOMB, name, Tomb(name.removeprefix(Folder.TOMBS), 1))
    return name


def _gets(repository: Repository, name: str) -> int:
    storage = repository.storage
    assert isinstance(storage, FaultyStorage)
    return sum(call.operation == "get" and call.name == PREFIX + name for call in storage.calls)


def test_an_object_is_fetched_once(repository: Repository, tmp_path: Path) -> None:
    name, cache = _tomb(repository), _cache(tmp_path)
    first = read(repository, cache, Kind.TOMB, name, Tomb)
    second = read(repository, cache, Kind.TOMB, name, Tomb)
    assert first == second == read(repository, None, Kind.TOMB, name, Tomb)
    assert _gets(repository, name) == 2


def test_a_copy_that_is_not_authentic_is_fetched_again(repository: Repository, tmp_path: Path) -> None:
    name, other, cache = _tomb(repository), _tomb(repository), _cache(tmp_path)
    good = read(repository, cache, Kind.TOMB, name, Tomb)
    for bad in (b"", good.raw[:-1], good.raw + b"x", repository.read(other)):
        cache.put(name, bad)
        assert read(repository, cache, Kind.TOMB, name, Tomb) == good
        assert cache.get(name) == good.raw


def test_what_is_damaged_in_the_repository_is_not_kept(repository: Repository, tmp_path: Path) -> None:
    name, cache = _tomb(repository), _cache(tmp_path)
    repository.storage.put(PREFIX + name, repository.read(name)[:-1])
    with pytest.raises(DamagedError):
        read(repository, cache, Kind.TOMB, name, Tomb)
    assert cache.get(name) is None
    with pytest.raises(ObjectNotFound):
        read(repository, cache, Kind.TOMB, f"{Folder.TOMBS}{'0' * 26}", Tomb)
