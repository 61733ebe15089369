"""What is told of a backup that was made: the report for programs, the summary for people."""

from __future__ import annotations

from typing import Any

import msgspec

from freezer.agent.context import Context
from freezer.agent.dedup.opening import Opened
from freezer.agent.outcome import outcome_of
from freezer.agent.result import Result
from freezer.clock import utc_text
from freezer.engine.contract import Summary
from freezer.engine.dedup.backup.result import Made
from freezer.model.failures import Failures, rest
from freezer.model.items import printable
from freezer.model.report import BackupOutcome, build_report
from freezer.repository.packs.writing import Written
from freezer.repository.protocol.backups import Backup
from freezer.units import counted, format_duration, format_size

_NANO = 1_000_000_000
_REASON = "a backup of engine dedup is always a full one"


class Finished(msgspec.Struct, frozen=True):
    """A backup that was committed, how long it took (seconds), and where; ``checksum``: what ``--consistency-check``
    found, empty without it."""

    found: Opened
    backup: Backup
    made: Made
    written: Written
    seconds: float
    checksum: str


def make_result(context: Context, done: Finished) -> Result:
    """The report, with what only this engine has below ``dedup``."""
    made = done.made
    outcome = _outcome(
        context,
        done.found,
        done.backup,
        made.summary,
        source=printable(made.source.path),
        bytes_read=made.counts.read_bytes,
        bytes_stored=done.written.stored_bytes,
        consistency_checksum=done.checksum,
    )
    report = build_report(dict(context.settings.values), outcome)
    report["dedup"] = {
        "backup": done.backup.attempt,
        "repository": done.found.repository.config.repository,
        "tags": list(done.backup.summary.tags),
        **_counts(made, done.written),
    }
    return Result(
        document=report,
        report=report,
        properties=_shown(done),
        failures=(*made.summary.failures, *rest(made.summary.failures)),
    )


def make_earlier_result(context: Context, found: Opened, backup: Backup) -> Result:
    """The same of a backup that was made before, by all that is kept of it."""
    about = backup.summary
    failures = _uncounted(about.failures)
    outcome = _outcome(
        context,
        found,
        backup,
        Summary(files=about.files, directories=about.directories, bytes=about.bytes, failures=failures),
        source=printable(about.paths[0]) if about.paths else "",
        bytes_read=about.bytes,
        bytes_stored=about.stored_bytes,
    )
    report = build_report(dict(context.settings.values), outcome)
    report["dedup"] = {
        "backup": backup.attempt,
        "repository": found.repository.config.repository,
        "tags": list(about.tags),
        "bytes_stored": about.stored_bytes,
    }
    time = utc_text(about.started // _NANO)
    shown = {"backup": backup.attempt, "time": time, "repository": found.repository.storage.describe()}
    return Result(document=report, report=report, properties=shown, failures=rest(failures))


def _uncounted(failures: int) -> Failures:
    """So many of which nobody knows the names any more."""
    counted = Failures()
    counted.left_out = failures
    return counted


def make_plan_result(made: Made, written: Written) -> Result:
    """What a dry run tells."""
    summary = made.summary
    document = {
        "dry_run": True,
        "files": summary.files,
        "directories": summary.directories,
        "bytes": summary.bytes,
        "excluded": summary.excluded_count,
        **_counts(made, written),
    }
    return Result(
        document=document,
        properties={"source": _source(made), "files": _changes(made), "would store": format_size(written.new_bytes)},
        lines=["Dry run: nothing was written."],
        failures=(*summary.failures, *rest(summary.failures)),
    )


def _counts(made: Made, written: Written) -> dict[str, object]:
    counts = made.counts
    return {
        "new_files": counts.new,
        "changed_files": counts.changed,
        "unmodified_files": counts.unchanged,
        "rehashed_files": counts.reread,
        "bytes_read": counts.read_bytes,
        "bytes_new": written.new_bytes,
        "bytes_stored": written.stored_bytes,
    }


def _outcome(context: Context, found: Opened, backup: Backup, summary: Summary, **more: Any) -> BackupOutcome:
    """What the backup came to; ``more`` is what is known of it otherwise."""
    about = backup.summary
    time = about.started // _NANO
    return outcome_of(
        context,
        summary,
        backup_name=about.backup_name,
        level=0,
        level_reason=_REASON,
        time=time,
        zero=time,
        started=about.started / _NANO,
        finished=about.ended / _NANO,
        compression="zstd",
        cipher=found.repository.config.cipher if found.repository.keys.encrypted else None,
        backup_id=context.settings.optional_text("backup_id") or "",
        **more,
    )


def _shown(done: Finished) -> dict[str, object]:
    """The summary for people."""
    about, written = done.backup.summary, done.written
    seconds = max(done.seconds, 1e-6)
    shown: dict[str, object] = {
        "backup": done.backup.attempt,
        "time": utc_text(about.started / _NANO),
        "repository": done.found.repository.storage.describe(),
        "source": _source(done.made),
        "files": _changes(done.made),
        "read": format_size(done.made.counts.read_bytes),
        "stored": f"{format_size(written.stored_bytes)} ({format_size(written.new_bytes)} new)",
        "duration": f"{format_duration(seconds)} ({format_size(done.made.summary.bytes / seconds)}/s)",
    }
    if about.tags:
        shown["tags"] = ", ".join(about.tags)
    return shown


def _source(made: Made) -> str:
    summary = made.summary
    directories = counted(summary.directories, "directory", "directories")
    return f"{counted(summary.files, 'file')} in {directories}, {format_size(summary.bytes)}"


def _changes(made: Made) -> str:
    counts = made.counts
    return f"{counts.new:,} new, {counts.changed:,} changed, {counts.unchanged:,} unmodified"
