"""What migrations make tables with."""

from __future__ import annotations

from typing import Any

from alembic import op
from sqlalchemy import BigInteger, Integer, String, Text
from sqlalchemy.dialects.mysql import LONGTEXT
from sqlalchemy.engine import Dialect
from sqlalchemy.sql.schema import SchemaItem
from sqlalchemy.types import TypeEngine


def long_text() -> TypeEngine[str]:
    """A text of any length."""
    return Text().with_variant(LONGTEXT(), "mysql", "mariadb")


def big_number() -> TypeEngine[int]:
    """A whole number of 64 bits; SQLite counts rows by itself only in a plain INTEGER."""
    return BigInteger().with_variant(Integer(), "sqlite")


def sorted_text(length: int) -> TypeEngine[str]:
    """A text whose order is that of its code points in every database, so that one range of it is one prefix."""
    return String(length).with_variant(String(length, collation="C"), "postgresql")


def create_table(name: str, *items: SchemaItem, **options: Any) -> None:
    """A table whose texts are compared byte for byte, with their trailing blanks."""
    op.create_table(name, *items, **_told(op.get_bind().dialect), **options)


def _told(dialect: Dialect) -> dict[str, Any]:
    """What MySQL and MariaDB must be told for that."""
    if dialect.name not in {"mysql", "mariadb"}:
        return {}
    collation = "utf8mb4_nopad_bin" if getattr(dialect, "is_mariadb", False) else "utf8mb4_0900_bin"
    return {
        f"{dialect.name}_engine": "InnoDB",
        f"{dialect.name}_charset": "utf8mb4",
        f"{dialect.name}_collate": collation,
    }
