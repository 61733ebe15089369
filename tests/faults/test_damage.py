"""Damaged containers: what is noticed by ``check --read-data`` and by a restore, and that nothing wrong is ever
restored without a word.

A trial damages one object (or swaps two), checks, restores the newest backup, and puts everything right again.
The authenticated format notices everything. Where there is no authentication (``aes-256-cfb``, and what OpenStack
Freezer itself has written) the output says so, and ``docs/results/reliability.md`` says how much is noticed.
"""

from __future__ import annotations

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from world import World, age, call, change, restored

from support.manifest import compare, make_manifest
from support.sweeps import Trials

KINDS = ("data", "engine_metadata", "metadata")
Damage = Callable[[Path, list[Path], random.Random], dict[Path, bytes | None]]


def flip_a_bit(path: Path, _others: list[Path], chance: random.Random) -> dict[Path, bytes | None]:
    data = bytearray(path.read_bytes())
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return {path: bytes(data)}


def truncate(path: Path, _others: list[Path], chance: random.Random) -> dict[Path, bytes | None]:
    data = path.read_bytes()
    return {path: data[: chance.randrange(len(data))]}


def swap(path: Path, others: list[Path], chance: random.Random) -> dict[Path, bytes | None]:
    other = chance.choice([each for each in others if each != path])
    return {path: other.read_bytes(), other: path.read_bytes()}


def replace(path: Path, others: list[Path], chance: random.Random) -> dict[Path, bytes | None]:
    return {path: chance.choice([each for each in others if each != path]).read_bytes()}


def delete(path: Path, _others: list[Path], _chance: random.Random) -> dict[Path, bytes | None]:
    return {path: None}


DAMAGES: tuple[Damage, ...] = (flip_a_bit, flip_a_bit, truncate, swap, replace, delete)


@contextmanager
def damaged(changes: dict[Path, bytes | None]) -> Iterator[None]:
    before = {path: path.read_bytes() for path in changes}
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


@pytest.fixture(scope="module")
def pass_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secret") / "pass"
    path.write_text("correct horse\n")
    path.chmod(0o600)
    return path


@pytest.fixture(scope="module")
def authenticated(tmp_path_factory: pytest.TempPathFactory, pass_file: Path) -> World:
    return make_world(tmp_path_factory.mktemp("authenticated"), ["--encrypt-pass-file", pass_file])


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory, pass_file: Path) -> World:
    """As we write it: with a SHA-256 of everything but the record in the record."""
    words = ["--encrypt-pass-file", pass_file, "--encryption", "aes-256-cfb"]
    return make_world(tmp_path_factory.mktemp("legacy"), words)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory, pass_file: Path) -> World:
    """As OpenStack Freezer writes it: records of four keys, none of them about content."""
    words = ["--encrypt-pass-file", pass_file, "--encryption", "aes-256-cfb"]
    world = make_world(tmp_path_factory.mktemp("upstream"), words)
    for path in world.container.glob("metadata/tar/*/*/*/metadata"):
        record = json.loads(path.read_text())
        del record["freezer"]
        path.write_text(json.dumps(record))
    return world


def make_world(folder: Path, options: Sequence[object]) -> World:
    """Two chains, of three levels and of two, encrypted with one passphrase. The last level needs the one below: what
    changed within two seconds before a backup is stored by the next one once more, hence the pause."""
    world = World(folder / "world", options)
    chance = random.Random(1)
    for level in range(5):
        change(world.source, chance, size=5000)
        if level == 3:
            time.sleep(2.1)
        world.backup("--max-level", "2")
    world.options = options[:2]
    return world


def newest_chain_and_objects(world: World, kind: str) -> tuple[str, list[Path], list[Path]]:
    """The id of the newest backup, its chain's objects of ``kind``, and everybody's."""
    newest = max(world.owed, key=age)
    every = sorted(world.container.glob(f"*/tar/*/*/*/{kind}"))
    last = max(int(path.parts[-3]) for path in every)
    return newest, [path for path in every if int(path.parts[-3]) == last], every


def trial(world: World, kind: str, damage: Damage, chance: random.Random) -> tuple[bool, bool, bool]:
    """Whether the check noticed, whether the restore did, and whether it brought back what was stored.

    A record is also what makes a backup exist: removing one takes its backup away, which a check cannot tell from a
    removal, unless another level stands on it. So only records with another level on them are deleted here.
    """
    newest, chain, every = newest_chain_and_objects(world, kind)
    if damage is delete and kind == "metadata":
        chain = chain[:-1]
    changes = damage(chance.choice(chain), every, chance)
    target = world.folder / "restored"
    with damaged(changes):
        check = call("check", *world.stored("--read-data"))
        restore = call(*world.restore_words(target, "--restore-backup-id", newest))
    try:
        for run in (check, restore):
            assert run.code == 0 or run.told_clearly(), (changes.keys(), run)
        right = restore.code == 0 and compare(world.owed[newest], make_manifest(target)) == []
        return check.code != 0, restore.code != 0, right
    finally:
        shutil.rmtree(target, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_the_authenticated_format_notices_all_damage(
    authenticated: World, trials: Trials, chance: random.Random, counted: Counter[str], kind: str
) -> None:
    for turn in range(trials(18, 1000)):
        damage = DAMAGES[turn % len(DAMAGES)]
        seen, refused, right = trial(authenticated, kind, damage, chance)
        count(counted, damage, seen, refused, right)
        assert seen, f"{damage.__name__} of {kind} was not noticed by check --read-data"
        if kind == "engine_metadata":  # what the next level starts from is no part of what is restored
            assert right, f"{damage.__name__} of {kind} spoilt a restore that does not need it"
        else:
            assert refused, f"{damage.__name__} of {kind} was not noticed by restore"


@pytest.mark.slow
def test_no_byte_of_an_authenticated_record_can_change_unnoticed(
    authenticated: World, trials: Trials, chance: random.Random, counted: Counter[str]
) -> None:
    """Not even where it says whose backup it is: a set is looked through whatever its records claim."""
    _, [path, *_], _ = newest_chain_and_objects(authenticated, "metadata")
    record = path.read_bytes()
    names = range(record.index(b'"hostname"'), record.index(b'"level"'))
    for place in sorted({*range(0, len(record), trials(16, 1)), *names}):
        altered = bytearray(record)
        altered[place] ^= 1 << chance.randrange(8)
        for words in ((), ("--read-data",)):
            with damaged({path: bytes(altered)}):
                run = call("check", *authenticated.stored(*words))
            assert run.told_clearly(), (place, bytes(altered), run)
            counted["noticed"] += 1


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("by", ["legacy", "upstream"])
def test_the_format_without_authentication_says_that_it_cannot_promise_to_notice(
    request: pytest.FixtureRequest, trials: Trials, chance: random.Random, counted: Counter[str], kind: str, by: str
) -> None:
    world: World = request.getfixturevalue(by)
    sound = call("check", *world.stored("--read-data"))
    assert sound.code == 0, sound.err
    assert "not authenticated" in sound.out.lower()
    target = world.folder / "restored"
    assert "not authenticated" in call(*world.restore_words(target)).out.lower()
    shutil.rmtree(target)
    for turn in range(trials(6, 200)):
        damage = DAMAGES[turn % len(DAMAGES)]
        seen, refused, right = trial(world, kind, damage, chance)
        count(counted, damage, seen, refused, right)
        if by == "legacy" and kind != "metadata":
            assert seen, f"{damage.__name__} of {kind}: the record holds its SHA-256"
            assert refused or right


@pytest.mark.parametrize("damage", [flip_a_bit, truncate, replace, delete])
def test_after_damage_to_what_the_next_level_starts_from_a_new_chain_begins(
    tmp_path: Path, pass_file: Path, chance: random.Random, damage: Damage
) -> None:
    world = World(tmp_path / "world", ["--encrypt-pass-file", pass_file])
    for _ in range(2):
        change(world.source, chance, size=500)
        world.backup()
    state, newest = sorted(world.container.glob("data/tar/*/*/*/engine_metadata"))
    for path, data in damage(newest, [state], chance).items():
        path.write_bytes(data) if data is not None else path.unlink()
    run = call(*world.backup_words())
    assert run.code == 0, run.err
    assert "Level 0: the" in run.out
    made = max(world.listed(), key=age)
    assert age(made)[1] == 0
    world.owed[made] = make_manifest(world.source)
    assert restored(world, made) == []


def test_after_damage_to_the_newest_record_a_new_chain_begins(
    tmp_path: Path, pass_file: Path, chance: random.Random
) -> None:
    world = World(tmp_path / "world", ["--encrypt-pass-file", pass_file])
    change(world.source, chance, size=500)
    world.backup()
    [record] = world.container.glob("metadata/tar/*/*/*/metadata")
    record.write_bytes(record.read_bytes().replace(b'"compression":"gzip"', b'"compression":"bzip2"'))
    run = call(*world.backup_words())
    assert run.code == 0, run.err
    assert "Level 0: the newest level cannot be built on" in run.out
    made = max(world.listed(), key=age)
    world.owed[made] = make_manifest(world.source)
    assert restored(world, made) == []


def count(counted: Counter[str], damage: Damage, seen: bool, refused: bool, right: bool) -> None:
    name = damage.__name__
    counted[name] += 1
    counted[f"{name}: noticed by check"] += seen
    counted[f"{name}: refused by restore"] += refused
    counted[f"{name}: wrong and exit 0"] += not refused and not right
