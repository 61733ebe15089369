"""The first tables."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String, UniqueConstraint
from sqlalchemy.sql.schema import SchemaItem

from freezer.api.store.sql.making import big_number, create_table, long_text

revision = "0001"
down_revision = None

_NAMES = ("client", "action", "job", "session", "backup")


def upgrade() -> None:
    _records(
        "client",
        Column("name", String(255), nullable=False),
        Column("space", String(64), nullable=False),
        Column("central", Boolean, nullable=False),
        UniqueConstraint("project_id", "name", "space", name="client_name"),
        Index("client_central", "central", "name"),
    )
    for name in ("action", "job", "session"):
        _records(name)
    _records(
        "backup",
        Column("stamp", BigInteger, nullable=True),
        Column("composed", String(64), nullable=False),
        Index("backup_composed", "project_id", "composed"),
        Index("backup_stamp", "project_id", "stamp"),
    )
    create_table(
        "term",
        Column("kind", String(16), primary_key=True),
        Column("key", String(64), primary_key=True),
        Column("value", String(32), primary_key=True),
        Column("project_id", String(64), primary_key=True),
        Column("place", BigInteger, primary_key=True, autoincrement=False),
        Index("term_place", "kind", "place"),
        sqlite_with_rowid=False,
    )
    create_table(
        "idempotency",
        Column("identity", String(160), primary_key=True),
        Column("route", String(160), primary_key=True),
        Column("key", String(160), primary_key=True),
        Column("request_hash", String(64), nullable=False),
        Column("status", Integer, nullable=False),
        Column("body", long_text(), nullable=False),
        Column("created_at", BigInteger, nullable=False),
        Index("idempotency_created", "created_at"),
    )


def downgrade() -> None:
    for name in (*_NAMES, "term", "idempotency"):
        op.drop_table(name)


def _records(name: str, *own: SchemaItem) -> None:
    create_table(
        name,
        Column("place", big_number(), primary_key=True, autoincrement=True),
        Column("id", String(255), nullable=False),
        Column("project_id", String(64), nullable=False),
        Column("user_id", String(64), nullable=False),
        Column("body", long_text(), nullable=False),
        Column("links", long_text(), nullable=False),
        Column("words", long_text(), nullable=False),
        Column("revision", Integer, nullable=False),
        UniqueConstraint("id", name=f"{name}_id"),
        Index(f"{name}_project", "project_id", "place"),
        *own,
    )
