"""How a backup stores its packs: how many at once, and whether each is proved before."""

from __future__ import annotations

import os
import threading

import pytest

from freezer.agent.places import opening
from freezer.repository.documents import PackKind
from freezer.repository.names import PREFIX, Folder
from freezer.repository.packs.bench import Bench
from freezer.storage.local import LocalStorage

PATIENCE = 120.0  # seconds: only a program that is wrong needs them


def packs_meet(monkeypatch: pytest.MonkeyPatch, parties: int) -> list[int]:
    """The first ``parties`` packs that are stored wait for one another; how many were on their way, whenever one
    began."""
    barrier, lock = threading.Barrier(parties), threading.Lock()
    seen: list[int] = []
    under_way = 0

    class Meeting(LocalStorage):
        def put(self, name, data):  # type: ignore[no-untyped-def]
            nonlocal under_way
            if not name.startswith(PREFIX + Folder.PACKS):
                super().put(name, data)
                return
            with lock:
                under_way += 1
                seen.append(under_way)
                number = len(seen)
            if number <= parties:
                barrier.wait(PATIENCE)
            super().put(name, data)
            with lock:
                under_way -= 1

    monkeypatch.setattr(opening, "LocalStorage", Meeting)
    return seen


def test_as_many_packs_are_on_their_way_as_was_asked_for(vault, monkeypatch):
    (vault.source / "large").write_bytes(os.urandom(6 << 20))
    seen = packs_meet(monkeypatch, 3)
    run = vault.backup("--pack-size", "1M", "--upload-concurrency", "3")
    assert run.code == 0, run.err
    assert len(seen) >= 5
    assert max(seen) == 3
    monkeypatch.undo()
    assert vault.act("check", "--read-data").code == 0


def test_to_a_directory_one_pack_is_stored_at_a_time(vault, monkeypatch):
    (vault.source / "large").write_bytes(os.urandom(6 << 20))
    seen = packs_meet(monkeypatch, 1)
    run = vault.backup("--pack-size", "1M")
    assert run.code == 0, run.err
    assert len(seen) >= 5
    assert max(seen) == 1


@pytest.fixture
def bad_memory(monkeypatch):
    """This machine loses a bit of what it has compressed of files."""
    compress = Bench.compress

    def wrong(self, job):  # type: ignore[no-untyped-def]
        codec, body = compress(self, job)
        if job.kind is PackKind.DATA:
            body = bytearray(body)
            body[len(body) // 2] ^= 8
        return codec, body

    monkeypatch.setattr(Bench, "compress", wrong)


def test_what_memory_has_spoilt_is_not_stored(vault, bad_memory):
    run = vault.backup()
    assert run.code == 1
    assert "is not what was to be stored" in run.error
    assert vault.stored("packs") == []
    assert vault.ids() == []


def test_without_the_check_before_the_upload_only_a_check_of_what_is_stored_finds_it(vault, bad_memory):
    run = vault.backup("--no-check-before-upload")
    assert run.code == 0, run.err
    assert len(vault.ids()) == 1
    assert vault.act("check").code == 0
    assert vault.act("check", "--read-data").code == 1
