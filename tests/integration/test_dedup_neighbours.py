"""What else may be in the container of a repository: what others have stored there stays as it is, and what somebody
has left among the objects of the repository is told in one line and loses nothing."""

from __future__ import annotations

import shutil

import pytest

from freezer.clock import SystemClock
from freezer.repository.names import Folder, new_id
from support import CONTAINERS

VOLUME = "volume_5f5c1a1e-0000-4000-8000-000000000001"
CINDER = {  # as Cinder's drivers for file systems, and for Swift in a container of any name, store a backup
    "0a/1b/0a1b0000-0000-4000-8000-000000000002": b"a volume",
    f"{VOLUME}/20261121120000/az_nova_backup_0a1b/{VOLUME}_backup_0a1b-00001": b"chunk",
    f"{VOLUME}/20261121120000/az_nova_backup_0a1b/{VOLUME}_backup_0a1b_metadata": b'{"version": "1.0.0"}',
    f"{VOLUME}/20261121120000/az_nova_backup_0a1b/{VOLUME}_backup_0a1b_sha256file": b'{"sha256s": []}',
}
UPSTREAM = ("upstream-tar-gzip-none", "upstream-legacy200-tar-gzip-none", "upstream-rsync-gzip-none")


@pytest.fixture
def shared(vault):
    """A container with a repository, backups of the original (three layouts), and backups of Cinder's."""
    for name in UPSTREAM:
        shutil.copytree(CONTAINERS / name / "store", vault.container, dirs_exist_ok=True)
    for name, data in CINDER.items():
        path = vault.container / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return vault


def others(vault):
    return {name: data for name, data in vault.agent.objects().items() if not name.startswith("freezer-dedup/")}


def test_backups_of_others_stay_as_they_are_and_can_be_restored(shared, tmp_path):
    before = others(shared)
    assert len(before) > 15
    first = shared.made()
    (shared.source / "one").write_text("later")
    second = shared.made()
    for words in (
        ["forget", "--keep-last", "1"],
        ["prune", "--max-unused", "0%"],
        ["check", "--engine", "dedup", "--read-data"],
        ["drill", "--scratch-dir", tmp_path],
        ["admin", "--engine", "dedup", "--remove-older-than", "0"],
        ["hold", "--id", second],
    ):
        run = shared.act(*words)
        assert run.code == 0, (words, run.err)
    assert others(shared) == before
    assert [row["id"] for row in shared.act("list", "--engine", "dedup", "--json").json] == [second]
    assert first != second
    place = ["--storage", "local", "-C", shared.container, "-N", "fixture", "--hostname", "fixturehost"]
    run = shared.agent.call("restore", "--restore-abs-path", tmp_path / "theirs", *place)
    assert run.code == 0, run.err
    assert len(list((tmp_path / "theirs").rglob("*"))) > 50
    assert shared.restore(tmp_path / "ours").code == 0
    assert (tmp_path / "ours" / "one").read_text() == "later"


def test_removing_old_backups_of_others_leaves_repository_and_cinder_alone(shared):
    shared.made()
    ours = {path: path.read_bytes() for path in shared.stored()}
    words = ["--storage", "local", "-C", shared.container, "-N", "fixture", "--hostname", "fixturehost"]
    run = shared.agent.call("admin", "--engine", "tar", "--remove-older-than", "0", "--allow-empty", *words)
    assert run.code == 0, run.err
    assert {path: path.read_bytes() for path in shared.stored()} == ours
    after = others(shared)
    assert {name: after[name] for name in CINDER} == CINDER


LEFT = ("notes.txt", new_id(SystemClock()), f"{new_id(SystemClock())}-0", "0" * 26 + "-x", ".DS_Store", "\udcff")
UNUSED = (Folder.OK, Folder.ABORT, Folder.DONE)  # with the decider create-once


@pytest.mark.slow
@pytest.mark.parametrize("folder", [folder for folder in Folder if folder not in UNUSED])
def test_what_somebody_left_among_the_objects_is_one_line_and_loses_nothing(vault, tmp_path, folder, trials, chance):
    for name in chance.sample(LEFT, trials(1, len(LEFT))):
        vault.made()
        stray = vault.objects / folder / name
        stray.parent.mkdir(exist_ok=True)
        known = sorted(path for path in stray.parent.iterdir() if path.is_file())
        content = known[0].read_bytes() if known and chance.random() < 0.5 else b"not ours"
        stray.write_bytes(content)
        (vault.source / "one").write_text(f"later {name!r}")
        run = vault.backup()
        assert run.code == 0 or (run.told_clearly() and folder is Folder.GC), run  # nobody knows what it condemns
        for words in (["list"], ["prune"], ["check"], ["forget", "--keep-last", "1"], ["prune"]):
            run = vault.act(*words)
            assert run.code == 0 or (run.told_clearly() and words[0] in ("prune", "check")), (name, words, run)
        assert folder is Folder.INDEX or stray.read_bytes() == content  # where a prune writes anew what it cannot read
        stray.unlink(missing_ok=True)
        newest = vault.made()
        assert vault.act("prune").code == 0
        assert vault.restore(tmp_path / "out", "--id", newest, "--overwrite").code == 0
        assert (tmp_path / "out" / "one").read_text() == f"later {name!r}"
