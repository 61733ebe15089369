"""The tables; how they came to be is told by the migrations."""

from __future__ import annotations

from collections.abc import Mapping

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    UniqueConstraint,
)

from freezer.api.store.audit import LONGEST_TARGET
from freezer.api.store.contract import LONGEST_OWNER, Kind
from freezer.api.store.sql.making import big_number, long_text, sorted_text
from freezer.api.store.terms import LONGEST_WORD

ID = 255
DIGEST = 32
LONGEST_ROLES = 1000

metadata = MetaData()


def _records(kind: Kind, *own: Column[object] | UniqueConstraint | Index) -> Table:
    name = kind.value
    return Table(
        name,
        metadata,
        Column("place", big_number(), primary_key=True, autoincrement=True),
        Column("id", String(ID), nullable=False),
        Column("project_id", String(LONGEST_OWNER), nullable=False),
        Column("user_id", String(LONGEST_OWNER), nullable=False),
        Column("body", long_text(), nullable=False),
        Column("links", long_text(), nullable=False),
        Column("words", long_text(), nullable=False),
        Column("revision", Integer, nullable=False),
        UniqueConstraint("id", name=f"{name}_id"),
        Index(f"{name}_project", "project_id", "place"),
        *own,
    )


TABLES: Mapping[Kind, Table] = {
    Kind.CLIENT: _records(
        Kind.CLIENT,
        Column("name", String(ID), nullable=False),
        Column("space", String(LONGEST_OWNER), nullable=False),
        Column("central", Boolean, nullable=False),
        UniqueConstraint("project_id", "name", "space", name="client_name"),
        Index("client_central", "central", "name"),
    ),
    Kind.ACTION: _records(Kind.ACTION),
    Kind.JOB: _records(Kind.JOB, Column("client", String(ID), nullable=True), Index("job_client", "client", "place")),
    Kind.SESSION: _records(Kind.SESSION),
    Kind.BACKUP: _records(
        Kind.BACKUP,
        Column("stamp", BigInteger, nullable=True),
        Column("composed", String(64), nullable=False),
        Column("belongs", String(DIGEST), nullable=False),
        Column("location", String(DIGEST), nullable=False),
        Column("counted", Integer, nullable=False),
        Column("client", String(ID), nullable=True),
        Index("backup_client", "client", "place"),
        Index("backup_composed", "project_id", "composed"),
        Index("backup_stamp", "project_id", "stamp"),
        Index("backup_set", "project_id", "belongs", "counted", "stamp"),
        Index("backup_location", "project_id", "location", "composed"),
    ),
    Kind.RUN: _records(
        Kind.RUN,
        Column("job_id", String(ID), nullable=False),
        Column("client", String(ID), nullable=True),
        Column("state", String(16), nullable=False),
        Column("due", BigInteger, nullable=True),
        Column("ended", BigInteger, nullable=True),
        Column("incarnation", BigInteger, nullable=False),
        Column("fence", Integer, nullable=False),
        Column("holder", String(ID), nullable=False),
        Column("expires", BigInteger, nullable=False),
        Column("sequence", BigInteger, nullable=False),
        Column("log_bytes", BigInteger, nullable=False),
        Index("run_job", "job_id", "due"),
        Index("run_state", "state", "expires"),
        Index("run_ended", "ended"),
    ),
}

run_log = Table(
    "run_log",
    metadata,
    Column("run", big_number(), ForeignKey("run.place", ondelete="CASCADE"), primary_key=True),
    Column("incarnation", BigInteger, primary_key=True, autoincrement=False),
    Column("fence", Integer, primary_key=True, autoincrement=False),
    Column("sequence", BigInteger, primary_key=True, autoincrement=False),
    Column("at", BigInteger, nullable=False),
    Column("text", long_text(), nullable=False),
)

lease = Table(
    "lease",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("holder", String(ID), nullable=False),
    Column("expires", BigInteger, nullable=False),
)

terms = Table(
    "term",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("key", String(64), primary_key=True),
    Column("value", String(32), primary_key=True),
    Column("project_id", String(LONGEST_OWNER), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Index("term_place", "kind", "place"),
    sqlite_with_rowid=False,
)

words = Table(
    "word",
    metadata,
    Column("kind", String(16), primary_key=True),
    Column("project_id", String(LONGEST_OWNER), primary_key=True),
    Column("word", sorted_text(LONGEST_WORD), primary_key=True),
    Column("place", BigInteger, primary_key=True, autoincrement=False),
    Index("word_place", "kind", "place"),
    sqlite_with_rowid=False,
)

installation = Table(
    "installation",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("incarnation", BigInteger, nullable=False),
    Column("serves", String(32), nullable=False),
)
"""One row about the whole database: how often it was restored from a copy (see ``Unit.incarnation``), and the oldest
version of the tables whose servers may still work on these."""

idempotency = Table(
    "idempotency",
    metadata,
    Column("identity", String(160), primary_key=True),
    Column("route", String(160), primary_key=True),
    Column("key", String(160), primary_key=True),
    Column("request_hash", String(64), nullable=False),
    Column("status", Integer, nullable=False),
    Column("body", long_text(), nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("idempotency_created", "created_at"),
)

pause = Table(
    "pause",
    metadata,
    Column("project_id", String(LONGEST_OWNER), primary_key=True),
    Column("kind", String(16), primary_key=True),
    Column("object", String(ID), primary_key=True),
    Column("name", String(ID), nullable=False),
    Column("draining", Boolean, nullable=False),
    Column("reason", String(255), nullable=False),
    Column("user_id", String(LONGEST_OWNER), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=True),
)

presence = Table(
    "presence",
    metadata,
    Column("client", String(ID), primary_key=True),
    Column("project_id", String(LONGEST_OWNER), nullable=False),
    Column("seen", BigInteger, nullable=False),
    Column("version", String(64), nullable=True),
    Column("clock_offset", BigInteger, nullable=True),
    Column("spool", Integer, nullable=True),
    Index("presence_project", "project_id"),
)

alarm = Table(
    "alarm",
    metadata,
    Column("event", String(32), primary_key=True),
    Column("object", String(ID), primary_key=True),
    Column("project_id", String(LONGEST_OWNER), nullable=False),
    Column("kind", String(16), nullable=False),
    Column("name", String(ID), nullable=False),
    Column("text", long_text(), nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("passing", Boolean, nullable=False),
    Column("told", Boolean, nullable=False),
    Index("alarm_project", "project_id"),
)

change_counter = Table(
    "change_counter",
    metadata,
    Column("project_id", String(LONGEST_OWNER), primary_key=True),
    Column("number", BigInteger, nullable=False),
)

changes = Table(
    "change",
    metadata,
    Column("project_id", String(LONGEST_OWNER), primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(16), nullable=False),
    Column("object", String(ID), nullable=False),
    Column("deed", String(16), nullable=False),
    Column("client", String(ID), nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("change_client", "project_id", "client", "number"),
    Index("change_at", "at"),
    sqlite_with_rowid=False,
)

tallies = Table(
    "tally",
    metadata,
    Column("project_id", String(LONGEST_OWNER), primary_key=True),
    Column("belongs", String(DIGEST), primary_key=True),
    Column("day", Integer, primary_key=True, autoincrement=False),
    Column("hostname", String(ID), nullable=False),
    Column("backup_name", String(ID), nullable=False),
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

quotas = Table(
    "quota",
    metadata,
    Column("project_id", String(LONGEST_OWNER), primary_key=True),
    Column("resource", String(16), primary_key=True),
    Column("used", BigInteger, nullable=False),
    Column("own", BigInteger, nullable=True),
)

audit = Table(
    "audit",
    metadata,
    Column("place", big_number(), primary_key=True, autoincrement=True),
    Column("at", BigInteger, nullable=False),
    Column("project_id", String(LONGEST_OWNER), nullable=False),
    Column("user_id", String(LONGEST_OWNER), nullable=False),
    Column("user_name", String(ID), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("target", String(LONGEST_TARGET), nullable=False),
    Column("request_id", String(160), nullable=False),
    Column("address", String(64), nullable=False),
    Index("audit_project", "project_id", "place"),
    Index("audit_at", "at"),
)

node_keys = Table(
    "node_key",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("client", String(ID), nullable=False),
    Column("project_id", String(LONGEST_OWNER), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String(LONGEST_OWNER), nullable=False),
    UniqueConstraint("client", name="node_key_client"),
)

enrolments = Table(
    "enrolment",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project_id", String(LONGEST_OWNER), nullable=False),
    Column("hash", String(64), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("made_by", String(LONGEST_OWNER), nullable=False),
    Column("expires", BigInteger, nullable=False),
    Column("machine", String(32), nullable=False),
    Index("enrolment_expires", "expires"),
)

trusts = Table(
    "trust",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("project_id", String(LONGEST_OWNER), nullable=False),
    Column("trustor", String(LONGEST_OWNER), nullable=False),
    Column("trustee", String(LONGEST_OWNER), nullable=False),
    Column("roles", String(LONGEST_ROLES), nullable=False),
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
