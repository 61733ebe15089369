"""Objects of a real repository with something wrong in them, of every kind: altered as they are stored, which is found
by authentication, and altered before they were sealed and signed, as somebody can do who has a key. The whole program
works on them and answers as ever, or with one line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from random import Random

import msgspec
import pytest
from hostile_repository import Forger
from test_dedup_hostile_trees import SECRET, act

from freezer.crypto import primitives
from freezer.errors import DataError
from freezer.repository import documents, envelope
from freezer.repository.documents import Document, Signed
from freezer.repository.names import PREFIX, Folder, Kind
from support.mutants import Make, bounded_memory, bytes_like, messages_like, texts_like
from support.sweeps import Trials

MEMORY = 1 << 30
SIGNED: dict[Folder, tuple[Kind, type[Document]]] = {
    Folder.ATTEMPTS: (Kind.ATTEMPT, documents.Attempt),
    Folder.INDEX: (Kind.INDEX, documents.IndexPart),
    Folder.ROOTS: (Kind.ROOT, documents.Root),
    Folder.COMMITS: (Kind.DECISION, documents.Decision),
    Folder.GC: (Kind.CONDEMNED, documents.Condemned),
    Folder.TOMBS: (Kind.TOMB, documents.Tomb),
    Folder.HOLDS: (Kind.HOLD, documents.Hold),
    Folder.CHECKS: (Kind.CHECK, documents.Check),
    Folder.DRILLS: (Kind.DRILL, documents.Drill),
}
CLEAR = (Folder.KEYS,)
FOLDERS = (*SIGNED, *CLEAR, Folder.AGENTS, Folder.RINGS, Folder.PACKS, Folder.META)
ACTIONS = (
    ("list",),
    ("show",),
    ("check", "--read-data"),
    ("forget", "--keep-last", "1", "--dry-run"),
    ("prune", "--dry-run"),
    ("backup", "--engine", "dedup", "-F", "{source}"),
    ("prune", "--max-unused", "0%"),
    ("restore", "--restore-abs-path", "{target}", "--overwrite"),
)


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A repository with objects of every kind."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HOME", str(folder / "home"))
        (folder / "home").mkdir()
        (folder / "secret").write_bytes(SECRET)
        (folder / "secret").chmod(0o600)
        source = folder / "source"
        (source / "deep").mkdir(parents=True)
        assert act(folder, "init") == 0
        for number in range(3):
            (source / "deep" / f"file{number}").write_bytes(os.urandom(200_000))
            assert act(folder, "backup", "--engine", "dedup", "-F", str(source)) == 0
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            assert act(folder, "list", "--json") == 0
        assert act(folder, "hold", "--id", json.loads(shown.getvalue())[0]["id"], "--hold-label", "court") == 0
        (source / "deep" / "file1").unlink()
        assert act(folder, "backup", "--engine", "dedup", "-F", str(source)) == 0
        assert act(folder, "forget", "--keep-last", "2") == 0
        assert act(folder, "prune", "--max-unused", "0%") == 0
        assert act(folder, "check", "--read-data") == 0
        assert act(folder, "drill", "--scratch-dir", str(folder)) == 0
    return folder


@pytest.fixture
def stage(kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    return restage(kept, tmp_path)


def restage(kept: Path, stage: Path) -> Path:
    """Everything as it was made."""
    for name in ("container", "home", "source", "target"):
        shutil.rmtree(stage / name, ignore_errors=True)
    for name in ("container", "home", "source"):
        shutil.copytree(kept / name, stage / name)
    shutil.rmtree(stage / "home" / ".cache", ignore_errors=True)
    shutil.copy(kept / "secret", stage / "secret")
    return stage


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    with bounded_memory(MEMORY):
        yield


def objects(stage: Path, folder: Folder) -> list[Path]:
    found = sorted((stage / "container" / PREFIX / folder).iterdir())
    assert found, f"there is nothing in {folder}"
    return found


def name_of(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


@pytest.mark.slow
@pytest.mark.parametrize("folder", [*SIGNED, Folder.AGENTS, Folder.RINGS])
def test_an_altered_object_is_never_believed(
    kept: Path, stage: Path, folder: Folder, trials: Trials, chance: Random, counted: Counter[str]
) -> None:
    """Whatever is done to its bytes: it says what it said, or there is an error."""
    forger = Forger(stage / "container", SECRET)
    repository = forger.repository
    seeds = {path: path.read_bytes() for path in objects(stage, folder)}
    make = bytes_like(list(seeds.values()))
    for _ in range(trials(300, 20_000)):
        path = chance.choice(list(seeds))
        name, raw = name_of(path), make(chance)
        try:
            if folder in SIGNED:
                kind, type = SIGNED[folder]
                found = repository.open_object(kind, name, raw, type).raw
            else:
                kind = Kind.RING if folder is Folder.RINGS else Kind.CERTIFICATE
                key = repository.keys.access.role_key.reveal() if kind is Kind.RING else repository.keys.newest.metadata
                envelope.open_(key, repository.id, kind, name, raw, msgspec.Raw)
                found = raw
        except DataError:
            counted["refused"] += 1
        else:
            assert found == seeds[path]
            counted["as before"] += 1


def resealed(stage: Path, folder: Folder, path: Path, make: Make, chance: Random) -> bytes:
    """A mutant of what is in the object, sealed and signed as it must be."""
    forger = Forger(stage / "container", SECRET)
    repository, name = forger.repository, name_of(path)
    kind, _ = SIGNED[folder]
    assert repository.agent is not None
    plain = make(chance)
    signature = primitives.sign(repository.agent.seed.reveal(), envelope.prefix(repository.id, kind, name) + plain)
    epoch = repository.keys.newest
    signed = Signed(plain, repository.agent.id, signature)
    return envelope.seal(epoch.metadata, repository.id, kind, name, signed, epoch=epoch.number)


def inside(stage: Path, folder: Folder) -> list[bytes]:
    """What the objects of a folder hold, as it was signed."""
    repository = Forger(stage / "container", SECRET).repository
    kind, _ = SIGNED[folder]
    return [
        bytes(repository.open_object(kind, name_of(path), path.read_bytes(), msgspec.Raw).document)
        for path in objects(stage, folder)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("folder", FOLDERS)
def test_the_program_answers_whatever_an_object_holds(
    kept: Path,
    stage: Path,
    folder: Folder,
    trials: Trials,
    chance: Random,
    counted: Counter[str],
    capfd: pytest.CaptureFixture[str],
) -> None:
    raw = [path.read_bytes() for path in objects(stage, folder)]
    if folder in SIGNED:
        make = messages_like(inside(stage, folder))
    else:
        make = texts_like(raw) if folder in CLEAR else bytes_like(raw)
    for _ in range(trials(3, 400)):
        restage(kept, stage)
        path = chance.choice(objects(stage, folder))
        mutant = resealed(stage, folder, path, make, chance) if folder in SIGNED else make(chance)
        path.write_bytes(mutant)
        for action in ACTIONS:
            capfd.readouterr()
            words = [word.format(source=stage / "source", target=stage / "target") for word in action]
            code = act(stage, *words)
            told = capfd.readouterr().err
            context = f"{action}: {name_of(path)} = {mutant.hex()}\n{told}"
            assert "Traceback" not in told, context
            assert "internal error" not in told, context
            assert code in (0, 1, 3), context
            assert told.count("error: ") == (code == 1), context
            counted[f"{action[0]}: exit {code}"] += 1
