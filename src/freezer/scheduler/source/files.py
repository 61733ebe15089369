"""Jobs in a directory: one JSON document in each file, as the API has it, read again whenever it changes.

Files are those whose names end in ``.conf``, in letters of any case; a single file may stand in for the directory,
whatever its name. A file that cannot be understood is named in the log, once for each change, and left out; the others
go on. A job's id is in its file, or made from its name. When it was made is when it was first seen; a job that has
nothing to go by but its being there is made anew by every change. What may differ from the API's documents: the
number of tries is upstream's for files (one), and ``event: start`` asks for one run each time the file is changed to
say so.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from freezer.clock import Clock
from freezer.errors import DocumentError, FreezerError, UsageError
from freezer.log import escaped
from freezer.model.checking import an_object
from freezer.model.due import check
from freezer.model.jobs import read_job
from freezer.scheduler.contract import Document, Update
from freezer.scheduler.journal import Journal

_LOG = logging.getLogger(__name__)
_EVERY = 5.0  # seconds between two looks
_LARGEST = 1024 * 1024
_NAMESPACE = uuid.UUID("0e4b5f3a-7f0d-5a55-8d4f-3f0c8b0c6a11")
_ENDING = ".conf"
_RETRIES = {"max_retries": 0, "max_retries_interval": 60, "mandatory": False}
_ONLY_BY_BEING = frozenset({"time_created", "event", "status", "result", "time_started", "time_ended", "current_pid"})
_HINT = "--jobs-dir, or [scheduler] jobs_dir, names another directory"
_OWNER = ("user_id", "project_id", "user_credentials")

Stamp = tuple[int, int, int]


class Seen(msgspec.Struct, frozen=True):
    """What was last seen of a job: its file, when it was made, by what that is told, and the digest of the file."""

    path: str
    created: int
    plan: str
    content: str


class JobFile(msgspec.Struct, frozen=True):
    """A file that could be understood: ``job`` is None if there is nothing in it."""

    path: str
    stamp: Stamp
    job: Document | None
    content: str = ""


def job_paths(path: str) -> list[str]:
    """The job files in a directory, or the one file, in the order of their names; :class:`UsageError` if there is
    neither."""
    try:
        names = os.listdir(path)
    except NotADirectoryError:
        return [path]
    except OSError as error:
        raise UsageError(f"jobs in {path} cannot be read: {error.strerror}", hint=_HINT) from None
    return sorted(os.path.join(path, name) for name in names if name.lower().endswith(_ENDING))


def read_file(path: str, now: float) -> JobFile:
    """The job in a file; :class:`UsageError` that names the file, and the line where it can."""
    try:
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(data) > _LARGEST:
        raise UsageError(f"{path} is longer than {_LARGEST} bytes: it is no job")
    stamp = (status.st_mtime_ns, status.st_size, status.st_ino)
    content = hashlib.blake2b(data, digest_size=8).hexdigest()
    try:
        value = json.loads(data)
        job = _document(value, os.path.basename(path), int(now)) if value != {} else None
    except json.JSONDecodeError as error:
        raise UsageError(f"{path}: line {error.lineno}: this is no JSON: {error.msg}") from None
    except (ValueError, RecursionError):  # no UTF-8, or numbers of thousands of digits
        raise UsageError(f"{path}: this is no JSON") from None
    except DocumentError as error:
        place = escaped(".".join(str(each) for each in error.path))
        message = f"{path}: {place + ': ' if place else ''}{escaped(error.message)}"
        raise UsageError(message, hint=error.hint) from None
    return JobFile(path, stamp, job, content)


def _document(value: object, name: str, now: int) -> Document:
    """The document in a file of that name, with all that the API would fill in but the time when it was made."""
    written = an_object(value, ())
    if name.startswith("job_") and any(key in written for key in _OWNER):
        hint = "if it is to run without the API, remove user_id, project_id and user_credentials from it"
        raise DocumentError("this is a copy of a job of the API, which may have changed or be gone", hint=hint)
    draft = read_job(written, client_required=False)
    schedule = draft.schedule if isinstance(draft.schedule, dict) else {}
    check(schedule, now, ("job_schedule",))
    document: dict[str, Any] = {"description": "", **draft.document(), "job_schedule": dict(schedule)}
    for place, action in enumerate(document["job_actions"]):
        if "freezer_action" not in action:
            raise DocumentError("an action by its id alone needs the API", ("job_actions", place))
        document["job_actions"][place] = {**_RETRIES, **action}
    document.setdefault("job_id", uuid.uuid5(_NAMESPACE, name).hex)
    return document


class JobFiles:
    """The jobs in ``path``, a directory or one file; a :class:`freezer.scheduler.contract.Source`."""

    def __init__(self, path: str, journal: Journal, clock: Clock) -> None:
        self._path = os.path.abspath(path)
        self._journal = journal
        self._clock = clock
        self._files: dict[str, JobFile] = {}
        self._faulty: dict[str, Stamp | None] = {}
        self._places: dict[str, str] = {}

    def path_of(self, job_id: str) -> str | None:
        """The file of a job, that of its last time if it has none now."""
        found = self._places.get(job_id)
        if found is None:
            seen = self._journal.fact(f"file {job_id}", Seen)
            found = None if seen is None else seen.path
        return found

    def follow(self, going: Callable[[], bool]) -> Iterator[Update]:
        """The jobs, and then what changes about them, looked for every few seconds."""
        before: dict[str, Document] = {}
        complete = True
        while going():
            jobs = self.read()
            changed = {id: job for id, job in jobs.items() if before.get(id) != job}
            gone = frozenset(before.keys() - jobs.keys())
            if complete or changed or gone:
                yield Update(changed, gone, complete)
            before, complete = jobs, False
            self._clock.sleep(_EVERY)

    def read(self) -> dict[str, Document]:
        """All jobs as they are now, by their ids."""
        self._look()
        asked, known = self._journal.asked(), self._journal.known()
        jobs: dict[str, Document] = {}
        places: dict[str, str] = {}
        for path, file in self._files.items():
            if file.job is None:
                continue
            id = str(file.job["job_id"])
            if id in places:
                self._blame(path, file.stamp, f"{path} has the job_id of {places[id]} and is left out")
                continue
            places[id] = path
            dealt = known[id].event if id in known else 0
            jobs[id] = self._complete(file, asked.get(id, 0), dealt)
        self._places = places
        return jobs

    def _look(self) -> None:
        """Read files that are new or have changed."""
        found = self._found()
        for path in self._files.keys() - found:
            _LOG.info("%s is gone", path)
        self._files = {path: file for path, file in self._files.items() if path in found}
        self._faulty = {path: stamp for path, stamp in self._faulty.items() if path in found}
        for path in found:
            stamp = _stamp(path)
            known = self._files.get(path)
            if (known is not None and known.stamp == stamp) or (path in self._faulty and self._faulty[path] == stamp):
                continue
            try:
                self._files[path] = read_file(path, self._clock.now())
                self._faulty.pop(path, None)
            except FreezerError as error:
                self._files.pop(path, None)
                self._blame(path, stamp, f"{error}; it is left out")

    def _found(self) -> list[str]:
        try:
            return job_paths(self._path)
        except FreezerError as error:
            self._blame(self._path, None, str(error))
            return []

    def _blame(self, path: str, stamp: Stamp | None, message: str) -> None:
        if path not in self._faulty or self._faulty[path] != stamp:
            self._faulty[path] = stamp
            _LOG.error("%s", message)

    def _complete(self, file: JobFile, asked: int, dealt: int) -> Document:
        """The document of a file with what is known of it here: when it was made, and which run is asked for."""
        assert file.job is not None
        job = file.job
        id, schedule = str(job["job_id"]), dict(job["job_schedule"])
        when = {key: value for key, value in schedule.items() if key not in _ONLY_BY_BEING}
        plan = json.dumps(when, sort_keys=True) if when else file.content
        seen = self._journal.fact(f"file {id}", Seen)
        if seen is None or (seen.content, seen.path) != (file.content, file.path):
            starts = schedule.get("event") == "start" and (seen is None or seen.content != file.content)
            asked = self._journal.ask(id) if starts else asked
            created = seen.created if seen is not None and seen.plan == plan else int(self._clock.now())
            seen = Seen(file.path, created, plan, file.content)
            self._journal.keep_fact(f"file {id}", seen)
        schedule.setdefault("time_created", seen.created)
        if asked > dealt:
            schedule["event"] = "start"
        elif schedule.get("event") == "start":
            schedule["event"] = ""
        return {**job, "job_schedule": schedule, "event_number": asked}


def _stamp(path: str) -> Stamp | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino
