"""What the original's API keeps is taken over, counted, and answered about as the original does."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from freezer.api.config import ApiSettings
from freezer.api.scope import Scope
from freezer.api.server import make_application
from freezer.api.service.answers import links
from freezer.api.store.contract import Kind, Query, Unit
from freezer.api.store.known import Known
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.store import SqlStore
from freezer.clock import SystemClock
from freezer.cmd.manage.program import main
from freezer.crypto.keyring import KeyRing
from support.api import DATABASES, Person, fresh_database
from support.runs import Run
from support.wsgi import InProcess

FIXTURES = Path(__file__).parent.parent / "fixtures" / "upstream-api"
HOUSE, OTHER = "5f6c0de2a1b94b7e8f3d2c1b0a998877", "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
_LIVE = {"clients": 4, "actions": 6, "sessions": 2, "jobs": 5, "backups": 24}
_REMOVED = {"clients": 1, "actions": 1, "sessions": 1, "jobs": 1, "backups": 1}


@pytest.fixture
def upstream(tmp_path: Path) -> Path:
    """The original's database, as a file."""
    path = tmp_path / "upstream.db"
    database = sqlite3.connect(path)
    database.executescript((FIXTURES / "database.sql").read_text())
    database.close()
    return path


@pytest.fixture
def projects(tmp_path: Path) -> Path:
    path = tmp_path / "projects"
    path.write_text(f"# who worked where\nbob {OTHER}  # the other house\n")
    return path


class Importing:
    """Imports into one database."""

    def __init__(self, url: str, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.url = url
        self._folder = folder
        (folder / "api.conf").write_text(f"[api]\ntrust_keys = {folder}/trust.keys\n")
        self._capfd = capfd

    def __call__(self, source: Path, *more: object) -> Run:
        self._capfd.readouterr()
        words = [
            "--config-file",
            f"{self._folder}/api.conf",
            "--database",
            self.url,
            "import-upstream",
            f"sqlite:///{source}",
        ]
        code = main([*words, *map(str, more)])
        captured = self._capfd.readouterr()
        return Run(code, captured.out, captured.err)

    def api(self) -> InProcess:
        return InProcess(make_application(ApiSettings(auth="none", database=self.url)), database=self.url)

    def trusts(self) -> Mapping[str, str | None]:
        """The trusts of jobs, opened."""
        engine = open_engine(self.url)
        store = SqlStore(engine, SystemClock(), Known(ring=KeyRing(f"{self._folder}/trust.keys")))

        def opened(unit: Unit) -> Mapping[str, str | None]:
            jobs = unit.find(Kind.JOB, Scope(HOUSE), Query(limit=100)).records
            named = {each.id: str(links(each)["trust"]) for each in jobs if "trust" in links(each)}
            found = unit.trusts.many(list(named.values()))
            return {job: found[id].trust_id for job, id in named.items()}

        try:
            return store.read(opened)
        finally:
            engine.dispose()


@pytest.fixture(params=DATABASES)
def importing(request: pytest.FixtureRequest, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Importing:
    return Importing(fresh_database(tmp_path, request.param), tmp_path, capfd)


@pytest.fixture
def on_a_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Importing:
    return Importing(fresh_database(tmp_path, "sqlite"), tmp_path, capfd)


def _counts(run: Run) -> Mapping[str, Mapping[str, int]]:
    head, *lines = [line.split() for line in run.out.splitlines()]
    return {line[0]: dict(zip(head[1:], map(int, line[1:]), strict=True)) for line in lines}


def _without_what_is_added(found: Any, recorded: Any) -> Any:
    """As much of an answer as the recorded one has."""
    if isinstance(found, dict) and isinstance(recorded, dict):
        return {key: _without_what_is_added(found[key], each) for key, each in recorded.items() if key in found}
    if isinstance(found, list) and isinstance(recorded, list) and len(found) == len(recorded):
        return [_without_what_is_added(*pair) for pair in zip(found, recorded, strict=True)]
    return found


def test_everything_is_answered_as_the_original_answers_it(
    importing: Importing, upstream: Path, projects: Path
) -> None:
    before = upstream.read_bytes()
    done = importing(upstream, "--project-of-user", projects)
    assert done.code == 0, done.err
    counts = _counts(done)
    for name, live in _LIVE.items():
        wanted = {"removed": _REMOVED[name], "new": live, "changed": 0, "same": 0, "kept": 0, "doubled": 0, "joined": 0}
        assert counts[name] == {"rows": live + _REMOVED[name], **wanted}
    joined = {name: counts[name]["joined"] for name in ("job_actions", "user_credentials", "action_reports")}
    assert joined == {"job_actions": 5, "user_credentials": 1, "action_reports": 6}
    assert "colour is no option" in done.err  # which the original takes: told of, and kept
    api = importing.api()
    recorded = json.loads((FIXTURES / "answers.json").read_text())
    assert len(recorded) >= sum(_LIVE.values())
    for path, answer in recorded.items():
        found = api.send("GET", path)
        assert found.status == 200, (path, found)
        if "user_credentials" in answer:
            # Only servers with Keystone have the keys that open it.
            assert importing.trusts() == {answer["job_id"]: answer["user_credentials"].pop("trust_id")}
        assert _without_what_is_added(found.json(), answer) == answer, path
    assert upstream.read_bytes() == before


def test_what_was_imported_can_be_searched_and_worked_with(
    on_a_file: Importing, upstream: Path, projects: Path
) -> None:
    assert on_a_file(upstream, "--project-of-user", projects).code == 0
    api = on_a_file.api()
    alice = Person(api, HOUSE, user="alice")
    assert alice.get("/backups?total=true&q=web-01&limit=1")["total"] == 23
    found = alice.get("/jobs", {"match": [{"client_id": "web-01"}], "match_not": [{"status": "completed"}]})["jobs"]
    assert [len(job["job_actions"]) for job in found] == [2, 1]
    assert alice.send("POST", "/jobs/chosen-id/event", {"start": None}).status == 202
    assert alice.send("PATCH", "/jobs/central", {"description": "ours now"}).status == 200
    # Whoever worked by v1 finds there what is its own.
    bob = Person(api, OTHER, user="bob", version="v1")
    assert [each["client"]["client_id"] for each in bob.get("/clients")["clients"]] == ["pool", "web-01"]
    assert len(bob.get("/jobs")["jobs"]) == 1


def test_a_second_import_brings_up_to_date_what_nobody_has_changed_here(
    on_a_file: Importing, upstream: Path, projects: Path
) -> None:
    assert on_a_file(upstream, "--project-of-user", projects).code == 0
    alice = Person(on_a_file.api(), HOUSE, user="alice")
    assert alice.send("PATCH", "/jobs/central", {"description": "changed here"}).status == 200
    database = sqlite3.connect(upstream)
    database.execute("UPDATE jobs SET description = 'changed there'")
    new = "SELECT 'new', job_id, project_id, user_id, 'error', backup_metadata, deleted_at, deleted, created_at, "
    database.execute(
        "INSERT INTO backups (id, job_id, project_id, user_id, status, backup_metadata, deleted_at, deleted, "
        f"created_at, updated_at) {new} updated_at FROM backups WHERE deleted = 0 LIMIT 1"
    )
    database.commit()
    database.close()
    counts = _counts(on_a_file(upstream, "--project-of-user", projects))
    told = {name: tuple(counts[name][key] for key in ("new", "changed", "same", "kept")) for name in _LIVE}
    assert told["jobs"] == (0, 4, 0, 1)
    assert told["backups"] == (1, 0, 24, 0)
    assert told["clients"] == (0, 0, 4, 0)
    assert alice.get("/jobs/central")["description"] == "changed here"
    assert alice.get("/jobs/chosen-id")["description"] == "changed there"
    assert alice.get("/backups/new")["status"] == "error"


def test_rows_without_a_project_are_refused_before_anything_is_written(on_a_file: Importing, upstream: Path) -> None:
    refused = on_a_file(upstream)
    assert refused.code == 2
    assert "3 rows belong to no project, but to users: bob (3)" in refused.err
    assert "--project-of-user" in refused.err
    assert Person(on_a_file.api(), HOUSE).get("/backups")["backups"] == []


def test_a_second_client_of_one_name_is_left_out_and_told(on_a_file: Importing, upstream: Path, projects: Path) -> None:
    database = sqlite3.connect(upstream)
    columns = [row[1] for row in database.execute("PRAGMA table_info(clients)")]
    chosen = ", ".join("'twin'" if name in {"id", "uuid"} else name for name in columns)
    database.execute(
        f"INSERT INTO clients ({', '.join(columns)}) SELECT {chosen} FROM clients WHERE client_id = 'db_node'"
    )
    database.commit()
    database.close()
    for _ in range(2):
        done = on_a_file(upstream, "--project-of-user", projects)
        assert done.code == 0, done.err
        assert _counts(done)["clients"]["doubled"] == 1
        assert "clients: twin has the name of cccc" in done.err


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("DROP TABLE job_actions", "it has no table job_actions"),
        ("UPDATE alembic_version SET version_num = '1333cef214d9'", "those of another release"),
    ],
)
def test_other_databases_are_refused(on_a_file: Importing, upstream: Path, statement: str, said: str) -> None:
    database = sqlite3.connect(upstream)
    database.execute(statement)
    database.commit()
    database.close()
    refused = on_a_file(upstream)
    assert refused.code == 2
    assert said in refused.err


@pytest.mark.parametrize(
    ("text", "said"),
    [("bob\n", "line 1 has 1 words"), ("# x\nbob a b\n", "line 2 has 3 words"), (None, "cannot be read")],
)
def test_a_file_of_projects_that_is_wrong_is_told_with_its_line(
    on_a_file: Importing, upstream: Path, tmp_path: Path, text: str | None, said: str
) -> None:
    path = tmp_path / "projects"
    if text is not None:
        path.write_text(text)
    refused = on_a_file(upstream, "--project-of-user", path)
    assert refused.code == 2
    assert said in refused.err


def test_a_file_that_is_not_there_is_told(on_a_file: Importing, tmp_path: Path) -> None:
    refused = on_a_file(tmp_path / "nothing.db")
    assert refused.code == 2
    assert "there is no file" in refused.err
    assert not (tmp_path / "nothing.db").exists()
