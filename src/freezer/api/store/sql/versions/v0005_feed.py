"""The changes of projects, for those who follow them; what backups are counted and compared by, and their sums."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, String

from freezer.api.store.sql.making import create_table

revision = "0005"
down_revision = "0004"

_COLUMNS = ("belongs", "location", "counted")
_INDEXES = {
    "backup_set": ("project_id", "belongs", "counted", "stamp"),
    "backup_location": ("project_id", "location", "composed"),
}


def upgrade() -> None:
    create_table(
        "change_counter",
        Column("project_id", String(64), primary_key=True),
        Column("number", BigInteger, nullable=False),
    )
    create_table(
        "change",
        Column("project_id", String(64), primary_key=True),
        Column("number", BigInteger, primary_key=True, autoincrement=False),
        Column("kind", String(16), nullable=False),
        Column("object", String(255), nullable=False),
        Column("deed", String(16), nullable=False),
        Column("client", String(255), nullable=False),
        Column("at", BigInteger, nullable=False),
        Index("change_client", "project_id", "client", "number"),
        Index("change_at", "at"),
        sqlite_with_rowid=False,
    )
    op.add_column("backup", Column("belongs", String(32), nullable=False, server_default=""))
    op.add_column("backup", Column("location", String(32), nullable=False, server_default=""))
    op.add_column("backup", Column("counted", Integer, nullable=False, server_default="0"))
    for name, columns in _INDEXES.items():
        op.create_index(name, "backup", list(columns))
    create_table(
        "tally",
        Column("project_id", String(64), primary_key=True),
        Column("belongs", String(32), primary_key=True),
        Column("day", Integer, primary_key=True, autoincrement=False),
        Column("hostname", String(255), nullable=False),
        Column("backup_name", String(255), nullable=False),
        Column("backups", BigInteger, nullable=False),
        Column("partial", BigInteger, nullable=False),
        Column("bytes_read", BigInteger, nullable=False),
        Column("bytes_stored", BigInteger, nullable=False),
        Column("last_success", BigInteger, nullable=False),
        Column("last_complete", BigInteger, nullable=False),
        Column("objective", BigInteger, nullable=True),
        Index("tally_day", "project_id", "day", "belongs"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    op.drop_table("tally")
    for name in _INDEXES:
        op.drop_index(name, "backup")
    with op.batch_alter_table("backup") as batch:
        for name in _COLUMNS:
            batch.drop_column(name)
    op.drop_table("change")
    op.drop_table("change_counter")
