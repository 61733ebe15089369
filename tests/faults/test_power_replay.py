"""The power goes while a repository is made, written to, forgotten from and pruned, at any system call, and leaves any
part of what was not on the medium: every backup that was acknowledged restores, none is listed that is not whole, none
comes back that was forgotten, and the next run needs no help."""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from depot import Depot
from grounds import on_disk
from power import Record, Recorder, Said, Sync, shares
from world import call, change, settle

from support.manifest import Manifest
from support.sweeps import Trials

SIZE, FILES = 3000, 6


def lived(folder: Path, *, markers: bool) -> tuple[Record, dict[str, Manifest]]:
    """A record of a repository's life, and what each of its backups was made of."""
    ground = on_disk(folder / "container", markers=markers)
    depot, recorder, chance = Depot(folder, made=False, at=ground), Recorder(folder / "container"), random.Random(7)
    known: dict[str, Manifest] = {}
    with recorder.recording():
        depot.call("init", *ground.founding)
        recorder.say("made")
        for turn in range(4):
            change(depot.source, chance, SIZE, FILES)
            made = depot.backup()
            known[made] = depot.owed[made]
            recorder.say("backup", made)
            if turn in (1, 3):
                oldest = min(depot.owed)
                recorder.say("may go", oldest)
                depot.forget([oldest])
                recorder.say("gone", oldest)
                depot.call("prune", "--max-unused", "0%")
    return recorder.record, known


class Judge:
    """Says what is wrong with a state, on a machine that has never seen the repository."""

    def __init__(self, folder: Path, known: dict[str, Manifest], patch: pytest.MonkeyPatch) -> None:
        self._folder, self._known, self._patch = folder, known, patch
        self._turn = 0

    def __call__(self, record: Record, end: int, kept: Callable[[], float]) -> list[str]:
        self._turn += 1
        folder = self._folder / f"state{self._turn}"
        home = folder / "home"
        home.mkdir(parents=True)
        self._patch.setenv("HOME", str(home))
        record.rebuild(end, folder / "container", kept)
        try:
            return self._wrong(Depot(folder, made=False), record, end)
        except AssertionError as failure:
            return [str(failure)]
        finally:
            shutil.rmtree(folder)

    def _wrong(self, depot: Depot, record: Record, end: int) -> list[str]:
        told = [(each.told, each.about) for each in record.events[:end] if isinstance(each, Said)]
        if ("made", None) not in told:
            again = call("init", *depot.stored())
            if again.code and "has a repository already" not in again.error:
                return [f"init: {again.err}"]
        owed = {id_ for id_ in self._known if ("backup", id_) in told and ("may go", id_) not in told}
        gone = {id_ for id_ in self._known if ("gone", id_) in told}
        run = call("list", *depot.stored("--json"))
        if run.code:
            return [f"list: {run.err}"]
        listed = {row["id"] for row in run.json}
        wrong = [f"{id_} was acknowledged and is not listed" for id_ in owed - listed]
        wrong += [f"{id_} was forgotten and is back" for id_ in gone & listed]
        depot.owed = {id_: self._known[id_] for id_ in listed}
        wrong += settle(depot, may_be_new=False, read_all=True)
        (depot.source / "next").write_text("next")
        depot.backup()
        depot.call("prune", "--max-unused", "0%")
        return wrong + settle(depot, may_be_new=False)


@pytest.fixture
def judge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[dict[str, Manifest]], Judge]:
    return lambda known: Judge(tmp_path, known, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("decider", ["create-once", "markers"])
def test_every_acknowledged_backup_survives_whatever_a_power_cut_leaves(
    tmp_path: Path,
    judge: Callable[[dict[str, Manifest]], Judge],
    trials: Trials,
    chance: random.Random,
    counted: Counter[str],
    decider: str,
) -> None:
    record, known = lived(tmp_path / "life", markers=decider == "markers")
    wrong_of, ends = judge(known), range(1, len(record.events) + 1)
    counted["events"], failures = len(record.events), []
    every = [(end, share, kept) for end in ends for share, kept in shares(chance)]
    for end, share, kept in chance.sample(every, trials(6, len(every))):
        counted[f"{share} kept"] += 1
        if wrong := wrong_of(record, end, kept):
            failures.append(f"before event {end}, {share} kept: {wrong}")
            print(failures[-1])
    assert failures == []


def test_the_replay_notices_that_names_are_not_synchronised(
    tmp_path: Path, judge: Callable[[dict[str, Manifest]], Judge]
) -> None:
    record, known = lived(tmp_path / "life", markers=False)
    end = len(record.events)
    assert judge(known)(record, end, lambda: 0.0) == []
    record.events = [each for each in record.events if not (isinstance(each, Sync) and each.what in record.folders)]
    assert judge(known)(record, len(record.events), lambda: 0.0) != []
