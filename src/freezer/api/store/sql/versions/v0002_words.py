"""Words of names, hosts and paths, to be found by their beginning; and what holds for the whole database."""

from __future__ import annotations

from alembic import op
from sqlalchemy import BigInteger, Column, Index, Integer, String, column, insert, table

from freezer.api.store.sql.making import create_table, sorted_text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_table(
        "word",
        Column("kind", String(16), primary_key=True),
        Column("project_id", String(64), primary_key=True),
        Column("word", sorted_text(64), primary_key=True),
        Column("place", BigInteger, primary_key=True, autoincrement=False),
        Index("word_place", "kind", "place"),
        sqlite_with_rowid=False,
    )
    create_table(
        "installation",
        Column("number", Integer, primary_key=True, autoincrement=False),
        Column("incarnation", BigInteger, nullable=False),
        Column("serves", String(32), nullable=False),
    )
    one = table("installation", column("number"), column("incarnation"), column("serves"))
    op.execute(insert(one).values(number=1, incarnation=1, serves="0001"))


def downgrade() -> None:
    op.drop_table("word")
    op.drop_table("installation")
