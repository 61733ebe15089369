"""Answers of MariaDB and MySQL: what we make of them is what PyMySQL makes of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pymysql.connections import MySQLResult
from pymysql.protocol import MysqlPacket
from sqlalchemy import text

from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.rows import Rows
from support.api import empty_database

_LENGTHS = st.sampled_from([0, 1, 250, 251, 252, 255, 256, 65_535, 65_536, 70_000])
_CONVERTERS = [("utf-8", None), (None, None), ("ascii", int), ("ascii", float)]
VALUES = st.one_of(
    st.tuples(st.just(0), st.one_of(st.text(), _LENGTHS.map(lambda n: "ä" * (n // 2) + "x" * (n % 2)))),
    st.tuples(st.just(1), st.one_of(st.binary(), _LENGTHS.map(bytes))),
    st.tuples(st.just(2), st.integers()),
    st.tuples(st.just(3), st.floats(allow_nan=False)),
    st.tuples(st.sampled_from(range(4)), st.none()),
)


def encoded(value: object) -> bytes:
    """As a server sends it (MySQL's "Protocol::LengthEncodedString")."""
    if value is None:
        return b"\xfb"
    data = value if isinstance(value, bytes) else str(value).encode()
    size = len(data)
    if size < 251:
        return bytes([size]) + data
    mark, width = (b"\xfc", 2) if size < 1 << 16 else (b"\xfd", 3) if size < 1 << 24 else (b"\xfe", 8)
    return mark + size.to_bytes(width, "little") + data


def understood(cls: type[MySQLResult], data: bytes, converters: list[Any]) -> tuple[Any, ...]:
    result = cls(None)
    result.converters = converters
    row: tuple[Any, ...] = result._read_row_from_packet(MysqlPacket(data, "utf-8"))
    return row


@given(st.lists(VALUES, max_size=12))
def test_a_row_is_what_pymysql_reads(columns: list[tuple[int, Any]]) -> None:
    data = b"".join(encoded(value) for _, value in columns)
    converters = [_CONVERTERS[kind] for kind, _ in columns]
    found = understood(Rows, data, converters)
    assert found == tuple(value for _, value in columns)
    assert found == understood(MySQLResult, data, converters)


def test_a_value_of_more_than_16_mib_is_a_value() -> None:
    value = b"v" * ((1 << 24) + 5)
    assert understood(Rows, encoded(value) + encoded("and then"), [(None, None), ("utf-8", None)]) == (
        value,
        "and then",
    )


@pytest.mark.integration
def test_what_a_server_sends_arrives_whatever_its_kind_and_length(tmp_path: Path) -> None:
    engine = open_engine(empty_database(tmp_path, "mariadb"), connections=1)
    statement = text(
        "SELECT NULL, 1, -1.5e0, 2.50, '', 'ä', x'00ff', DATE '2026-11-23', REPEAT('x', 250), REPEAT('x', 251), "
        "REPEAT('x', 70000), REPEAT('ü', 7000000) UNION ALL SELECT 1, NULL, 0, 0, 'a', NULL, '', NULL, '', '', '', NULL"
    )
    with engine.connect() as connection:
        for _ in range(2):  # the second time the columns are known
            first, second = connection.execute(statement).all()
            assert [type(each).__name__ for each in first][:4] == ["NoneType", "int", "float", "Decimal"]
            assert tuple(first)[1:7] == (1, -1.5, Decimal("2.50"), "", "ä", b"\x00\xff")
            assert str(first[7]) == "2026-11-23"
            assert [len(each) for each in tuple(first)[8:]] == [250, 251, 70_000, 7_000_000]
            assert tuple(second) == (1, None, 0.0, 0, "a", None, b"", None, "", "", "", None)
        assert connection.execute(text("SELECT 1 AS one WHERE FALSE")).all() == []
        assert connection.execute(text("SELECT 2 AS two")).mappings().all() == [{"two": 2}]
    engine.dispose()
