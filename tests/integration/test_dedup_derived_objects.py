"""What is derived, or kept on this machine only, may be lost at any time."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from support.manifest import compare, make_manifest


def _fill(folder: Path, seed: int) -> None:
    (folder / "sub").mkdir(exist_ok=True)
    for number in range(40):
        (folder / "sub" / f"{seed}-{number}").write_bytes(os.urandom(3000))


def _lose_home() -> None:
    for name in (".cache", ".local"):
        shutil.rmtree(Path(os.environ["HOME"]) / name, ignore_errors=True)


@pytest.mark.parametrize("home", [False, True])
def test_without_any_index_part_every_backup_is_restored_and_prune_writes_them_again(vault, tmp_path, home):
    manifests = {}
    for seed in range(3):
        _fill(vault.source, seed)
        manifests[vault.made()] = make_manifest(vault.source)
    for part in vault.stored("index"):
        part.unlink()
    if home:
        _lose_home()
    for id, manifest in manifests.items():
        target = tmp_path / f"out-{id}"
        run = vault.restore(target, "--id", id, "--verify")
        assert run.code == 0, run.err
        assert compare(manifest, make_manifest(target), ignore=("alloc",)) == []
    run = vault.act("prune")
    assert run.code == 0, run.err
    assert len(vault.stored("index")) >= 1
    assert vault.act("check", "--read-data").code == 0


def test_a_machine_that_forgot_everything_backs_up_and_stores_nothing_twice(vault):
    _fill(vault.source, 1)
    vault.made()
    packs = len(vault.stored("packs"))
    _lose_home()
    counts = vault.backup("--json").json["dedup"]
    assert len(vault.stored("packs")) == packs
    assert counts["bytes_new"] < 20_000
    assert len(vault.ids()) == 2


def test_a_cache_of_rubbish_changes_nothing(vault, tmp_path):
    _fill(vault.source, 1)
    vault.made()
    vault.made()
    cached = [path for path in (Path(os.environ["HOME"]) / ".cache").rglob("*") if path.is_file()]
    assert len(cached) > 2
    for path in cached:
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :])
    run = vault.restore(tmp_path / "out", "--verify")
    assert run.code == 0, run.err
    assert compare(make_manifest(vault.source), make_manifest(tmp_path / "out"), ignore=("alloc",)) == []
    assert len(vault.ids()) == 2
    vault.made()
    assert vault.act("check", "--read-data").code == 0
