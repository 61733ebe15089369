"""Enrolments."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, String

from freezer.api.store.sql.making import create_table

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_table(
        "enrolment",
        Column("id", String(32), primary_key=True),
        Column("project_id", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
        Column("made_at", BigInteger, nullable=False),
        Column("made_by", String(64), nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("machine", String(32), nullable=False),
        Index("enrolment_expires", "expires"),
    )


def downgrade() -> None:
    op.drop_table("enrolment")
