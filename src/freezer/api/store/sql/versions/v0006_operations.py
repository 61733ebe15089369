"""Pauses, presences and alarms."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Index, Integer, String

from freezer.api.store.sql.making import create_table, long_text

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    create_table(
        "pause",
        Column("project_id", String(64), primary_key=True),
        Column("kind", String(16), primary_key=True),
        Column("object", String(255), primary_key=True),
        Column("name", String(255), nullable=False),
        Column("draining", Boolean, nullable=False),
        Column("reason", String(255), nullable=False),
        Column("user_id", String(64), nullable=False),
        Column("since", BigInteger, nullable=False),
        Column("ended", BigInteger, nullable=True),
    )
    create_table(
        "presence",
        Column("client", String(255), primary_key=True),
        Column("project_id", String(64), nullable=False),
        Column("seen", BigInteger, nullable=False),
        Column("version", String(64), nullable=True),
        Column("clock_offset", BigInteger, nullable=True),
        Column("spool", Integer, nullable=True),
        Index("presence_project", "project_id"),
    )
    create_table(
        "alarm",
        Column("event", String(32), primary_key=True),
        Column("object", String(255), primary_key=True),
        Column("project_id", String(64), nullable=False),
        Column("kind", String(16), nullable=False),
        Column("name", String(255), nullable=False),
        Column("text", long_text(), nullable=False),
        Column("since", BigInteger, nullable=False),
        Column("passing", Boolean, nullable=False),
        Column("told", Boolean, nullable=False),
        Index("alarm_project", "project_id"),
    )


def downgrade() -> None:
    for name in ("pause", "presence", "alarm"):
        op.drop_table(name)
