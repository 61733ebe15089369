"""Which packs are read, in which order, and what is remembered of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DamagedError, ObjectNotFound
from freezer.progress import NoProgress
from freezer.repository.documents import Check, Drill, State
from freezer.repository.names import Folder, Kind, new_id
from freezer.upkeep import verification
from freezer.upkeep.reading import BATCH, Finding, Recorder, oldest_first, read_packs
from support.restoring import found_repository, loud

sizes_of_packs = st.dictionaries(st.text("abc", min_size=1, max_size=4), st.integers(1, 1000), max_size=30)


def test_what_was_never_read_comes_first_and_then_what_was_read_longest_ago():
    sizes = {"a": 10, "b": 10, "c": 10, "d": 10}
    assert oldest_first(sizes, {"a": 3, "b": 1, "d": 2}, 1.0) == ["c", "b", "d", "a"]
    assert oldest_first(sizes, {"a": 3, "b": 1, "d": 2}, 0.5) == ["c", "b"]
    assert oldest_first(sizes, {}, 0.0) == []
    assert oldest_first(sizes, {}, 0.0001) == ["a"]


@given(sizes=sizes_of_packs, runs=st.integers(1, 7))
def test_a_part_each_time_is_everything_after_so_many_times(sizes, runs):
    read: dict[str, int] = {}
    for now in range(1, runs + 1):
        for name in oldest_first(sizes, read, 1 / runs):
            read[name] = now
    assert read.keys() == sizes.keys()


def test_packs_that_are_damaged_or_missing_are_found_among_intact_ones():
    problems = {"two": DamagedError("broken"), "three": ObjectNotFound("gone")}

    def verify(name: str) -> None:
        if name in problems:
            raise problems[name]

    names = ["one", "two", "three", "four"]
    found = list(read_packs(names, dict.fromkeys(names, 1), verify, NoProgress()))
    assert [(each.pack, each.state) for each in found] == [
        ("one", State.INTACT),
        ("two", State.DAMAGED),
        ("three", State.MISSING),
        ("four", State.INTACT),
    ]


def test_a_pack_that_was_read_wrongly_for_once_is_intact():
    wrong = ["one"]

    def verify(name: str) -> None:
        if name in wrong:
            wrong.remove(name)
            raise DamagedError("half of it")

    found = list(read_packs(["one", "two"], {"one": 1, "two": 1}, verify, NoProgress()))
    assert [each.state for each in found] == [State.INTACT, State.INTACT]


def test_an_error_that_is_no_damage_ends_the_reading():
    with pytest.raises(ZeroDivisionError):
        list(read_packs(["a", "b"], {"a": 1, "b": 1}, lambda name: 1 // 0, NoProgress()))


def test_a_pack_that_was_once_damaged_stays_quarantined_whatever_is_found_later():
    repository = found_repository()
    for state in (State.DAMAGED, State.INTACT):
        recorder = Recorder(repository)
        recorder.add(Finding("packs/x", state))
        recorder.store()
    known = verification.load(repository, None, loud)
    assert known.quarantined.keys() == {"packs/x"}
    assert known.read.keys() == {"packs/x"}


def test_a_drill_of_a_sample_proves_something_and_only_a_whole_one_that_all_is_intact():
    repository = found_repository()
    for number, whole in enumerate((False, True)):
        drill = Drill(f"backup {number}", 1, 2, 3, 4, verdict=True, whole=whole)
        repository.put(Kind.DRILL, f"{Folder.DRILLS}{new_id(repository.clock)}", drill)
    known = verification.load(repository, None, loud)
    assert known.proved == {"backup 0": 2, "backup 1": 2}
    assert known.intact == {"backup 1": 2}


def test_a_check_that_ends_early_has_stored_what_it_found():
    repository = found_repository()
    recorder = Recorder(repository)
    for number in range(BATCH + 1):
        recorder.add(Finding(f"packs/{number}", State.INTACT))
    assert len(verification.load(repository, None, loud).read) == BATCH
    recorder.store(complete=True, backups=["b"])
    known = verification.load(repository, None, loud)
    assert len(known.read) == BATCH + 1
    assert known.intact.keys() == {"b"}


def test_of_what_is_said_of_a_backup_the_last_word_counts():
    repository = found_repository()

    def said(when: int, *, good: tuple[str, ...] = (), bad: tuple[str, ...] = ()) -> None:
        check = Check(when, when, [], complete=True, backups=list(good), damaged=list(bad))
        repository.put(Kind.CHECK, f"{Folder.CHECKS}{new_id(repository.clock)}", check)

    said(3, good=("healed", "well"), bad=("lost",))
    said(2, bad=("healed",))
    said(2, good=("lost",))
    known = verification.load(repository, None, loud)
    assert known.intact == {"healed": 3, "well": 3}
    assert known.damaged == {"lost": 3}


def test_a_drill_that_fails_is_known_until_one_succeeds():
    repository = found_repository()
    for when, verdict in ((1, True), (2, False)):
        drill = Drill("backup", when, when, 3, 4, verdict=verdict, whole=True)
        repository.put(Kind.DRILL, f"{Folder.DRILLS}{new_id(repository.clock)}", drill)
    known = verification.load(repository, None, loud)
    assert (known.proved, known.failed) == ({"backup": 1}, {"backup": 2})
    drill = Drill("backup", 3, 3, 3, 4, verdict=True)
    repository.put(Kind.DRILL, f"{Folder.DRILLS}{new_id(repository.clock)}", drill)
    known = verification.load(repository, None, loud)
    assert (known.proved, known.failed) == ({"backup": 3}, {})
