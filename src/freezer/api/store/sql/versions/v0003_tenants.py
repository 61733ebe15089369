"""Quotas, the audit, keys of nodes, trusts; and of which client a job or backup is."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, Index, String, UniqueConstraint

from freezer.api.store.sql.making import big_number, create_table, long_text

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    for name in ("job", "backup"):
        with op.batch_alter_table(name) as table:
            table.add_column(Column("client", String(255), nullable=True))
            table.create_index(f"{name}_client", ["client", "place"])
    create_table(
        "quota",
        Column("project_id", String(64), primary_key=True),
        Column("resource", String(16), primary_key=True),
        Column("used", BigInteger, nullable=False),
        Column("own", BigInteger, nullable=True),
    )
    create_table(
        "audit",
        Column("place", big_number(), primary_key=True, autoincrement=True),
        Column("at", BigInteger, nullable=False),
        Column("project_id", String(64), nullable=False),
        Column("user_id", String(64), nullable=False),
        Column("user_name", String(255), nullable=False),
        Column("operation", String(64), nullable=False),
        Column("target", String(255), nullable=False),
        Column("request_id", String(160), nullable=False),
        Column("address", String(64), nullable=False),
        Index("audit_project", "project_id", "place"),
        Index("audit_at", "at"),
    )
    create_table(
        "node_key",
        Column("id", String(32), primary_key=True),
        Column("client", String(255), nullable=False),
        Column("project_id", String(64), nullable=False),
        Column("hash", String(64), nullable=False),
        Column("made_at", BigInteger, nullable=False),
        Column("made_by", String(64), nullable=False),
        UniqueConstraint("client", name="node_key_client"),
    )
    create_table(
        "trust",
        Column("id", String(32), primary_key=True),
        Column("project_id", String(64), nullable=False),
        Column("trustor", String(64), nullable=False),
        Column("trustee", String(64), nullable=False),
        Column("roles", String(1000), nullable=False),
        Column("state", String(16), nullable=False),
        Column("sealed", long_text(), nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("made_at", BigInteger, nullable=False),
        Column("problem", long_text(), nullable=False),
        Column("checked_at", BigInteger, nullable=False),
        Column("told", Boolean, nullable=False),
        UniqueConstraint("trustor", "expires", name="trust_trustor"),
        Index("trust_state", "state", "checked_at"),
    )


def downgrade() -> None:
    for name in ("trust", "node_key", "audit", "quota"):
        op.drop_table(name)
    for name in ("backup", "job"):
        with op.batch_alter_table(name) as table:
            table.drop_index(f"{name}_client")
            table.drop_column("client")
