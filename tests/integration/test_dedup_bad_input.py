"""What is wrong with a repository, or with what is asked of it, is one line; and nothing is lost by it."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from freezer.agent.places import opening
from freezer.clock import SystemClock
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener, Plan
from freezer.repository.config import Decider
from freezer.secret import Secret
from freezer.storage.local import LocalStorage
from support.passphrases import make_pass_file


def test_a_backup_without_a_repository_says_how_to_make_one(agent):
    run = agent.backup("--engine", "dedup")
    assert run.code == 1
    assert "there is no repository in local:" in run.error
    assert "hint: make one with `freezer-agent init`" in run.err
    assert not agent.container.exists() or not os.listdir(agent.container)


@pytest.mark.parametrize("action", ["list", "check", "prune", "forget --keep-last 1", "key-list", "drill"])
def test_an_action_on_a_container_that_has_no_repository_is_refused(agent, action):
    agent.backup()
    run = agent.act(*action.split(), "--engine", "dedup")
    assert run.code == 1
    assert "there is no repository in local:" in run.error


def test_a_second_repository_is_not_made_over_the_first(vault):
    vault.made()
    before = {path: path.read_bytes() for path in vault.stored()}
    run = vault.act("init")
    assert run.code == 1
    assert "has a repository already" in run.error
    assert {path: path.read_bytes() for path in vault.stored()} == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "is encrypted"),
        (["--encrypt-pass-file", "{wrong}"], "no slot of the repository in local:"),
        (["--machine-secret-file", "{short}"], "no slot of the repository in local:"),
        (["--encrypt-pass-file", "{missing}"], "cannot read the pass file"),
        (["--encrypt-pass-file", "{open}"], "can be read by other users"),
    ],
)
def test_a_wrong_or_missing_secret_is_one_line(vault, tmp_path, words, said):
    files = {
        "wrong": make_pass_file(tmp_path / "wrong", "wrong"),
        "short": make_pass_file(tmp_path / "short", "x" * 20),
        "open": make_pass_file(tmp_path / "open", "x"),
        "missing": tmp_path / "missing",
    }
    files["open"].chmod(0o644)
    for action in (["backup", "--engine", "dedup", "-F", vault.source], ["list"], ["check"]):
        run = vault.agent.act(*action, *(word.format(**files) for word in words))
        assert run.code in (1, 2)
        assert said in run.error


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"version": 2}, "is of version 2; this program knows version 1"),
        ({"cipher": "rot13"}, "uses rot13"),
        ({"format": "something"}, "describes a 'something'"),
        ({"new": 1}, "has a setting that this program does not know"),
        ({"decider": "dice"}, "has a setting that this program does not know"),
    ],
)
def test_a_repository_of_another_kind_or_a_newer_version_is_one_line(vault, change, said):
    vault.made()
    for name in ("config", "config.copy"):
        path = vault.objects / name
        path.write_text(json.dumps(json.loads(path.read_text()) | change))
    for run in (vault.backup(), vault.act("list"), vault.act("check")):
        assert run.code == 1
        assert said in run.error


def test_one_copy_of_the_config_is_enough_and_a_check_says_so(vault):
    vault.made()
    (vault.objects / "config").write_text("rubbish")
    run = vault.act("list")
    assert run.code == 0
    assert "the other copy is used" in run.err
    assert vault.act("check").code == 1


def test_what_stands_in_a_config_is_not_believed_if_somebody_changed_it(vault):
    vault.made()
    for name in ("config", "config.copy"):
        path = vault.objects / name
        path.write_text(path.read_text().replace("create-once", "markers"))
    run = vault.act("list")
    assert run.code == 1
    assert "was changed" in run.error


def test_a_source_inside_of_the_container_is_refused(vault):
    inside = vault.container / "freezer-dedup" / "packs"
    inside.mkdir(exist_ok=True)
    run = vault.act("backup", "--engine", "dedup", "-F", inside)
    assert run.code == 1
    assert "is inside of the container" in run.error
    assert vault.ids() == []


def test_a_container_inside_of_the_source_is_left_out(vault, tmp_path):
    run = vault.act("backup", "--engine", "dedup", "-F", vault.container.parent, "--json")
    assert run.code == 0, run.err
    assert "it is the container" in run.err
    shown = {row["path"] for row in vault.act("show", "--json").json}
    assert "source/one" in shown
    assert not [path for path in shown if path.startswith("container")]


def test_packs_of_another_repository_are_noticed_and_change_nothing(vault, tmp_path):
    id = vault.made()
    other = tmp_path / "other"
    words = ["--storage", "local", "-C", other, "-N", "web", "--hostname", "h", "--machine-secret-file", vault.secret]
    assert vault.agent.call("init", *words).code == 0
    (vault.source / "one").write_text("of the other")
    assert vault.agent.call("backup", "--engine", "dedup", "-F", vault.source, *words).code == 0
    for folder in ("packs", "meta", "index", "roots", "commits", "attempts", "agents"):
        for path in (other / "freezer-dedup" / folder).iterdir():
            shutil.copy(path, vault.objects / folder / path.name)
    assert vault.ids() == [id]
    assert vault.restore(tmp_path / "out", "--id", id).code == 0
    assert (tmp_path / "out" / "one").read_text() == "first"
    run = vault.act("check")
    assert run.code == 1
    assert "problems found" in run.error
    assert vault.act("check", "--json").json["problems"]
    assert vault.backup().code == 0


def test_a_clock_set_back_by_a_year_loses_nothing_and_is_mentioned(vault, tmp_path, monkeypatch):
    first = vault.made()
    (vault.source / "one").write_text("later")
    real = SystemClock.now
    monkeypatch.setattr(SystemClock, "now", lambda self: real(self) - 365 * 86400)
    run = vault.backup("--json")
    assert run.code == 0, run.err
    assert "a restore takes that one for the newest" in run.err
    second = run.json["dedup"]["backup"]
    assert vault.restore(tmp_path / "out", "--id", second).code == 0
    assert (tmp_path / "out" / "one").read_text() == "later"
    removal = vault.act("forget", "--remove-older-than", "1")
    assert removal.code == 1
    assert "nothing is removed by its age" in removal.error
    assert set(vault.ids()) == {first, second}
    assert vault.act("prune").code == 0
    assert vault.restore(tmp_path / "again", "--id", first).code == 0
    assert (tmp_path / "again" / "one").read_text() == "first"


def test_a_storage_that_stops_being_create_once_is_not_written_to(vault, tmp_path, monkeypatch):
    import msgspec

    id = vault.made()
    before = {path: path.read_bytes() for path in vault.stored()}

    class Forgetful(LocalStorage):
        @property
        def capabilities(self):
            return msgspec.structs.replace(super().capabilities, create_once=False)

    monkeypatch.setattr(opening, "LocalStorage", Forgetful)
    for words in (["backup", "--engine", "dedup", "-F", vault.source], ["forget", "--keep-last", "1"], ["prune"]):
        run = vault.act(*words)
        assert run.code == 1
        assert "decides by create-once, but the storage lets several writers win now" in run.error
    assert {path: path.read_bytes() for path in vault.stored()} == before
    assert vault.restore(tmp_path / "out", "--id", id).code == 0


def test_a_rolled_back_repository_is_mentioned(vault, tmp_path):
    vault.made()
    shutil.copytree(vault.container, tmp_path / "old")
    vault.made()
    shutil.rmtree(vault.container)
    shutil.move(tmp_path / "old", vault.container)
    run = vault.act("list")
    assert run.code == 0
    assert "the storage was rolled back" in run.err


def test_a_root_that_is_gone_is_told_and_nothing_is_collected(vault, tmp_path):
    first = vault.made()
    (vault.source / "one").write_text("later")
    second = vault.made()
    (vault.objects / "roots" / first).unlink()
    shutil.rmtree(Path(os.environ["HOME"]) / ".cache", ignore_errors=True)
    run = vault.restore(tmp_path / "out", "--id", first)
    assert run.code == 1
    assert first in run.error
    assert vault.act("check").code == 1
    assert vault.act("prune").code == 1
    assert vault.restore(tmp_path / "out", "--id", second).code == 0


@pytest.mark.parametrize("damage", ["cut", "flip", "empty"])
def test_a_damaged_object_of_any_kind_never_gives_a_traceback(vault, tmp_path, damage):
    vault.made()
    vault.act("hold", "--id", vault.ids()[0])
    vault.act("check", "--read-data")
    for path in set(vault.stored()) - set(vault.stored("reserve")):  # which has no content
        kept = path.read_bytes()
        middle = len(kept) // 2
        path.write_bytes(
            {
                "cut": kept[:middle],
                "flip": kept[:middle] + bytes([kept[middle] ^ 1]) + kept[middle + 1 :],
                "empty": b"",
            }[damage]
        )
        shutil.rmtree(Path(os.environ["HOME"]) / ".cache", ignore_errors=True)
        run = vault.act("check", "--read-data")
        assert "Traceback" not in run.err
        assert "internal error" not in run.err
        assert run.code == 1, path
        path.write_bytes(kept)


def test_a_repository_that_decides_by_the_api_is_refused_by_who_does_not_speak_to_it(vault):
    shutil.rmtree(vault.container)
    opener = Opener(Secret(vault.secret.read_bytes()), machine=True)
    storage = LocalStorage(str(vault.container), clock=SystemClock())
    storage.prepare()
    founding.init(storage, SystemClock(), Plan(opener, decider=Decider.API))
    before = {path: path.read_bytes() for path in vault.stored()}
    source = ["--engine", "dedup", "-F", vault.source]
    for words in (["backup", *source], ["list"], ["forget", "--keep-last", "1"], ["prune"], ["check"], ["drill"]):
        run = vault.act(*words)
        assert run.code in (1, 2), words
        assert "decides by the API, which is not configured" in run.error
    added = set(vault.stored()) - before.keys()
    assert {path.parent.name for path in added} <= {"agents"}  # who we are may be told; nothing is begun
