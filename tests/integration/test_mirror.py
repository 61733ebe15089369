"""One backup into several storages: the same bytes in each, and each on its own when something goes wrong."""

from __future__ import annotations

import json
import random
import shutil
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from freezer.agent.places import opening as storages
from freezer.clock import Clock
from freezer.errors import FreezerError, PermanentError, StorageFull, TransientError
from freezer.storage.contract import Buffer, Storage
from freezer.storage.local import LocalStorage
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.wrapper import StorageWrapper, UploadWrapper
from freezer.testing.faulty import Fault, FaultyStorage, Kind
from support import trees
from support.manifest import compare, make_manifest
from support.mirrors import Mirror, local, objects


@pytest.fixture
def mirror(agent, tmp_path) -> Mirror:
    (agent.source / "random").write_bytes(random.Random(1).randbytes(200_000))
    return Mirror(tmp_path, agent.call, {"first": local(tmp_path / "one"), "second": local(tmp_path / "two")})


def change(mirror: Mirror, text: str) -> None:
    (mirror.source / "one").write_text(text)


def place_of(report, name):
    return next(place for place in report["storages"] if place["name"] == name)


@contextmanager
def second_is(make: Callable[[LocalStorage], Storage], mirror: Mirror) -> Iterator[list[Storage]]:
    """The storage of section ``second`` is what ``make`` makes of it; yields those opened."""
    second = str(mirror.places["second"]["container"])
    opened: list[Storage] = []

    def open_local(root: str, *, clock: Clock) -> Storage:
        storage = LocalStorage(root, clock=clock)
        if root != second:
            return storage
        opened.append(make(storage))
        return opened[-1]

    def hasty(storage: Storage, clock: Clock, *, policy: RetryPolicy | None) -> Storage:
        return RetryingStorage(storage, clock, policy=RetryPolicy(3, first_delay=0.0001))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(storages, "LocalStorage", open_local)
        patch.setattr(storages, "RetryingStorage", hasty)
        yield opened


def test_every_storage_gets_the_same_bytes_and_restores_them(mirror, tmp_path):
    trees.make_tree(mirror.source / "tree", 1)
    manifests = []
    for level in range(3):
        if level:
            trees.edit_tree(mirror.source / "tree", level + 1)
        run = mirror.backup("--json", "-M", "64K")
        assert run.code == 0, run.err
        assert [place["level"] for place in run.json["storages"]] == [level, level]
        manifests.append(make_manifest(mirror.source))
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
    for name in ("first", "second"):
        for level, wanted in enumerate(manifests):
            target = tmp_path / f"{name}{level}"
            assert mirror.restore(name, target, "--restore-level", level).code == 0
            assert compare(wanted, make_manifest(target)) == []
    run = mirror.run("check", "--read-data", "--json")
    assert run.code == 0
    assert [place["checked"] for place in run.json["storages"]] == [3, 3]


def test_the_source_is_scanned_and_compressed_once_for_all(mirror, monkeypatch):
    from freezer.engine.tar.backup.write import TarBackup
    from freezer.stream import pipeline

    counts = {"scans": 0, "streams": 0}
    scan, made = TarBackup.scan, pipeline.Pipeline.__init__

    def counted_scan(self):
        counts["scans"] += 1
        return scan(self)

    def counted_made(self, *words, **more):
        counts["streams"] += 1
        made(self, *words, **more)

    monkeypatch.setattr(TarBackup, "scan", counted_scan)
    monkeypatch.setattr(pipeline.Pipeline, "__init__", counted_made)
    assert mirror.backup().code == 0
    assert counts == {"scans": 1, "streams": 2}  # archive and state


def test_an_encrypted_backup_is_sealed_once_and_opens_from_each(mirror, tmp_path, pass_file):
    secret = ("--encrypt-pass-file", pass_file)
    for text in ("a", "b"):
        change(mirror, text)
        assert mirror.backup(*secret).code == 0
    assert objects(tmp_path / "one") == objects(tmp_path / "two")
    for name in ("first", "second"):
        assert mirror.restore(name, tmp_path / name, *secret).code == 0
        assert (tmp_path / name / "one").read_text() == "b"


def test_a_storage_that_fails_does_not_keep_the_others_from_the_backup(mirror, tmp_path):
    assert mirror.backup().code == 0
    (tmp_path / "two").rename(tmp_path / "away")
    (tmp_path / "two").write_text("no directory")
    change(mirror, "later")
    run = mirror.backup("--json")
    assert run.code == 1
    events = [json.loads(line) for line in run.err.splitlines()]
    (error,) = [event for event in events if event["event"] == "error"]
    assert error["message"].startswith("1 of 2 storages failed: second: ")
    assert "copy --from-storage first --to-storage second" in error["hint"]
    report = run.json
    assert (report["curr_backup_level"], place_of(report, "first")["level"]) == (1, 1)
    assert place_of(report, "first")["error"] is None
    assert "is not a directory" in place_of(report, "second")["error"]
    assert "level" not in place_of(report, "second")


def test_if_every_storage_fails_the_run_fails_and_names_all(mirror, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).write_text("no directory")
    run = mirror.backup()
    assert run.code == 1
    assert "2 of 2 storages failed: first: " in run.error
    assert "; second: " in run.error


@pytest.mark.parametrize("order", ["first", "random", "last"])
@pytest.mark.parametrize("kind", [PermanentError, TransientError, StorageFull])
def test_one_storage_fails_for_ever_from_some_operation_on(
    mirror: Mirror, tmp_path: Path, order: str, kind: type[FreezerError]
) -> None:
    assert mirror.backup().code == 0
    change(mirror, "second")
    with second_is(FaultyStorage, mirror) as opened:
        assert mirror.backup("-M", "16K").code == 0
    calls = sum(len(storage.calls) for storage in opened if isinstance(storage, FaultyStorage))
    chosen = {"first": 1, "random": random.Random(f"{kind} {order}").randrange(2, calls), "last": calls}[order]
    fault = Fault(Kind.BEFORE, at=chosen, times=None, error=lambda: kind("local:/two: something broke"))
    change(mirror, "third")
    wanted, before = make_manifest(mirror.source), mirror.ids("second")
    with second_is(lambda storage: FaultyStorage(storage, [fault]), mirror):
        run = mirror.backup("-M", "16K")
    assert run.code == 1
    assert "1 of 2 storages failed: second: local:/two: something broke" in run.error
    assert mirror.restore("first", tmp_path / "out1").code == 0
    assert compare(wanted, make_manifest(tmp_path / "out1")) == []
    assert mirror.ids("second") == before
    _needs_no_help(mirror, tmp_path)


def _needs_no_help(mirror: Mirror, tmp_path: Path) -> None:
    """Another backup succeeds, and all that is in each storage restores."""
    change(mirror, "last")
    wanted = make_manifest(mirror.source)
    run = mirror.backup()
    assert run.code == 0, run.err
    for name in ("first", "second"):
        shutil.rmtree(tmp_path / "out", ignore_errors=True)
        assert mirror.restore(name, tmp_path / "out").code == 0
        assert compare(wanted, make_manifest(tmp_path / "out")) == []
    assert mirror.run("check", "--read-data").code == 0


class Stuck(StorageWrapper):
    """A storage whose second segment never gets stored."""

    def __init__(self, inner: Storage, over: threading.Event) -> None:
        super().__init__(inner)
        self._over = over

    def open_write(self, name: str) -> UploadWrapper:
        return _Stuck(super().open_write(name), self._over)


class _Stuck(UploadWrapper):
    def __init__(self, inner, over: threading.Event) -> None:
        super().__init__(inner)
        self._over = over

    def write(self, offset: int, segment: Buffer) -> None:
        if offset:
            self._over.wait()
        super().write(offset, segment)


def test_a_storage_that_hangs_is_given_up_and_the_other_finishes(mirror, tmp_path):
    wanted, over = make_manifest(mirror.source), threading.Event()
    with second_is(lambda storage: Stuck(storage, over), mirror):
        run = mirror.backup("-M", "16K", "--storage-timeout", 1)
    over.set()
    assert run.code == 1
    assert "was given up: it did not answer for 1 seconds" in run.error
    assert mirror.restore("first", tmp_path / "out").code == 0
    assert compare(wanted, make_manifest(tmp_path / "out")) == []
    assert mirror.levels("second") == []
    _needs_no_help(mirror, tmp_path)


def test_a_new_storage_begins_with_a_full_backup_while_the_other_goes_on(mirror, tmp_path):
    for text in ("a", "b"):
        change(mirror, text)
        assert mirror.backup("--max-level", 3).code == 0
    shutil.rmtree(tmp_path / "two")
    change(mirror, "c")
    run = mirror.backup("--max-level", 3, "--json")
    assert run.code == 0
    assert [place["level"] for place in run.json["storages"]] == [2, 0]
    assert "not in step with first" in run.err
    for name in ("first", "second"):
        assert mirror.restore(name, tmp_path / name).code == 0
        assert (tmp_path / name / "one").read_text() == "c"
    change(mirror, "d")
    assert mirror.backup("--max-level", 3).code == 0
    assert (mirror.levels("first"), mirror.levels("second")) == ([0, 1, 2, 3], [0, 1])
    ids = mirror.ids("first"), mirror.ids("second")
    assert not ids[0] & ids[1]
    # a full backup is due in the first, and brings them into step
    run = mirror.backup("--max-level", 3)
    assert run.code == 0
    assert run.out.count("Level 0: a full backup is due in first, and all begin a chain together.") == 2
    assert (mirror.levels("first"), mirror.levels("second")) == ([0, 1, 2, 3, 0], [0, 1, 0])
    assert mirror.ids("first") & mirror.ids("second")


def test_an_increment_is_never_put_on_a_base_that_is_not_the_one_it_was_made_from(mirror, tmp_path):
    assert mirror.backup().code == 0
    (state,) = (tmp_path / "two").rglob("engine_metadata")
    state.write_bytes(state.read_bytes().replace(b"random", b"Random"))  # the same chain, level and time
    (record,) = (tmp_path / "two").rglob("metadata/tar/**/metadata")
    record.write_text('{"engine_name": "tar", "compression": "gzip", "encryption": false}\n')
    change(mirror, "later")
    run = mirror.backup("--json")
    assert run.code == 0
    assert "not in step with first" in run.err
    times = [place["time_stamp"] for place in run.json["storages"]]
    assert times[0] != times[1]


def test_a_dry_run_tells_the_level_of_each_and_writes_nothing(mirror, tmp_path):
    assert mirror.backup().code == 0
    shutil.rmtree(tmp_path / "two")
    run = mirror.backup("--dry-run", "--json")
    assert run.code == 0
    assert [(place["name"], place["level"]) for place in run.json["storages"]] == [("first", 1), ("second", 0)]
    assert not (tmp_path / "two").exists()


def test_killed_with_two_storages_the_next_run_needs_no_help(mirror, tmp_path, process):
    chance = random.Random(3)
    assert mirror.backup().code == 0
    owed = mirror.ids("first")
    for number in range(4):
        change(mirror, f"killed {number}")
        (mirror.source / "more").write_bytes(chance.randbytes(3_000_000))
        child = process(*mirror.backup_words("-M", "64K", "--upload-limit", "8M"))
        time.sleep(chance.uniform(0.3, 1.2))
        child.kill()
        child.wait()
        for name in ("first", "second"):
            assert owed <= mirror.ids(name)
    _needs_no_help(mirror, tmp_path)


def test_a_signal_ends_the_run_and_nothing_stays_in_either(mirror, tmp_path, process):
    (mirror.source / "more").write_bytes(random.Random(2).randbytes(4 << 20))
    child = process(*mirror.backup_words("-M", "64K", "--upload-limit", "1M"))
    _until(lambda: all(list((tmp_path / name).rglob(".freezer-tmp-*")) for name in ("one", "two")))
    child.send_signal(signal.SIGTERM)
    assert child.wait(120) == -signal.SIGTERM
    left = [path for name in ("one", "two") for path in (tmp_path / name).rglob("*") if path.is_file()]
    assert [path for path in left if path.stat().st_size] == []


def _until(ready: Callable[[], object]) -> None:
    limit = time.monotonic() + 120
    while not ready():
        assert time.monotonic() < limit
        time.sleep(0.02)


def test_a_limit_bounds_the_sum_of_both(mirror):
    (mirror.source / "more").write_bytes(random.Random(2).randbytes(2 << 20))
    begun = time.monotonic()
    assert mirror.backup("--upload-limit", "4M").code == 0
    assert time.monotonic() - begun > 1.0  # twice 2 MiB


def test_restore_takes_the_storage_that_has_the_newest_backup_and_says_so(mirror, tmp_path):
    assert mirror.backup().code == 0
    run = mirror.run("restore", "--restore-abs-path", tmp_path / "out")
    assert f"first (local:{tmp_path / 'one'}) is read" in run.err
    (tmp_path / "one").rename(tmp_path / "away")
    change(mirror, "newer")
    (tmp_path / "one").write_text("no directory")
    assert mirror.backup().code == 1
    (tmp_path / "one").unlink()
    (tmp_path / "away").rename(tmp_path / "one")
    run = mirror.run("restore", "--restore-abs-path", tmp_path / "out2")
    assert run.code == 0
    assert f"second (local:{tmp_path / 'two'}) is read" in run.err
    assert (tmp_path / "out2" / "one").read_text() == "newer"
    (tmp_path / "one").rename(tmp_path / "away")
    run = mirror.run("restore", "--restore-abs-path", tmp_path / "out3")
    assert run.code == 0
    assert "first is not read: there is no container" in run.err
    assert mirror.run("show", "--json").code == 0


def test_a_backup_that_no_storage_has_is_not_found_in_any(mirror, tmp_path):
    assert mirror.backup().code == 0
    run = mirror.run("restore", "-N", "other", "--restore-abs-path", tmp_path / "out")
    assert run.code == 1
    assert "2 of 2 storages failed: first: " in run.error
    assert "second: " in run.error


def test_old_backups_are_removed_from_each_and_lists_name_the_storage(mirror):
    for text in ("a", "b"):
        change(mirror, text)
        assert mirror.call(*mirror.words("backup", "-F", mirror.source)).code == 0
    run = mirror.run("list", "--json")
    assert {row["storage"] for row in run.json} == {"first", "second"}
    run = mirror.run("admin", "--keep-last", 1, "--json")
    assert run.code == 0, run.err
    assert [place["storage"] for place in run.json["storages"]] == ["first", "second"]
    assert [len(place["keep"]) for place in run.json["storages"]] == [1, 1]
    assert (len(mirror.ids("first")), len(mirror.ids("second"))) == (1, 1)


def test_removal_with_the_backup_happens_in_every_storage_that_has_it(mirror, tmp_path):
    for text in ("a", "b"):
        change(mirror, text)
        assert mirror.call(*mirror.words("backup", "-F", mirror.source)).code == 0
    run = mirror.call(*mirror.words("backup", "-F", mirror.source, "--keep-last", 1))
    assert run.code == 0, run.err
    assert (len(mirror.ids("first")), len(mirror.ids("second"))) == (1, 1)
    assert "second: Removed 2 backups" in run.out


def test_a_storage_that_cannot_be_listed_does_not_hide_the_others(mirror, tmp_path):
    assert mirror.backup().code == 0
    shutil.rmtree(tmp_path / "two")
    (tmp_path / "two").write_text("no directory")
    run = mirror.run("list", "--json")
    assert run.code == 1
    assert [row["storage"] for row in run.json] == ["first"]
    assert '"event":"error"' in run.err
    run = mirror.run("info")
    assert run.code == 1
    assert str(tmp_path / "one") in run.out


def test_a_storage_that_is_typed_beside_sections_has_no_effect_and_the_output_says_so(mirror, tmp_path):
    run = mirror.backup("--storage", "local", "-C", tmp_path / "typed")
    assert run.code == 0
    assert "--storage and --container have no effect" in run.err
    assert not (tmp_path / "typed").exists()


def test_sections_that_are_one_place_and_names_without_a_section_are_refused(mirror, tmp_path):
    mirror.places = {"first": local(tmp_path / "one"), "second": local(tmp_path / "one")}
    run = mirror.backup()
    assert run.code == 2
    assert "[storage:first] and [storage:second] are the same place" in run.error
    mirror.places = {"first": local(tmp_path / "one"), "second": local(tmp_path / "two")}
    run = mirror.run("list", "--from-storage", "third")
    assert run.code == 2
    assert "there is no section [storage:third]" in run.error


def test_a_wrong_passphrase_is_no_fault_of_one_storage_and_ends_the_run(mirror, tmp_path, pass_file):
    from support.passphrases import make_pass_file

    assert mirror.backup("--encrypt-pass-file", pass_file).code == 0
    shutil.rmtree(tmp_path / "two")
    run = mirror.backup("--encrypt-pass-file", make_pass_file(tmp_path / "other", "wrong"))
    assert run.code == 1
    assert "passphrase" in run.error
    assert mirror.levels("second") == []
