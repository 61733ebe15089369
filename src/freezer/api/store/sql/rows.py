"""What a MySQL or MariaDB server answers, understood in fewer steps than PyMySQL takes.

A page of documents has some hundred values, and PyMySQL makes several calls for each; and in every answer it takes
apart what the columns are, which are the same whenever the statement is. Both together are an eighth of a small list.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

from pymysql.connections import Connection, MySQLResult
from pymysql.protocol import FieldDescriptorPacket, MysqlPacket

_NULL = 0xFB
_WIDTHS = {0xFC: 2, 0xFD: 3, 0xFE: 8}
_MOST_COLUMNS = 4096


class Rows(MySQLResult):
    """The result of a statement."""

    converters: list[tuple[str | None, Callable[[Any], Any] | None]]

    def _read_row_from_packet(self, packet: Any) -> tuple[Any, ...]:
        """A row of the text protocol: each value with its length before it, in one byte if it is short (MySQL's
        "Protocol::LengthEncodedString")."""
        data, position = packet.get_all_data(), 0
        row: list[Any] = []
        for encoding, convert in self.converters:
            length = data[position]
            position += 1
            if length == _NULL:
                row.append(None)
                continue
            if length > _NULL:
                width = _WIDTHS[length]
                length = int.from_bytes(data[position : position + width], "little")
                position += width
            value: Any = data[position : position + length]
            position += length
            if encoding is not None:
                value = value.decode(encoding)
            row.append(value if convert is None else convert(value))
        return tuple(row)


class ReadingConnection(Connection):
    """A connection whose results are such."""

    def _read_packet(self, packet_type: Callable[[bytes, str], Any] = MysqlPacket) -> Any:
        understood = _column if packet_type is FieldDescriptorPacket else packet_type
        return super()._read_packet(understood)  # type: ignore[no-untyped-call]

    def _read_query_result(self, unbuffered: bool = False) -> Any:
        if unbuffered:
            return super()._read_query_result(unbuffered)  # type: ignore[misc]
        self._result = None
        result = Rows(self)
        result.read()
        self._result = result
        if result.server_status is not None:
            self.server_status = result.server_status
        return result.affected_rows


@lru_cache(_MOST_COLUMNS)
def _column(data: bytes, encoding: str) -> FieldDescriptorPacket:
    """What a column is."""
    return FieldDescriptorPacket(data, encoding)
