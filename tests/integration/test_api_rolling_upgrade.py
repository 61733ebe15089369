"""Two versions of the server on one database: the first one that there was, and this one, which takes over from it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.migrate import HEAD, expand, upgrade
from servers.processes import HOST, answers, free_ports
from support.api import Person, empty_database, serving
from support.wsgi import OverHttp

_EARLIER = Path(__file__).parent.parent / "fixtures" / "servers" / "tables-0001.zip"
_PROGRAM = "import sys; from freezer.cmd.entry import freezer_api; sys.exit(freezer_api())"


class Earlier:
    """The earlier server on a database."""

    def __init__(self, folder: Path, url: str) -> None:
        with zipfile.ZipFile(_EARLIER) as packed:
            packed.extractall(folder / "earlier")
        self._port = free_ports(1)[0]
        self._env = {**os.environ, "PYTHONPATH": str(folder / "earlier")}
        config = folder / "earlier.conf"
        config.write_text(f"[database]\nconnection = {url}\n[api]\nauth = none\nbind_port = {self._port}\n")
        self._command = [sys.executable, "-c", _PROGRAM, "--config-file", str(config)]

    @contextmanager
    def running(self) -> Iterator[OverHttp]:
        url = f"http://{HOST}:{self._port}"
        with subprocess.Popen(self._command, env=self._env, stderr=subprocess.DEVNULL) as process:
            try:
                while not answers(f"{url}/healthcheck"):
                    assert process.poll() is None, "the earlier server has ended"
                yield OverHttp(url)
            finally:
                process.send_signal(signal.SIGTERM)

    def refusal(self) -> str:
        """What it says when it is started where it cannot work."""
        done = subprocess.run(self._command, env=self._env, capture_output=True, text=True, timeout=180, check=False)
        assert done.returncode == 1
        return done.stderr


def test_a_server_takes_over_from_an_earlier_one_without_a_pause(tmp_path: Path) -> None:
    url = empty_database(tmp_path)
    engine = open_engine(url)
    upgrade(engine, "0001")
    earlier = Earlier(tmp_path, url)
    with earlier.running() as call:
        old = Person(call, "house")
        old.client(hostname="web-01.example.org")
        jobs = [old.job(description="made before") for _ in range(4)]
        with _always(partial(_make_and_change, old)) as made_meanwhile:
            expand(engine)
            new = Person(serving(tmp_path, database=url), "house")
            assert old.send("GET", "/jobs").status == new.send("GET", "/jobs").status == 200
        assert made_meanwhile
        _work_together(old, new, jobs)
        late = old.made("/backups", {"backup_name": "late", "container": "c", "hostname": "Nachzügler-7"})
        known = new.made("/backups", {"backup_name": "other", "container": "c", "hostname": "h"})["backup_id"]
        assert old.send("PATCH", f"/backups/{known}", {"backup_metadata": {"hostname": "renamed"}}).status == 200
    upgrade(engine)
    engine.dispose()
    assert [each["backup_id"] for each in new.get("/backups?q=nachz")["backups"]] == [late["backup_id"]]
    assert [each["backup_id"] for each in new.get("/backups?q=renamed")["backups"]] == [known]
    assert "made before" in {each["description"] for each in new.get("/jobs?q=made%20before")["jobs"]}
    for job in jobs:
        assert new.send("DELETE", f"/jobs/{job}").status == 204
    assert f"the database has schema {HEAD}, but this version needs 0001" in earlier.refusal()


@contextmanager
def _always(act: Callable[[int], Any]) -> Iterator[list[Any]]:
    """``act`` is done over and over again while the context lasts; what it returned."""
    done: list[Any] = []
    failed: list[BaseException] = []
    stop = threading.Event()

    def run() -> None:
        try:
            while not stop.is_set() or not done:
                done.append(act(len(done)))
        except BaseException as error:
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield done
    finally:
        stop.set()
        thread.join()
    assert failed == []


def _make_and_change(person: Person, number: int) -> str:
    document = {"backup_name": f"b{number}", "container": "c", "hostname": "h", "time_stamp": number}
    id = str(person.made("/backups", document)["backup_id"])
    assert person.send("PATCH", f"/backups/{id}", {"backup_metadata": {"more": 1}}).status == 200
    return id


def _work_together(old: Person, new: Person, jobs: list[str]) -> None:
    """What one of them makes the other reads, changes and removes; reports to one session come to both at once."""
    for one, other in ((old, new), (new, old)):
        one.client("another", description="x")
        job = one.job("another", description="made by one")
        assert other.get(f"/jobs/{job}")["description"] == "made by one"
        assert other.send("PATCH", f"/jobs/{job}", {"description": "changed by the other"}).status == 200
        assert one.send("POST", f"/jobs/{job}/event", {"start": None}).status == 202
        assert other.get("/jobs", {"match": [{"client_id": "another"}]})["jobs"][0]["job_schedule"]["event"] == "start"
        report = {"job_schedule": {"event": "", "status": "running"}, "session_id": "", "session_tag": 0}
        assert other.send("PATCH", f"/jobs/{job}", report).status == 200
        assert one.get(f"/jobs/{job}")["job_schedule"]["status"] == "running"
        made = one.made("/backups", {"backup_name": "n", "container": "c", "hostname": "h", "job_id": job})
        assert other.send("DELETE", f"/backups/{made['backup_id']}").status == 204
        assert one.send("GET", f"/backups/{made['backup_id']}").status == 404
        assert other.send("DELETE", f"/jobs/{job}").status == 204
        assert one.send("DELETE", "/clients/another").status == 204
    session = new.made("/sessions", {"schedule": {}, "hold_off": 3600})["session_id"]
    for job in jobs:
        assert old.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    people = (old, new, old, new)

    def act(person: Person, document: dict[str, Any]) -> None:
        answer = person.send("POST", f"/sessions/{session}/action", document)
        assert answer.status == 202, answer

    act(old, {"start": {"job_id": jobs[0], "current_tag": 0}})
    for person, job in list(zip(people, jobs, strict=True))[1:]:
        act(person, {"start": {"job_id": job, "current_tag": 0}})
    last = {job: {"end": {"job_id": job, "current_tag": 1, "result": "success"}} for job in jobs}
    ends = [partial(act, person, last[job]) for person, job in zip(people, jobs, strict=True)]
    failed: list[BaseException] = []

    def run(end: Callable[[], None]) -> None:
        try:
            end()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(end,)) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    for person in (old, new):
        found = person.get(f"/sessions/{session}")
        assert (found["status"], found["result"], found["session_tag"]) == ("completed", "success", 1)
