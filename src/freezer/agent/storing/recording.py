"""What is told of a backup that was stored: the commit record, the report, and the summary for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freezer import __version__
from freezer.agent.context import Context
from freezer.agent.outcome import outcome_of
from freezer.agent.places.place import Place, failure_of
from freezer.agent.result import Result
from freezer.agent.storing.planning import ENGINE, Pass, Plan, source_text
from freezer.clock import utc_text
from freezer.container import document
from freezer.container.document import Details, Names, Record, StoredData, StoredState
from freezer.container.levels import LevelDecision
from freezer.engine.contract import Summary, Tree
from freezer.errors import FreezerError, StorageError
from freezer.model.failures import rest
from freezer.model.items import ItemFailure
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


class Outcome(msgspec.Struct, frozen=True):
    """What one pass over the source stored, and the places that have it."""

    stored: Stored
    record: Record
    places: tuple[Place, ...]


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
            failed=summary.failures.total,
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


def make_result(context: Context, places: Sequence[Place], outcomes: Sequence[Outcome]) -> Result:
    """The report for programs and the summary for people. Of several storages it is about the first that has the
    backup, with a line, or an entry below ``storages``, for each."""
    first = outcomes[0]
    details = first.record.freezer
    assert details is not None
    report = build_report(dict(context.settings.values), _outcome(context, first.stored, details))
    report["storages"] = [_told(place, outcomes) for place in places]
    decision = first.stored.plan.decision
    several = len(places) > 1
    return Result(
        document=report,
        report=report,
        properties=_shown(first, details),
        lines=[_line(place, outcomes) for place in places] if several else [_sentence(decision)],
        warnings=first.stored.plan.warnings,
        failures=_failed_in(outcomes),
        error=_missed(places, first),
    )


def _failed_in(outcomes: Sequence[Outcome]) -> tuple[ItemFailure, ...]:
    """What failed in any pass, each item once."""
    lists = [outcome.stored.summary.failures for outcome in outcomes]
    return (*dict.fromkeys(item for each in lists for item in each), *rest(*lists))


def _outcome(context: Context, stored: Stored, details: Details) -> BackupOutcome:
    plan, summary = stored.plan, stored.summary
    return outcome_of(
        context,
        summary,
        backup_name=context.invocation.backup_name,
        source=source_text(stored.tree),
        level=plan.key.level,
        level_reason=plan.decision.reason,
        time=plan.key.time,
        zero=plan.key.zero,
        started=details.started,
        finished=details.finished,
        compression=str(plan.codec),
        cipher=plan.sealing.cipher,
        warnings=plan.warnings,
        bytes_read=stored.stream.plain_size,
        bytes_stored=stored.stream.stored_size + stored.state.size,
        consistency_checksum=stored.checksum,
        backup_id=details.backup_id,
    )


def _told(place: Place, outcomes: Sequence[Outcome]) -> dict[str, object]:
    """What the report says of one storage; without a backup there, why."""
    about: dict[str, object] = {
        "name": place.name,
        "storage": place.section.storage,
        "container": place.section.container,
        "error": place.error.message if place.error is not None else None,
    }
    for outcome in outcomes:
        if place in outcome.places:
            plan = outcome.stored.plan
            about |= {
                "level": plan.key.level,
                "level_reason": plan.decision.reason,
                "time_stamp": plan.key.time,
                "chain": plan.key.zero,
                "bytes_stored": outcome.stored.stream.stored_size + outcome.stored.state.size,
            }
    return about


def _line(place: Place, outcomes: Sequence[Outcome]) -> str:
    """The same for people."""
    for outcome in outcomes:
        if place in outcome.places:
            return f"{place.shown}: {_sentence(outcome.stored.plan.decision)}"
    return f"{place.shown}: no backup."


def _missed(places: Sequence[Place], first: Outcome) -> FreezerError | None:
    """The error if some storages have not got the backup."""
    error = failure_of(places)
    if error is None:
        return None
    missed = next(place for place in places if place.error is not None)
    hint = f"freezer-agent copy --from-storage {first.places[0].name} --to-storage {missed.name} catches it up"
    return StorageError(error.message, hint=f"{error.hint}; {hint}" if error.hint else hint)


def make_plan_result(places: Sequence[Place], planned: Sequence[tuple[Pass, Summary]]) -> Result:
    """What a dry run tells: of the first pass, and for several storages the level of each."""
    one, summary = planned[0]
    plan, decision = one.plan, one.plan.decision
    lines, document = [_sentence(decision)], dict[str, object]()
    if len(places) > 1:
        levels = {place: each.plan.decision for each, _ in planned for place in each.places}
        lines = [f"{place.shown}: {_sentence(levels[place])}" for place in places if place in levels]
        document["storages"] = [
            {"name": place.name, "level": levels[place].level, "level_reason": levels[place].reason}
            for place in places
            if place in levels
        ]
    return Result(
        document={
            "dry_run": True,
            "level": decision.level,
            "level_reason": decision.reason,
            "files": summary.files,
            "directories": summary.directories,
            "bytes": summary.bytes,
            "stored_items": summary.stored_items,
            "stored_bytes": summary.stored_bytes,
            "excluded": summary.excluded_count,
            "warnings": plan.warnings,
            **document,
        },
        properties={
            "would be level": decision.level,
            "container": one.places[0].section.container,
            "source": _counts(summary),
            "would store": f"{counted(summary.stored_items, 'item')}, {format_size(summary.stored_bytes)}",
        },
        lines=[*lines, "Dry run: nothing was written."],
        warnings=plan.warnings,
        failures=(*summary.failures, *rest(summary.failures)),
        error=failure_of(places),
    )


def _shown(outcome: Outcome, details: Details) -> Mapping[str, object]:
    """The summary for people."""
    stored = outcome.stored
    plan, summary, stream = stored.plan, stored.summary, stored.stream
    seconds = max(details.finished - details.started, 1e-6)
    return {
        "backup": plan.key.id,
        "time": utc_text(plan.key.time),
        "level": plan.key.level,
        "container": outcome.places[0].section.container,
        "source": _counts(summary),
        "stored in this level": f"{counted(summary.stored_items, 'item')}, {format_size(summary.stored_bytes)}",
        "size": f"{format_size(stream.stored_size)} ({plan.codec}, {plan.sealing.cipher or 'not encrypted'})",
        "duration": f"{format_duration(seconds)} ({format_size(summary.stored_bytes / seconds)}/s)",
    }


def _counts(summary: Summary) -> str:
    directories = counted(summary.directories, "directory", "directories")
    return f"{counted(summary.files, 'file')} in {directories}, {format_size(summary.bytes)}"


def _sentence(decision: LevelDecision) -> str:
    """Which level and why."""
    level, reason = decision.level, decision.reason
    return f"{reason[0].upper()}{reason[1:]}." if reason.startswith("level ") else f"Level {level}: {reason}."
