"""Repositories of version 1 can be read by a program that was written from the page that describes them."""

from __future__ import annotations

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from reader_from_the_page import Reader

from fixtures.repositories.make_v1 import MANY, PASSPHRASE, summed_up
from freezer.browse.opened import Opened
from freezer.clock import SystemClock
from freezer.repository import states
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener
from freezer.repository.index import Index
from freezer.repository.packs.reading import PackReader
from freezer.repository.packs.use import Use
from freezer.repository.protocol import condemned, forgetting
from freezer.repository.protocol.backups import backups
from freezer.secret import Secret
from freezer.storage.local import LocalStorage
from freezer.upkeep import verification
from support.manifest import compare, make_manifest
from support.restoring import bring_back, loud
from support.trees import IS_ROOT

GOLDEN = Path(__file__).parents[1] / "fixtures/repositories/v1"
READER = Path(__file__).with_name("reader_from_the_page.py")
IGNORED = ("alloc",) if IS_ROOT else ("alloc", "uid", "gid")
ENCRYPTED = json.loads((GOLDEN / "encrypted.json").read_text())
PUBLIC = json.loads((GOLDEN / "public.json").read_text())


def differences(expected: Any, restored: Path) -> list[str]:
    return compare(expected, summed_up(make_manifest(restored)), ignore=IGNORED)


def in_clear(restored: Path, attempt: str) -> None:
    """That the public repository's backup of that name was restored."""
    number = list(PUBLIC).index(attempt)
    if number == 0:
        assert not differences(PUBLIC[attempt], restored)
        return
    found = {path.name: path.read_bytes() for path in restored.rglob("*") if path.is_file()}
    expected = {"small": b"a small file\n", "dump.sql": b"a stream of bytes\n" * 500}
    assert found == {1: {"small": expected["small"]}, 2: {"dump.sql": expected["dump.sql"]}, 3: expected}[number]


def test_the_reader_is_short_and_knows_nothing_of_freezer() -> None:
    text = READER.read_text()
    assert len(text.splitlines()) <= 300
    imported = set()
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Import):
            imported |= {name.name.split(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add((node.module or "").split(".")[0])
    foreign = imported - sys.stdlib_module_names
    assert foreign == {"backports", "blake3", "cryptography", "msgspec"} | ({"compression"} & foreign)


@pytest.mark.parametrize("footers", [False, True], ids=["by-index", "by-footers"])
def test_it_restores_an_encrypted_repository(tmp_path: Path, footers: bool) -> None:
    reader = Reader(GOLDEN / "encrypted", PASSPHRASE, footers=footers)
    found = reader.backups()
    assert list(found) == list(ENCRYPTED)
    for attempt, root in found.items():
        reader.restore(root, tmp_path / attempt)
        assert not differences(ENCRYPTED[attempt], tmp_path / attempt)


@pytest.mark.parametrize("footers", [False, True], ids=["by-index", "by-footers"])
def test_it_restores_a_public_repository(tmp_path: Path, footers: bool) -> None:
    reader = Reader(GOLDEN / "public", None, footers=footers)
    found = reader.backups()
    assert sorted(found) == sorted(PUBLIC)
    for attempt, root in found.items():
        reader.restore(root, tmp_path / attempt)
        in_clear(tmp_path / attempt, attempt)


def test_it_can_be_run_by_hand(tmp_path: Path) -> None:
    environment = {**os.environ, "PASSPHRASE": PASSPHRASE.decode()}
    run = [sys.executable, READER, GOLDEN / "encrypted"]
    listed = subprocess.run(run, env=environment, capture_output=True, text=True, check=True).stdout
    attempt = listed.split()[0]
    assert attempt in ENCRYPTED
    subprocess.run([*run, attempt, tmp_path / "restored"], env=environment, check=True)
    assert (tmp_path / "restored/new").read_text() == "made after the first backup\n"


def test_it_notices_a_flipped_bit(tmp_path: Path) -> None:
    shutil.copytree(GOLDEN / "encrypted", tmp_path / "damaged")
    for pack in (tmp_path / "damaged/freezer-dedup/packs").iterdir():
        raw = bytearray(pack.read_bytes())
        raw[300] ^= 1
        pack.write_bytes(raw)
    reader = Reader(tmp_path / "damaged", PASSPHRASE)
    (root,) = reader.backups().values()
    with pytest.raises(ValueError, match="damaged"):
        reader.restore(root, tmp_path / "restored")


@pytest.mark.parametrize(("name", "secret"), [("encrypted", Secret(PASSPHRASE)), ("public", None)])
def test_freezer_reads_what_its_first_version_wrote(tmp_path: Path, name: str, secret: Secret | None) -> None:
    storage = LocalStorage(str(GOLDEN / name), clock=SystemClock())
    repository = founding.open_(storage, SystemClock(), Opener(secret), loud)
    index = Index.load(repository, condemned=condemned.load(repository), notice=loud)
    opened = Opened(repository, index, PackReader(repository, index))
    found = backups(repository, None, loud)
    assert sorted(backup.attempt for backup in found) == sorted(ENCRYPTED if name == "encrypted" else PUBLIC)
    for backup in found:
        result = bring_back(opened, backup.root(repository), tmp_path / backup.attempt)
        assert not result.problems()
        if name == "encrypted":
            assert result.files > MANY
            assert not differences(ENCRYPTED[backup.attempt], tmp_path / backup.attempt)
        else:
            in_clear(tmp_path / backup.attempt, backup.attempt)


def test_freezer_knows_what_was_said_of_the_backups_of_its_first_version() -> None:
    storage = LocalStorage(str(GOLDEN / "encrypted"), clock=SystemClock())
    repository = founding.open_(storage, SystemClock(), Opener(Secret(PASSPHRASE)), loud)
    (attempt,) = ENCRYPTED
    assert {name: hold.label for name, hold in forgetting.holds(repository, None, loud).items()} == {attempt: "golden"}
    found = verification.load(repository, None, loud)
    (backup,) = backups(repository, None, loud)
    root = backup.root(repository)
    assert found.read.keys() == set(root.needs)
    assert found.quarantined.keys() == {f"packs/{attempt}-99"}
    assert found.intact.keys() == found.proved.keys() == {attempt}
    index = Index.load(repository, condemned=condemned.load(repository), notice=loud)
    reader = PackReader(repository, index)
    known = [each for id in root.states for each in states.parse(reader.chunk(Use.STATE, id))]
    assert {each.path for each in known} >= {b"", b"directory", b"directory/below", b"many"}
    (tree,) = (each.tree for each in known if not each.path)
    assert tree == root.sources[0].tree


def test_the_golden_repositories_hold_what_is_hard_to_read() -> None:
    """Moved bundles, a divided directory, lists of chunks, holes: none of it is lost when they are made anew."""
    reader = Reader(GOLDEN / "encrypted", PASSPHRASE)
    (root,) = reader.backups().values()
    moved = [pack for pack, _, wrap, _, _ in reader.places.values() if wrap[1] != pack]
    assert {pack.split("/")[0] for pack in moved} == {"packs", "meta"}
    top = {entry[0]: entry for entry in reader.entries(root[4][0][1])}
    assert top[b"more than 1000 chunks"][7][0] == 0
    assert any(isinstance(part, int) for part in top[b"holes"][7])
    assert top[b"zz hard link"][8]["h"] == b"small"
    many = reader.chunk("tree", top[b"many"][7])
    assert len(list(reader.entries(top[b"many"][7]))) == MANY
    assert many[1] == 2
    assert reader.config["decider"] == "create-once"
    assert Reader(GOLDEN / "public", None).config["decider"] == "markers"
