"""The action ``drill``: a proof that a backup can be restored, kept in the repository."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from freezer.agent.context import Context
from freezer.agent.dedup.choosing import backup_of, composed_of
from freezer.agent.dedup.looking import open_index, refuse_missed, selection_of
from freezer.agent.dedup.opening import Opened, open_to_write, opened_storage
from freezer.agent.places.opening import sections_of
from freezer.agent.result import Result
from freezer.browse import opened as browse
from freezer.browse.selecting import Selection
from freezer.clock import utc_text
from freezer.engine.dedup.drill import Drilled, drill, sample
from freezer.errors import CommandError, DataError, FreezerError, ObjectNotFound, TargetError
from freezer.model.failures import Failures
from freezer.model.upkeep import verified
from freezer.repository.documents import Drill, Root
from freezer.repository.names import Folder, Kind, new_id
from freezer.repository.protocol.backups import Backup
from freezer.units import counted, format_duration, format_size

_NANO = 1_000_000_000
_PREFIX = "freezer-drill-"


def run(context: Context) -> Result:
    """Restore a sample of the backup into a new directory, compare it, ask the probe, and store what came of it."""
    with opened_storage(context) as storage:
        found = open_to_write(context, storage)
        backup = backup_of(context, found)
        return _drill(context, found, backup)


def _drill(context: Context, found: Opened, backup: Backup) -> Result:
    started = found.repository.now()
    try:
        root = backup.root(found.repository)
        opened = open_index(context, found, root)
        selection = _selection(context, opened, root)
        with _scratch(context) as scratch:
            drilled = drill(opened, root, scratch, selection, context.progress, context.clock)
            refuse_missed(selection)
            problem = _probe(context, scratch) if drilled.proved else None
    except (DataError, ObjectNotFound) as error:  # of which nothing at all could be restored
        nothing = Drilled(0, 0, Failures())
        record = _record(context, found, backup, started, nothing, note=error.message)
        return _result(context, backup, record, nothing, error)
    record = _record(
        context, found, backup, started, drilled, problem=problem, whole=selection.all, note=_note(drilled, problem)
    )
    return _result(context, backup, record, drilled, problem)


def _record(
    context: Context,
    found: Opened,
    backup: Backup,
    started: int,
    drilled: Drilled,
    *,
    note: str,
    problem: CommandError | None = None,
    whole: bool = False,
) -> Drill:
    """Store how it went, which is worth as much if it went wrong."""
    repository = found.repository
    program = context.settings.optional_text("probe")
    record = Drill(
        backup.attempt,
        started,
        repository.now(),
        drilled.items,
        drilled.bytes,
        drilled.proved and problem is None,
        program.split()[0] if program else "",  # its arguments may be secrets
        note,
        whole=whole,
    )
    repository.put(Kind.DRILL, Folder.DRILLS + new_id(repository.clock), record)
    return record


def _selection(context: Context, opened: browse.Opened, root: Root) -> Selection:
    if context.settings.texts("only"):
        return selection_of(context, root)
    return sample(opened, root, context.settings.integer("sample"), random.SystemRandom())


@contextmanager
def _scratch(context: Context) -> Iterator[bytes]:
    """A new directory that only we can read, removed in the end."""
    place = context.settings.optional_text("scratch_dir")
    try:
        path = tempfile.mkdtemp(prefix=_PREFIX, dir=place)
    except OSError as error:
        raise TargetError(f"{place or tempfile.gettempdir()} cannot be used: {error.strerror}") from None
    try:
        yield os.fsencode(path)
    finally:
        shutil.rmtree(os.fsencode(path), ignore_errors=True)


def _probe(context: Context, scratch: bytes) -> CommandError | None:
    """What ``--probe`` had to object, if there is one."""
    text = context.settings.optional_text("probe")
    if text is None:
        return None
    from freezer.agent import commands

    variables = {"FREEZER_RESTORED": os.fsdecode(scratch)}
    try:
        ended = commands.run_pipeline(text, clock=context.clock, option="probe", variables=variables)
    except CommandError as error:
        return error
    return commands.failure(ended, option="probe")


def _note(drilled: Drilled, problem: CommandError | None) -> str:
    if problem is not None:
        return problem.message
    return f"{drilled.failures[0].path}: {drilled.failures[0].reason}" if drilled.failures else ""


def _result(context: Context, backup: Backup, record: Drill, drilled: Drilled, problem: FreezerError | None) -> Result:
    seconds = (record.ended - record.started) / _NANO
    document = {
        "backup": backup.attempt,
        "items": record.items,
        "bytes": record.bytes,
        "seconds": round(seconds, 3),
        "verdict": record.verdict,
        "probe": record.probe,
        "failed_items": [{"path": item.path, "reason": item.reason} for item in drilled.failures],
    }
    error: FreezerError | None = problem
    if drilled.failures:
        error = DataError(f"{counted(drilled.failures.total, 'item')} did not come back as recorded")
    elif not record.verdict and error is None:
        error = DataError("there was nothing to restore")
    what = f"{counted(record.items, 'item')} ({format_size(record.bytes)})"
    when = utc_text(backup.started / _NANO)
    line = f"{backup.attempt} of {when}: {what} came back as recorded, in {format_duration(seconds)}."
    id = composed_of(sections_of(context)[0].container, backup)
    return Result(
        document=document,
        lines=[] if error else [line],
        failures=drilled.failures,
        error=error,
        upkeep=verified("drill", {id: error.message if error else None}),
    )
