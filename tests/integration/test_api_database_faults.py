"""The database is killed, its connections are cut, it takes no changes, it is full, it sees deadlocks: no change that
was acknowledged is lost, none is made twice, and callers are asked to come again (503), never told of our failures.

Writers repeat each request with its key until it is acknowledged, as a client does.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from shutil import rmtree
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.migrate import upgrade
from servers.databases import SERVERS, DatabaseServer
from support.api import Person, serving
from support.sweeps import Trials
from support.wsgi import Answer

KINDS = ("postgresql", "mariadb")
_WRITERS = 4
_PATIENCE = 120.0
_FULL_MIB = {"postgresql": 260, "mariadb": 300}
"""Size of a disk that soon is full: a new server takes most of it."""


@pytest.fixture(scope="module", params=KINDS)
def server(request: pytest.FixtureRequest) -> Iterator[DatabaseServer]:
    """A server of these tests alone, which keeps what it has acknowledged."""
    folder = Path(tempfile.mkdtemp(prefix="freezer-database-"))
    made = SERVERS[request.param](folder / "server", durable=True)
    folder.chmod(0o755)
    try:
        made.make()
        yield made
    finally:
        made.stop()
        rmtree(folder, ignore_errors=True)


@dataclass
class Writing:
    """Writers that make backups and change each of them; ``done`` counts acknowledged changes. ``also`` is done after
    every ``often`` of them, ``padding`` makes each larger by so many bytes that no database can compress."""

    person: Person
    steps: int
    also: Callable[[Person], Answer] | None = None
    often: int = 1
    padding: int = 0
    done: int = 0
    answers: Counter[int] = field(default_factory=Counter)
    made: dict[str, str] = field(default_factory=dict)
    wrong: list[object] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    threads: list[threading.Thread] = field(default_factory=list)

    @property
    def writes(self) -> int:
        """How many changes there will be."""
        return self.steps * 2

    def start(self) -> None:
        self.threads = [threading.Thread(target=self._write, args=(number,)) for number in range(_WRITERS)]
        for thread in self.threads:
            thread.start()

    def join(self) -> None:
        for thread in self.threads:
            thread.join()

    def reach(self, share: float) -> None:
        """Return when this share of the changes is acknowledged, or nobody writes any more."""
        while self.done < share * self.writes and any(thread.is_alive() for thread in self.threads):
            time.sleep(0.005)

    def refused(self, more: int = 1) -> None:
        """Return when so many more requests were answered 503, or nobody writes any more."""
        goal = self.answers[503] + more
        while self.answers[503] < goal and any(thread.is_alive() for thread in self.threads):
            time.sleep(0.005)

    def _write(self, writer: int) -> None:
        try:
            for step in range(writer, self.steps, _WRITERS):
                self._step(step)
        except BaseException as error:
            self.wrong.append(error)

    def _step(self, step: int) -> None:
        document: dict[str, object] = {"backup_name": f"b{step}", "container": "c", "hostname": "h", "time_stamp": step}
        document["padding"] = random.Random(step).randbytes(self.padding // 2).hex()
        headers = {"Idempotency_Key": f"key-{step}"}
        answer = self._until(lambda: self.person.send("POST", "/backups", document, **headers), 201)
        id = answer.json()["backup_id"]
        with self.lock:
            self.made[f"b{step}"] = id
        self._until(lambda: self.person.send("PATCH", f"/backups/{id}", {"backup_metadata": {"changed": step}}), 200)
        if self.also is not None and step % self.often == 0:
            also = self.also
            self._until(lambda: also(self.person), 204)

    def _until(self, send: Callable[[], Answer], status: int) -> Answer:
        deadline = time.monotonic() + _PATIENCE
        while True:
            answer = send()
            with self.lock:
                self.answers[answer.status] += 1
                self.done += answer.status in {200, 201}
            if answer.status == status:
                return answer
            assert answer.status == 503, answer
            assert int(answer.headers["retry-after"]) > 0
            assert time.monotonic() < deadline, "the database has not come back"
            time.sleep(0.02)


def _writing(server: DatabaseServer, folder: Path, steps: int) -> Writing:
    url = server.new_database()
    engine = open_engine(url)
    upgrade(engine)
    engine.dispose()
    return Writing(Person(serving(folder, database=url), "house"), steps)


def _verify(writing: Writing, counted: Counter[str]) -> None:
    """Everything acknowledged is there, once."""
    writing.join()
    assert writing.wrong == []
    found = _all_backups(writing.person)
    names = Counter(each["backup_metadata"]["backup_name"] for each in found)
    assert len(names) == writing.steps
    assert set(names.values()) == {1}
    assert {each["backup_metadata"]["backup_name"]: each["backup_id"] for each in found} == writing.made
    for each in found:
        assert each["backup_metadata"]["changed"] == each["backup_metadata"]["time_stamp"]
    counted["acknowledged writes"] += writing.writes
    counted["lost"] += 0
    counted["answered 503"] += writing.answers[503]


def _all_backups(person: Person) -> list[Any]:
    found: list[Any] = []
    marker = ""
    while True:
        page = person.get(f"/backups?limit=1000{marker}")
        found.extend(page["backups"])
        if "links" not in page:
            return found
        marker = f"&marker={found[-1]['backup_id']}"


@pytest.mark.slow
def test_a_database_that_is_killed_keeps_what_was_acknowledged(
    server: DatabaseServer, tmp_path: Path, trials: Trials, counted: Counter[str]
) -> None:
    writing = _writing(server, tmp_path, trials(100, 5000))
    writing.start()
    times = trials(2, 10)
    for number in range(times):
        writing.reach((number + 1) / (times + 1))
        server.kill()
        writing.refused()
        server.start()
        counted["killed"] += 1
    _verify(writing, counted)


@pytest.mark.slow
def test_connections_that_are_cut_lose_nothing(
    server: DatabaseServer, tmp_path: Path, trials: Trials, counted: Counter[str]
) -> None:
    writing = _writing(server, tmp_path, trials(100, 5000))
    writing.start()
    times = trials(10, 200)
    for number in range(times):
        writing.reach((number + 1) / (times + 1))
        counted["cut"] += server.cut()
    assert counted["cut"] > times / 2
    _verify(writing, counted)


@pytest.mark.slow
def test_a_database_that_takes_no_changes_is_asked_again_later(
    server: DatabaseServer, tmp_path: Path, trials: Trials, counted: Counter[str]
) -> None:
    writing = _writing(server, tmp_path, trials(60, 5000))
    writing.start()
    times = trials(2, 20)
    for number in range(times):
        writing.reach((number + 1) / (times + 1))
        server.read_only(on=True)
        writing.refused()
        assert writing.person.send("GET", "/backups?limit=1").status == 200
        server.read_only(on=False)
        counted["read-only"] += 1
    _verify(writing, counted)


@pytest.mark.slow
def test_deadlocks_are_nobodys_failure(
    server: DatabaseServer, tmp_path: Path, trials: Trials, counted: Counter[str]
) -> None:
    writing = _writing(server, tmp_path, trials(40, 5000))
    alice = writing.person
    alice.client()
    job = alice.job()
    session = alice.made("/sessions", {"schedule": {}})["session_id"]
    # The API locks a session before its job; somebody else does it the other way round.
    writing.also = lambda person: person.send("PUT", f"/sessions/{session}/jobs/{job}")
    writing.often = trials(1, 20)
    stop = threading.Event()
    stranger = threading.Thread(target=_lock_backwards, args=(alice, job, session, stop, counted))
    stranger.start()
    writing.start()
    try:
        writing.join()
    finally:
        stop.set()
        stranger.join()
    assert counted["deadlocks of the other side"] + counted["rounds of the other side"] > 0
    assert set(writing.answers) <= {200, 201, 204, 503}
    _verify(writing, counted)


def _lock_backwards(person: Person, job: str, session: str, stop: threading.Event, counted: Counter[str]) -> None:
    engine = open_engine(person.call.database)  # type: ignore[attr-defined]
    first, second = (text(f"SELECT id FROM {name} WHERE id = :id FOR UPDATE") for name in ("job", "session"))
    while not stop.is_set():
        try:
            with engine.begin() as connection:
                connection.execute(first, {"id": job})
                time.sleep(0.01)
                connection.execute(second, {"id": session})
            counted["rounds of the other side"] += 1
        except DBAPIError:
            counted["deadlocks of the other side"] += 1
    engine.dispose()


@contextlib.contextmanager
def _small_disk(size: int) -> Iterator[Path]:
    """A disk of ``size`` MiB in memory."""
    if os.geteuid() != 0:
        pytest.skip("machine limit: only root can mount a small disk")
    folder = Path(tempfile.mkdtemp(prefix="freezer-full-"))
    folder.chmod(0o755)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}m,mode=0755", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"machine limit: no disk can be mounted here: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)
        folder.rmdir()


@pytest.mark.slow
@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_stops_writing_and_loses_nothing(
    kind: str, tmp_path: Path, trials: Trials, counted: Counter[str]
) -> None:
    with _small_disk(_FULL_MIB[kind] + trials(0, 300)) as disk:
        server = SERVERS[kind](disk / "server", durable=True)
        try:
            server.make()
            writing = _writing(server, tmp_path, trials(60, 5000))
            writing.padding = trials(400_000, 8_000)
            writing.start()
            times = trials(1, 5)
            for number in range(times):
                writing.reach((number + 1) / (times + 1))
                _fill(disk / "ballast")
                writing.refused()
                (disk / "ballast").unlink()
                server.revive()
                counted["full"] += 1
            _verify(writing, counted)
            # MariaDB may have room for the rest of a short form in what it has allocated before.
            assert writing.answers[503] > 0 or (kind == "mariadb" and times == 1)
        finally:
            server.stop()


def _fill(path: Path) -> None:
    """Take all the room that is left, and go on taking it while others give it back."""
    with path.open("ab", buffering=0) as file:
        for _ in range(20):
            with contextlib.suppress(OSError):
                while file.write(b"\0" * 65536):
                    pass
            time.sleep(0.01)
