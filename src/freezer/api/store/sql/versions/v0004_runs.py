"""Runs, their logs, and leases."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Index, Integer, String, UniqueConstraint, column, delete, table

from freezer.api.store.sql.making import big_number, create_table, long_text

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_table(
        "run",
        Column("place", big_number(), primary_key=True, autoincrement=True),
        Column("id", String(255), nullable=False),
        Column("project_id", String(64), nullable=False),
        Column("user_id", String(64), nullable=False),
        Column("body", long_text(), nullable=False),
        Column("links", long_text(), nullable=False),
        Column("words", long_text(), nullable=False),
        Column("revision", Integer, nullable=False),
        Column("job_id", String(255), nullable=False),
        Column("client", String(255), nullable=True),
        Column("state", String(16), nullable=False),
        Column("due", BigInteger, nullable=True),
        Column("ended", BigInteger, nullable=True),
        Column("incarnation", BigInteger, nullable=False),
        Column("fence", Integer, nullable=False),
        Column("holder", String(255), nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("log_bytes", BigInteger, nullable=False),
        UniqueConstraint("id", name="run_id"),
        Index("run_project", "project_id", "place"),
        Index("run_job", "job_id", "due"),
        Index("run_state", "state", "expires"),
        Index("run_ended", "ended"),
    )
    create_table(
        "run_log",
        Column("run", big_number(), ForeignKey("run.place", ondelete="CASCADE"), primary_key=True),
        Column("incarnation", BigInteger, primary_key=True, autoincrement=False),
        Column("fence", Integer, primary_key=True, autoincrement=False),
        Column("sequence", BigInteger, primary_key=True, autoincrement=False),
        Column("at", BigInteger, nullable=False),
        Column("text", long_text(), nullable=False),
    )
    create_table(
        "lease",
        Column("name", String(64), primary_key=True),
        Column("holder", String(255), nullable=False),
        Column("expires", BigInteger, nullable=False),
    )


def downgrade() -> None:
    for name in ("run_log", "run", "lease"):
        op.drop_table(name)
    for name in ("term", "word"):
        found = table(name, column("kind"))
        op.execute(delete(found).where(found.c.kind == "run"))
