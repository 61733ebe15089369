"""From one version of the tables to another: with data in them, and while servers of the version before go on."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine, delete, func, insert, inspect, select, text

from freezer.api.scope import Scope
from freezer.api.store.contract import Kind, Query, Record
from freezer.api.store.sql import migrate
from freezer.api.store.sql.engine import on_host, open_engine
from freezer.api.store.sql.migrate import HEAD, SCRIPTS, downgrade, expand, restored, upgrade, version
from freezer.api.store.sql.store import SqlStore
from freezer.api.store.sql.tables import installation, words
from freezer.api.store.terms import terms_of
from freezer.clock import SystemClock
from freezer.errors import FreezerError, UsageError
from freezer.testing.clock import FakeClock
from support.api import DATABASES, Person, empty_database, serving

_EXPANDING = """
from alembic import op
from sqlalchemy import Column, String

revision = "9001"
down_revision = "{head}"


def upgrade() -> None:
    with op.batch_alter_table("session") as table:
        table.add_column(Column("colour", String(16), nullable=True))


def downgrade() -> None:
    with op.batch_alter_table("session") as table:
        table.drop_column("colour")
"""
_CONTRACTING = """
from alembic import op
from sqlalchemy import Column, String

revision = "9002"
down_revision = "9001"
contracts = True


def upgrade() -> None:
    with op.batch_alter_table("session") as table:
        table.drop_column("colour")


def downgrade() -> None:
    with op.batch_alter_table("session") as table:
        table.add_column(Column("colour", String(16), nullable=True))
"""


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(empty_database(tmp_path, request.param))
    yield engine
    engine.dispose()


@pytest.fixture
def scripts(tmp_path: Path) -> str:
    """The migrations, and two that are still to come: one expands, one contracts."""
    folder = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, folder, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "versions" / "v9001_expanding.py").write_text(_EXPANDING.format(head=HEAD))
    (folder / "versions" / "v9002_contracting.py").write_text(_CONTRACTING)
    return str(folder)


def _version(engine: Engine) -> str | None:
    with engine.connect() as connection:
        return version(connection)


def _check(engine: Engine) -> None:
    SqlStore(engine, SystemClock()).check()


def test_expanding_goes_as_far_as_present_servers_can_follow(engine: Engine, scripts: str) -> None:
    upgrade(engine)
    expand(engine, scripts=scripts)
    assert _version(engine) == "9001"
    _check(engine)
    expand(engine, scripts=scripts)
    assert _version(engine) == "9001"
    upgrade(engine, scripts=scripts)
    assert _version(engine) == "9002"
    with pytest.raises(FreezerError, match="serves 9002 and later") as caught:
        _check(engine)
    assert caught.value.hint
    downgrade(engine, HEAD, scripts=scripts)
    _check(engine)


def test_a_new_database_is_expanded_to_the_latest_version(engine: Engine, scripts: str) -> None:
    expand(engine, scripts=scripts)
    assert _version(engine) == "9002"


def test_a_version_that_does_not_exist_is_refused_by_name(engine: Engine) -> None:
    for go in (upgrade, downgrade):
        with pytest.raises(UsageError, match=f"there is no version 7777 of the tables; the latest is {HEAD}"):
            go(engine, "7777")


def test_every_step_down_and_up_keeps_the_records(tmp_path: Path, engine: Engine) -> None:
    upgrade(engine)
    before = _told(_filled(tmp_path, engine))
    for number in reversed(range(1, int(HEAD))):
        downgrade(engine, f"{number:04}")
        assert _version(engine) == f"{number:04}"
    for number in range(2, int(HEAD) + 1):
        upgrade(engine, f"{number:04}")
    assert _told(_person(tmp_path, engine)) == before


def test_the_last_step_down_leaves_nothing_behind(engine: Engine) -> None:
    upgrade(engine)
    downgrade(engine, "base")
    assert inspect(engine).get_table_names() in ([], [migrate.VERSION_TABLE])
    upgrade(engine)
    _check(engine)


def _filled(tmp_path: Path, engine: Engine) -> Person:
    alice = _person(tmp_path, engine)
    alice.client(hostname="web-01.example.org")
    job = alice.job(description="nightly backup of /srv/data")
    session = alice.made("/sessions", {"schedule": {}, "description": "all together"})["session_id"]
    assert alice.send("PUT", f"/sessions/{session}/jobs/{job}").status == 204
    backup = {"backup_name": "etc", "container": "c", "hostname": "web-01", "time_stamp": 5}
    alice.made("/backups", backup, Idempotency_Key="once")
    return alice


def _person(tmp_path: Path, engine: Engine) -> Person:
    url = engine.url.render_as_string(hide_password=False)
    return Person(serving(tmp_path, database=url), "house")


def _told(alice: Person) -> dict[str, object]:
    kinds = ("clients", "actions", "jobs", "sessions", "backups")
    found: dict[str, object] = {kind: alice.get(f"/{kind}") for kind in kinds}
    found["by words"] = alice.get("/jobs?q=nightly%20ba"), alice.get("/clients?q=web-01.ex"), alice.get("/backups?q=01")
    return found


def test_rows_of_a_server_that_knows_no_words_are_found_by_them_after_the_next_upgrade(engine: Engine) -> None:
    upgrade(engine)
    store = SqlStore(engine, SystemClock())
    for number in range(3):
        document = {"description": f"office {number}"}
        record = Record(kind=Kind.SESSION, id=f"s{number}", project_id="p", user_id="u", body="{}")
        store.write(lambda unit, r=record, d=document: unit.insert(r, terms_of(Kind.SESSION, d)))
    with engine.begin() as connection:
        connection.execute(delete(words).where(words.c.word != "2"))
        gone = {"kind": "session", "project_id": "p", "word": "left", "place": 1_000_000}
        connection.execute(insert(words), gone)

    def found() -> list[str]:
        page = store.read(lambda unit: unit.find(Kind.SESSION, Scope("p"), Query(words=("office",))))
        return [each.id for each in page.records]

    assert found() == []
    upgrade(engine)
    assert found() == ["s0", "s1", "s2"]
    with engine.connect() as connection:
        assert set(connection.execute(select(words.c.word)).scalars()) == {"office", "0", "1", "2"}


def test_every_restored_copy_is_a_later_incarnation(engine: Engine) -> None:
    upgrade(engine)
    store, clock = SqlStore(engine, SystemClock()), FakeClock(1_800_000_000.0)
    assert store.read(lambda unit: unit.incarnation()) == 1
    assert restored(engine, clock) == 1_800_000_000
    assert restored(engine, clock) == 1_800_000_001
    assert store.read(lambda unit: unit.incarnation()) == 1_800_000_001
    # The copy is restored once more, and has forgotten both.
    with engine.begin() as connection:
        connection.execute(text("UPDATE installation SET incarnation = 1"))
    clock.advance(60)
    assert restored(engine, clock) == 1_800_000_060
    with engine.connect() as connection:
        assert connection.execute(select(func.count()).select_from(installation)).scalar_one() == 1


def test_foreign_keys_are_kept_and_texts_compared_byte_for_byte_in_every_table(engine: Engine) -> None:
    upgrade(engine)
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            assert connection.execute(text("PRAGMA foreign_keys")).scalar_one() == 1
        if engine.dialect.name == "mysql":
            statement = (
                "SELECT table_name, engine, table_collation FROM information_schema.tables WHERE table_schema = "
                "DATABASE() AND table_name != 'freezer_version'"
            )
            found = {tuple(row[1:]) for row in connection.execute(text(statement))}
            assert found == {("InnoDB", "utf8mb4_nopad_bin")}


@pytest.mark.parametrize(
    ("url", "host", "expected"),
    [
        ("postgresql://u:p@one/freezer", "two", "postgresql://u:p@two/freezer"),
        ("mysql://u:p@one:3306/freezer", "two:3307", "mysql://u:p@two:3307/freezer"),
    ],
)
def test_a_host_stands_in_for_the_configured_one(url: str, host: str, expected: str) -> None:
    assert on_host(url, host) == expected


@pytest.mark.parametrize(("url", "host"), [("sqlite:///x.db", "two"), ("mysql://one/x", "two:port")])
def test_a_host_that_cannot_be_meant_is_refused(url: str, host: str) -> None:
    with pytest.raises(UsageError):
        on_host(url, host)
