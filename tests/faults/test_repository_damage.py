"""Damaged repositories: what is noticed by ``check --read-data``, by the quick ``check`` and by a restore, and that
nothing wrong is ever restored without a word.

A trial damages one object (or exchanges two), checks, restores every backup, and puts everything right again. Every
second one has warm caches, which must hide nothing. What cannot be noticed, because nothing that is needed is lost by
it, is in :data:`DISPENSABLE`, with the reason.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from depot import Depot
from world import call, change

from support.manifest import compare, make_manifest
from support.sweeps import Trials

Changes = dict[Path, bytes | None]
Damage = Callable[[Path, Sequence[Path], random.Random], Changes]


def flip_a_bit(path: Path, _others: Sequence[Path], chance: random.Random) -> Changes:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return {path: bytes(data)}


def truncate(path: Path, _others: Sequence[Path], chance: random.Random) -> Changes:
    data = path.read_bytes()
    return {path: data[: chance.randrange(1, len(data))]}


def empty(path: Path, _others: Sequence[Path], _chance: random.Random) -> Changes:
    return {path: b""}


def delete(path: Path, _others: Sequence[Path], _chance: random.Random) -> Changes:
    return {path: None}


def exchange(path: Path, others: Sequence[Path], chance: random.Random) -> Changes:
    other = chance.choice(others)
    return {path: other.read_bytes(), other: path.read_bytes()}


def replay(path: Path, others: Sequence[Path], chance: random.Random) -> Changes:
    """What stood under another name earlier."""
    return {path: chance.choice(others).read_bytes()}


DAMAGES: tuple[Damage, ...] = (
    flip_a_bit, truncate, flip_a_bit, empty, flip_a_bit, delete, flip_a_bit, exchange, flip_a_bit, replay,
)  # fmt: skip
KINDS = {
    "config": "config*",
    "slot": "keys/*",
    "ring": "rings/*",
    "certificate": "agents/*",
    "attempt": "attempts/*",
    "data pack": "packs/*",
    "metadata pack": "meta/*",
    "index part": "index/*",
    "root": "roots/*",
    "decision": "commits/*",
    "condemned list": "gc/*",
    "tomb": "tombs/*",
    "hold": "holds/*",
    "check": "checks/*",
    "drill": "drills/*",
}
DISPENSABLE = {
    ("attempt", delete): "an attempt that is decided needs no announcement any more",
    ("index part", delete): "everything in it is in the packs as well",
    ("condemned list", delete): "what it condemned is deleted, and no name comes back",
    ("tomb", delete): "the backup is back: a forgotten one is as good as any other as long as it is not pruned",
    ("hold", delete): "nothing but the hold is lost by it",
    ("check", delete): "nothing but what it found is lost by it",
    ("drill", delete): "nothing but the proof is lost by it",
}
NEEDED = {"data pack", "metadata pack", "root", "decision", "certificate"}
"""Kinds without which some backup does not restore."""
OF_BACKUPS = {"root", "decision"}
"""Kinds that matter as long as their backup is not forgotten."""


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[Depot, Path]:
    """A repository with several objects of every kind, and the home of who made it."""
    folder = tmp_path_factory.mktemp("kept")
    home = folder / "home"
    home.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(home))
        depot = Depot(folder / "depot")
        fill(depot)
        shutil.rmtree(home / ".cache")
    return depot, home


def fill(depot: Depot) -> None:
    """Backups of two hosts, some forgotten and pruned away, some held, read and proved."""
    chance = random.Random(1)
    for turn in range(5):
        change(depot.source, chance, 8000)
        depot.backup()
        assert call(*depot.backup_words("--hostname", "other")).code == 0
        if turn in (1, 2):
            depot.forget([min(depot.owed)])
            depot.call("forget", "--keep-last", "1", "--hostname", "other")
            depot.call("prune", "--max-unused", "0%")
    for id_ in depot.owed:
        depot.call("hold", "--id", id_)
    for _ in range(2):
        depot.call("check", "--read-data")
        depot.call("drill", "--scratch-dir", depot.folder)


@pytest.fixture
def depot(kept: tuple[Depot, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Depot:
    """The same for each test, in the home of who made it."""
    made, home = kept
    shutil.copytree(home, tmp_path / "user")
    monkeypatch.setenv("HOME", str(tmp_path / "user"))
    return made


@contextmanager
def damaged(depot: Depot, changes: Changes) -> Iterator[None]:
    """Afterwards everything is as before; what the checks have recorded is gone, and who they were."""
    before = {path: path.read_bytes() for path in changes}
    records = recorded(depot)
    try:
        for path, data in changes.items():
            if data is None:
                path.unlink()
            else:
                path.write_bytes(data)
        yield
    finally:
        for path, data in before.items():
            path.write_bytes(data)
        for path in recorded(depot) - records:
            path.unlink(missing_ok=True)


def recorded(depot: Depot) -> set[Path]:
    """What a check may add."""
    return {path for folder in ("checks", "agents") for path in (depot.objects / folder).iterdir()}


def restored_right(depot: Depot, id_: str) -> bool:
    """Whether a backup restores to what it was made of; if not, the program has to say so in one clear line."""
    target = depot.folder / "restored"
    try:
        run = call(*depot.restore_words(target, "--id", id_))
        if run.code == 0:
            assert compare(depot.owed[id_], make_manifest(target)) == [], "wrong, and not a word about it"
            return True
        assert run.told_clearly() or run.code == 3, run
        return False
    finally:
        shutil.rmtree(target, ignore_errors=True)


def notices(depot: Depot, *words: str) -> bool:
    run = call(*depot.check_words(*words))
    assert run.code == 0 or run.told_clearly(), run
    return run.code != 0


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_damage_is_noticed_and_nothing_wrong_is_ever_restored(
    depot: Depot, trials: Trials, chance: random.Random, counted: Counter[str], kind: str
) -> None:
    every = sorted(path for path in depot.objects.glob(KINDS[kind]) if path.is_file())
    assert len(every) > 1, f"there is too little of {kind}"
    forgotten = {path.name for path in depot.objects.glob("tombs/*")} if kind in OF_BACKUPS else set()
    every = [path for path in every if path.name not in forgotten]
    for turn in range(trials(len(DAMAGES), 1000)):
        damage = DAMAGES[turn % len(DAMAGES)]
        path = chance.choice(every)
        different = [each for each in every if each.read_bytes() != path.read_bytes()]
        if damage in (exchange, replay) and not different:
            continue  # copies are equal
        changes = damage(path, different, chance)
        if chance.random() < 0.5:
            shutil.rmtree(Path.home() / ".cache", ignore_errors=True)
        print(damage.__name__, *changes)
        with damaged(depot, changes):
            quick = notices(depot)
            seen = notices(depot, "--read-data")
            right = [restored_right(depot, id_) for id_ in sorted(depot.owed)]
        name = damage.__name__
        counted[name] += 1
        counted[f"{name}: noticed by the quick check"] += quick
        counted[f"{name}: noticed by check --read-data"] += seen
        counted[f"{name}: a restore refused"] += not all(right)
        if (kind, damage) in DISPENSABLE:
            assert all(right)
            continue
        assert seen, f"{name} of {path.name} was not noticed by check --read-data"
        assert quick or damage is flip_a_bit, f"{name} of {path.name} was not noticed by the quick check"
        both = kind == "ring" and damage is exchange  # whose names are part of what is sealed: no copy is left
        assert all(right) or kind in NEEDED or both, f"{name} of {path.name} spoilt a restore that does not need it"
    assert not notices(depot), "something was not put right"
