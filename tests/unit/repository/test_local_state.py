"""What a machine remembers of a repository."""

from __future__ import annotations

import stat
import threading
from pathlib import Path

import msgspec
import pytest

from freezer.errors import DamagedError, PermissionDenied, TransientError
from freezer.repository.access import founding
from freezer.repository.documents import Tomb
from freezer.repository.keys.agents import Agent
from freezer.repository.local import Head, LocalState, machine_mark
from freezer.repository.names import PREFIX, Folder, Kind, new_id
from freezer.repository.store import Repository
from freezer.storage.local import LocalStorage
from freezer.testing.faulty import Died, Fault, FaultyStorage
from freezer.testing.faulty import Kind as FaultKind
from freezer.testing.memory import MemoryStorage
from support.indexing import CLOCK, PASSPHRASE, encrypted


@pytest.fixture
def repository() -> Repository:
    return encrypted()


def _state(repository: Repository, home: Path) -> LocalState:
    return LocalState.of(repository, pytest.fail, {"HOME": str(home)})


def _folder(repository: Repository, home: Path) -> Path:
    return home / ".local" / "state" / "freezer" / repository.config.repository


def _id(repository: Repository) -> str:
    assert repository.agent is not None
    return repository.agent.id


def test_the_first_one_makes_an_agent_whose_word_counts(repository: Repository, tmp_path: Path) -> None:
    entered = _state(repository, tmp_path).enter(repository, "web1")
    certificate = repository.certificate(_id(entered))
    assert certificate.hosts == ["web1"]
    name = f"{Folder.TOMBS}{new_id(CLOCK)}"
    entered.put(Kind.TOMB, name, Tomb("x", 1))
    assert repository.get(Kind.TOMB, name, Tomb).agent == _id(entered)
    assert repository.agent is None


def test_a_machine_is_the_same_agent_each_time(repository: Repository, tmp_path: Path) -> None:
    first = _state(repository, tmp_path).enter(repository, "web1")
    opened = founding.open_(repository.storage, CLOCK, PASSPHRASE, pytest.fail)
    second = _state(repository, tmp_path).enter(opened, "web1")
    assert first.agent == second.agent
    assert len(repository.names(Folder.AGENTS)) == 1


def test_every_host_name_has_an_agent_of_its_own(repository: Repository, tmp_path: Path) -> None:
    ids = {_id(_state(repository, tmp_path).enter(repository, host)) for host in ("a", "b", "a", "../b", "b/" * 200)}
    assert len(ids) == 4


def test_only_this_user_can_read_it(repository: Repository, tmp_path: Path) -> None:
    _state(repository, tmp_path).enter(repository, "web1")
    _state(repository, tmp_path).remember({"a": Head("commits/x", 1, "00")})
    folder = _folder(repository, tmp_path)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = list(folder.iterdir())
    assert len(files) == 2
    assert {stat.S_IMODE(file.stat().st_mode) for file in files} == {0o600}


def test_nothing_is_written_by_looking(repository: Repository, tmp_path: Path) -> None:
    assert _state(repository, tmp_path).heads() == {}
    _state(repository, tmp_path).remember({})
    assert list(tmp_path.iterdir()) == []


def test_losing_it_costs_nothing_but_a_new_identity(repository: Repository, tmp_path: Path) -> None:
    first = _state(repository, tmp_path).enter(repository, "web1")
    for file in _folder(repository, tmp_path).iterdir():
        file.unlink()
    second = _state(repository, tmp_path).enter(repository, "web1")
    assert _id(first) != _id(second)
    assert repository.certificate(_id(first)).hosts == repository.certificate(_id(second)).hosts


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"\xff", b"cut", b"seed", b"host"])
def test_a_damaged_identity_is_a_notice_and_replaced(repository: Repository, tmp_path: Path, damage: bytes) -> None:
    first = _state(repository, tmp_path).enter(repository, "web1")
    (file,) = _folder(repository, tmp_path).iterdir()
    document = msgspec.json.decode(file.read_bytes())
    if damage == b"cut":
        damage = file.read_bytes()[:-10]
    elif damage == b"seed":
        damage = msgspec.json.encode(document | {"seed": "zz"})
    elif damage == b"host":
        damage = msgspec.json.encode(document | {"host": "web2"})
    file.write_bytes(damage)
    notices: list[str] = []
    state = LocalState.of(repository, notices.append, {"HOME": str(tmp_path)})
    second = state.enter(repository, "web1")
    assert _id(first) != _id(second)
    assert notices
    assert all("is damaged" in line for line in notices)
    assert _id(_state(repository, tmp_path).enter(repository, "web1")) == _id(second)


def test_an_agent_that_died_before_it_was_admitted_is_admitted_later(tmp_path: Path) -> None:
    inner = MemoryStorage(CLOCK)
    encrypted(inner)
    faulty = FaultyStorage(inner, [Fault(FaultKind.DEATH_BEFORE, "put", PREFIX + Folder.AGENTS + "*")])
    dying = founding.open_(faulty, CLOCK, PASSPHRASE, pytest.fail)
    with pytest.raises(Died):
        _state(dying, tmp_path).enter(dying, "web1")
    repository = founding.open_(inner, CLOCK, PASSPHRASE, pytest.fail)
    entered = _state(repository, tmp_path).enter(repository, "web1")
    assert repository.certificate(_id(entered)).hosts == ["web1"]
    (file,) = _folder(repository, tmp_path).iterdir()
    assert _id(entered).encode() in file.read_bytes()


def test_an_identity_whose_certificate_is_another_ones_is_given_up(repository: Repository, tmp_path: Path) -> None:
    first = _state(repository, tmp_path).enter(repository, "web1")
    assert first.agent is not None
    repository.delete(Folder.AGENTS + first.agent.id)
    impostor = Agent.new(first.agent.id)
    opened = founding.open_(repository.storage, CLOCK, PASSPHRASE, pytest.fail)
    opened.admit(impostor, ["web1"])
    second = _state(repository, tmp_path).enter(opened, "web1")
    assert _id(second) != first.agent.id


def test_a_damaged_certificate_is_a_notice_and_a_new_identity(repository: Repository, tmp_path: Path) -> None:
    first = _state(repository, tmp_path).enter(repository, "web1")
    name = Folder.AGENTS + _id(first)
    repository.storage.put(PREFIX + name, repository.read(name)[:-1])
    opened = founding.open_(repository.storage, CLOCK, PASSPHRASE, pytest.fail)
    notices: list[str] = []
    second = LocalState.of(repository, notices.append, {"HOME": str(tmp_path)}).enter(opened, "web1")
    assert _id(second) != _id(first)
    assert len(notices) == 1


def test_a_repository_in_the_place_of_the_known_one_is_not_entered(repository: Repository, tmp_path: Path) -> None:
    _state(repository, tmp_path).enter(repository, "web1")
    other = encrypted()
    fake = Repository(other.storage, repository.config, other.keys, CLOCK)
    with pytest.raises(DamagedError, match="other keys than when this machine used it last"):
        _state(repository, tmp_path).enter(fake, "web1")
    assert other.names(Folder.AGENTS) == []


def test_a_key_that_may_not_admit_says_so(repository: Repository, tmp_path: Path) -> None:
    ring = msgspec.structs.replace(repository.keys.ring, authority_seed=b"")
    keys = msgspec.structs.replace(repository.keys, ring=ring)
    weaker = Repository(repository.storage, repository.config, keys, CLOCK)
    with pytest.raises(PermissionDenied, match="may not admit agents"):
        _state(repository, tmp_path).enter(weaker, "web1")


def test_processes_that_enter_at_the_same_time_are_one_agent(repository: Repository, tmp_path: Path) -> None:
    ids: list[str] = []
    barrier = threading.Barrier(6)

    def enter() -> None:
        barrier.wait()
        ids.append(_id(_state(repository, tmp_path).enter(repository, "web1")))

    threads = [threading.Thread(target=enter) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ids) == 6
    assert len(set(ids)) == 1


def test_a_copy_of_a_machine_is_another_agent_and_is_told_so_once(repository: Repository, tmp_path: Path) -> None:
    notices: list[str] = []

    def enter(machine: str) -> str:
        storage = LocalStorage(str(tmp_path / "state"), clock=CLOCK)
        return _id(LocalState(storage, notices.append, machine).enter(repository, "web1"))

    original = enter("one")
    assert enter("one") == original
    assert enter("") == original  # nobody knows
    assert notices == []
    copy = enter("another")
    assert copy != original
    assert len(notices) == 1
    assert "copy of another machine" in notices[0]
    assert enter("another") == copy
    assert len(notices) == 1


def test_an_identity_from_where_machines_could_not_be_told_apart_stays(repository: Repository, tmp_path: Path) -> None:
    storage = LocalStorage(str(tmp_path / "state"), clock=CLOCK)
    first = LocalState(storage, pytest.fail).enter(repository, "web1")
    assert _id(LocalState(storage, pytest.fail, "one").enter(repository, "web1")) == _id(first)


def test_the_mark_of_a_machine_does_not_tell_its_id(tmp_path: Path) -> None:
    path = tmp_path / "machine-id"
    assert machine_mark(str(path)) == ""
    path.write_text("\n")
    assert machine_mark(str(path)) == ""
    path.write_text("0123456789abcdef0123456789abcdef\n")
    mark = machine_mark(str(path))
    assert len(mark) == 32
    assert mark != path.read_text().strip()
    path.write_text("1123456789abcdef0123456789abcdef")
    assert machine_mark(str(path)) != mark


def test_where_nothing_can_be_written_the_machine_works_under_a_new_name(
    repository: Repository, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"")
    notices: list[str] = []
    state = LocalState(LocalStorage(str(tmp_path / "file" / "below"), clock=CLOCK), notices.append)
    entered = state.enter(repository, "web1")
    assert repository.certificate(_id(entered)).hosts == ["web1"]
    state.remember({"a": Head("commits/x", 1, "00")})
    assert any("will be forgotten" in line for line in notices)
    assert any("cannot be remembered" in line for line in notices)


def test_the_last_commit_of_each_agent_is_remembered(repository: Repository, tmp_path: Path) -> None:
    a1, a2, b1 = Head("commits/a1", 1, "01"), Head("commits/a2", 2, "02"), Head("commits/b1", 1, "03")
    _state(repository, tmp_path).remember({"a": a2})
    _state(repository, tmp_path).remember({"a": a1, "b": b1})
    assert _state(repository, tmp_path).heads() == {"a": a2, "b": b1}


def test_a_damaged_memory_is_a_notice_and_empty(repository: Repository, tmp_path: Path) -> None:
    _state(repository, tmp_path).remember({"a": Head("commits/a1", 1, "01")})
    (file,) = _folder(repository, tmp_path).iterdir()
    file.write_bytes(file.read_bytes()[:-3])
    notices: list[str] = []
    assert LocalState.of(repository, notices.append, {"HOME": str(tmp_path)}).heads() == {}
    assert len(notices) == 1


def test_a_state_that_cannot_be_read_is_a_notice(repository: Repository) -> None:
    storage = FaultyStorage(
        MemoryStorage(CLOCK), [Fault(FaultKind.BEFORE, "get", error=lambda: TransientError("input/output error"))]
    )
    notices: list[str] = []
    assert LocalState(storage, notices.append).heads() == {}
    assert notices == ["input/output error"]
