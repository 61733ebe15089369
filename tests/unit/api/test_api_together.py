"""Statements for later: in the order in which they were given, in few packets, and never without their transaction."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pymysql
import pytest
from sqlalchemy import BigInteger, Column, Engine, MetaData, String, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.later import write_later, write_text_later
from support.api import DATABASES, empty_database

pytestmark = pytest.mark.integration

_ROWS = Table("row", MetaData(), Column("name", String(40), primary_key=True), Column("number", BigInteger))
_COUNT = select(func.count()).select_from(_ROWS)


@pytest.fixture(params=DATABASES)
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(empty_database(tmp_path, request.param), connections=2)
    _ROWS.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def mariadb(tmp_path: Path) -> Iterator[Engine]:
    engine = open_engine(empty_database(tmp_path, "mariadb"), connections=2)
    _ROWS.create(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def packets(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What goes to MariaDB, packet by packet."""
    sent: list[bytes] = []
    send = pymysql.Connection._execute_command

    def noted(self: pymysql.Connection, command: int, sql: bytes | str) -> None:
        sent.append(sql if isinstance(sql, bytes) else sql.encode())
        send(self, command, sql)

    monkeypatch.setattr(pymysql.Connection, "_execute_command", noted)
    return sent


def test_whoever_reads_sees_everything_that_was_written_before(engine: Engine) -> None:
    with engine.connect() as connection:
        write_later(connection, insert(_ROWS), [{"name": f"{n}", "number": n} for n in range(5)])
        write_later(connection, update(_ROWS).where(_ROWS.c.name == "3"), {"number": 33})
        write_later(connection, delete(_ROWS).where(_ROWS.c.name == "4"))
        connection.execute(insert(_ROWS), {"name": "it's; DROP TABLE `row`; -- %s", "number": 5})
        write_later(connection, insert(_ROWS), {"name": "last; \\'", "number": 6})
        connection.commit()
    with engine.connect() as connection:
        found = connection.execute(select(_ROWS).order_by(_ROWS.c.number)).all()
    assert [tuple(row) for row in found] == [
        ("0", 0),
        ("1", 1),
        ("2", 2),
        ("it's; DROP TABLE `row`; -- %s", 5),
        ("last; \\'", 6),
        ("3", 33),
    ]


def test_what_one_waits_for_is_told_about_that_statement_alone(engine: Engine) -> None:
    with engine.connect() as connection:
        write_later(connection, insert(_ROWS), [{"name": f"{n}", "number": 1} for n in range(7)])
        assert connection.execute(update(_ROWS).where(_ROWS.c.name < "3"), {"number": 2}).rowcount == 3
        write_later(connection, delete(_ROWS).where(_ROWS.c.name == "6"))
        assert connection.execute(_COUNT).scalar_one() == 6
        assert connection.execute(update(_ROWS).where(_ROWS.c.name == "6"), {"number": 2}).rowcount == 0


def test_a_commit_has_what_was_left_for_later_even_if_there_is_nothing_else(engine: Engine) -> None:
    with engine.connect() as connection:
        write_later(connection, insert(_ROWS), {"name": "only", "number": 1})
        connection.commit()
    with engine.connect() as connection:
        assert connection.execute(_COUNT).scalar_one() == 1


def test_nothing_stays_of_a_transaction_that_is_taken_back(engine: Engine) -> None:
    for _ in range(3):  # on connections that have been used before
        with engine.connect() as connection:
            write_later(connection, insert(_ROWS), {"name": "gone", "number": 1})
            connection.rollback()
            assert connection.execute(_COUNT).scalar_one() == 0
        with engine.connect() as connection:
            write_later(connection, insert(_ROWS), {"name": "gone", "number": 1})


def test_a_failure_of_something_for_later_ends_the_transaction(engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(insert(_ROWS), {"name": "there", "number": 1})

    def fail() -> None:
        with engine.connect() as connection:
            connection.execute(update(_ROWS), {"number": 2})
            write_later(connection, insert(_ROWS), {"name": "there", "number": 2})
            write_later(connection, insert(_ROWS), {"name": "never", "number": 2})
            connection.commit()

    for _ in range(3):
        with pytest.raises(IntegrityError):
            fail()
        with engine.connect() as one, engine.connect() as other:  # whoever held the row would keep one of them waiting
            for connection in (one, other):
                assert connection.execute(update(_ROWS), {"number": 1}).rowcount == 1
                assert connection.execute(_COUNT).scalar_one() == 1
                connection.rollback()


def test_a_failure_is_raised_by_the_next_that_one_waits_for(engine: Engine) -> None:
    def fail() -> None:
        with engine.connect() as connection:
            write_later(connection, insert(_ROWS), {"name": "twice", "number": 2})
            write_later(connection, insert(_ROWS), {"name": "twice", "number": 2})
            connection.execute(_COUNT)

    with pytest.raises(IntegrityError):
        fail()
    with engine.connect() as connection:
        assert connection.execute(_COUNT).scalar_one() == 0


def test_in_a_savepoint_later_is_not_too_late(engine: Engine) -> None:
    with engine.connect() as connection:
        write_later(connection, insert(_ROWS), {"name": "kept", "number": 1})
        with pytest.raises(IntegrityError), connection.begin_nested():
            connection.execute(insert(_ROWS), {"name": "kept", "number": 2})
        write_later(connection, insert(_ROWS), {"name": "also", "number": 3})
        connection.commit()
    with engine.connect() as connection:
        assert connection.execute(select(_ROWS.c.number).order_by(_ROWS.c.number)).scalars().all() == [1, 3]


def test_mariadb_is_sent_all_of_it_in_one_packet(mariadb: Engine, packets: list[bytes]) -> None:
    with mariadb.connect() as connection:
        connection.execute(_COUNT)
        del packets[:]
        write_later(connection, insert(_ROWS), [{"name": f"{n}", "number": n} for n in range(3)])
        write_text_later(connection, "UPDATE `row` SET number = number + %s", (1,))
        assert packets == []
        assert connection.execute(_COUNT).scalar_one() == 3
        write_later(connection, delete(_ROWS))
        connection.commit()
    assert [packet.count(b";") for packet in packets] == [4, 1]
    assert packets[1].endswith(b";COMMIT")


def test_what_is_large_goes_alone(mariadb: Engine, packets: list[bytes]) -> None:
    large = "x" * 1_000_000
    with mariadb.connect() as connection:
        connection.execute(_COUNT)
        del packets[:]
        write_later(connection, insert(_ROWS), [{"name": f"{n}", "number": n} for n in range(3)])
        write_text_later(connection, "UPDATE `row` SET number = LENGTH(%s)", (large,))
        write_later(connection, delete(_ROWS).where(_ROWS.c.name == "0"))
        assert connection.exec_driver_sql("SELECT LENGTH(%s) + COUNT(*) FROM `row`", (large,)).scalar_one() == 1_000_002
    assert [packet.count(b";") for packet in packets] == [2, 0, 0, 0, 0]


def test_much_does_not_wait(mariadb: Engine, packets: list[bytes]) -> None:
    with mariadb.connect() as connection:
        connection.execute(_COUNT)
        del packets[:]
        write_later(connection, insert(_ROWS), [{"name": f"{n:040}", "number": n} for n in range(10_000)])
        assert 2 < len(packets) < 10
        assert max(map(len, packets)) < 300_000
        assert connection.execute(_COUNT).scalar_one() == 10_000
