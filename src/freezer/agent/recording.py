"""What is told of a backup that was stored: the commit record, the report, and the summary for people."""

from __future__ import annotations

import platform
from collections.abc import Mapping

import msgspec

from freezer import __version__
from freezer.agent.context import Context
from freezer.agent.planning import ENGINE, Plan, source_text
from freezer.agent.result import Result
from freezer.clock import utc_text
from freezer.container import document
from freezer.container.document import Details, Names, Record, StoredData, StoredState
from freezer.engine.contract import Summary, Tree
from freezer.model.report import BackupOutcome, build_report
from freezer.stream.digest import StreamSummary
from freezer.units import counted, format_duration, format_size


class Stored(msgspec.Struct, frozen=True):
    """A backup whose data and state are in the container. ``started``: seconds since 1970; ``checksum``: that of
    ``--consistency-check``, or empty."""

    plan: Plan
    tree: Tree
    summary: Summary
    stream: StreamSummary
    state: StoredState
    started: float
    checksum: str


def make_record(context: Context, stored: Stored) -> Record:
    """The commit record, authenticated where the cipher has that."""
    plan, summary = stored.plan, stored.summary
    names = Names(
        source=source_text(stored.tree),
        broken_links=tuple(summary.broken_links),
        excluded=tuple(summary.excluded),
        failed=tuple(summary.failures),
    ).shortened()
    sealed = plan.sealing.chain_key is not None
    details = Details(
        format=document.FORMAT,
        program=f"freezer {__version__}",
        hostname=context.settings.text("hostname"),
        backup_name=context.invocation.backup_name,
        level=plan.key.level,
        time=plan.key.time,
        zero=plan.key.zero,
        started=stored.started,
        finished=context.clock.now(),
        cipher=plan.sealing.cipher,
        data=StoredData(
            size=stored.stream.stored_size, sha256=stored.stream.sha256, plain_size=stored.stream.plain_size
        ),
        state=stored.state,
        base=plan.base,
        summary=document.Summary(
            files=summary.files,
            directories=summary.directories,
            links=summary.links,
            others=summary.others,
            bytes=summary.bytes,
            broken_links=summary.broken_link_count,
            excluded=summary.excluded_count,
            failed=len(summary.failures),
        ),
        backup_id=context.settings.optional_text("backup_id") or "",
        names=None if sealed else names,
        seal=plan.sealing.parameters(),
        private=(plan.sealing.seal(document.encode_names(names), plan.key, plan.base, "private") if sealed else None),
    )
    record = Record(
        engine_name=ENGINE,
        compression=str(plan.codec),
        encryption=plan.sealing.cipher is not None,
        freezer=details,
    )
    mac = plan.sealing.authenticate(document.canonical_bytes(record), plan.key, plan.base)
    return document.with_mac(record, mac) if mac is not None else record


def make_result(context: Context, stored: Stored, record: Record) -> Result:
    """The report for programs and the summary for people."""
    plan, summary = stored.plan, stored.summary
    details = record.freezer
    assert details is not None
    outcome = BackupOutcome(
        backup_name=context.invocation.backup_name,
        backup_media="fs",
        source=source_text(stored.tree),
        level=plan.key.level,
        level_reason=plan.decision.reason,
        time=plan.key.time,
        zero=plan.key.zero,
        started=details.started,
        finished=details.finished,
        compression=str(plan.codec),
        cipher=plan.sealing.cipher,
        version=__version__,
        client_os=platform.system().lower(),
        cli=context.command_line,
        files=summary.files,
        directories=summary.directories,
        links=summary.links,
        others=summary.others,
        broken_links=tuple(summary.broken_links),
        broken_links_total=summary.broken_link_count,
        excluded=tuple(summary.excluded),
        excluded_total=summary.excluded_count,
        failures=tuple(summary.failures),
        warnings=plan.warnings,
        bytes_read=stored.stream.plain_size,
        bytes_stored=stored.stream.stored_size + stored.state.size,
        consistency_checksum=stored.checksum,
        backup_id=details.backup_id,
    )
    report = build_report(dict(context.settings.values), outcome)
    return Result(
        document=report,
        report=report,
        properties=_shown(context, stored, details),
        lines=[_sentence(plan.key.level, plan.decision.reason)],
        warnings=plan.warnings,
        failures=tuple(summary.failures),
    )


def make_plan_result(context: Context, plan: Plan, summary: Summary) -> Result:
    """What a dry run tells."""
    level, reason = plan.key.level, plan.decision.reason
    return Result(
        document={
            "dry_run": True,
            "level": level,
            "level_reason": reason,
            "files": summary.files,
            "directories": summary.directories,
            "bytes": summary.bytes,
            "stored_items": summary.stored_items,
            "stored_bytes": summary.stored_bytes,
            "excluded": summary.excluded_count,
            "warnings": plan.warnings,
        },
        properties={
            "would be level": level,
            "container": context.settings.storages[0].container,
            "source": _counts(summary),
            "would store": f"{counted(summary.stored_items, 'item')}, {format_size(summary.stored_bytes)}",
        },
        lines=[_sentence(level, reason), "Dry run: nothing was written."],
        warnings=plan.warnings,
        failures=tuple(summary.failures),
    )


def _shown(context: Context, stored: Stored, details: Details) -> Mapping[str, object]:
    """The summary for people."""
    plan, summary, stream = stored.plan, stored.summary, stored.stream
    seconds = max(details.finished - details.started, 1e-6)
    return {
        "backup": plan.key.id,
        "time": utc_text(plan.key.time),
        "level": plan.key.level,
        "container": context.settings.storages[0].container,
        "source": _counts(summary),
        "stored in this level": f"{counted(summary.stored_items, 'item')}, {format_size(summary.stored_bytes)}",
        "size": f"{format_size(stream.stored_size)} ({plan.codec}, {plan.sealing.cipher or 'not encrypted'})",
        "duration": f"{format_duration(seconds)} ({format_size(summary.stored_bytes / seconds)}/s)",
    }


def _counts(summary: Summary) -> str:
    directories = counted(summary.directories, "directory", "directories")
    return f"{counted(summary.files, 'file')} in {directories}, {format_size(summary.bytes)}"


def _sentence(level: int, reason: str) -> str:
    """Which level and why."""
    return f"{reason[0].upper()}{reason[1:]}." if reason.startswith("level ") else f"Level {level}: {reason}."
