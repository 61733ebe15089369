"""The commands that ``freezer-scheduler`` had before ``freezer`` came: what they print is theirs."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from freezer.cli.backups import created
from freezer.cli.command import Listing
from freezer.cli.files import read_document
from freezer.cli.listing import Cells, listing, size, value
from freezer.errors import FreezerError, UsageError

if TYPE_CHECKING:
    from freezer.client import Api


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for. ``client``: for whom; ``folder``: where files of jobs are."""

    api: Api
    client: str
    job: str | None
    session: str | None
    file: str | None
    folder: str
    all: bool = False
    active: bool = False
    long: bool = False


@dataclass(frozen=True, slots=True)
class Old:
    """One of them, and what it says and lists."""

    help: str
    run: Callable[[Asked], Iterable[str | Listing]]


_JOBS: Mapping[str, Cells] = {
    "job_id": value("job_id"),
    "description": value("description"),
    "# actions": size("job_actions"),
    "status": value("job_schedule", "status"),
    "event": value("job_schedule", "event"),
    "result": value("job_schedule", "result"),
    "session_id": value("session_id"),
}
_SESSIONS: Mapping[str, Cells] = {
    "session_id": value("session_id"),
    "tag": value("session_tag"),
    "status": value("status"),
    "description": value("description"),
    "jobs": size("jobs"),
    "last_start": value("time_start"),
}
_MEMBERS: Mapping[str, Cells] = {
    "job_id": value("job_id"),
    "status": value("status"),
    "result": value("result"),
    "client_id": value("client_id"),
}
_CLIENTS: Mapping[str, Cells] = {
    "client_id": value("client", "client_id"),
    "hostname": value("client", "hostname"),
    "description": value("client", "description"),
}
_BACKUPS: Mapping[str, Cells] = {
    "backup uuid": value("backup_id"),
    "container": value("backup_metadata", "container"),
    "backup name": value("backup_metadata", "backup_name"),
    "timestamp": created,
    "level": value("backup_metadata", "curr_backup_level"),
    "path": value("backup_metadata", "fs_real_path"),
}
_BACKUPS_LONG: Mapping[str, Cells] = {
    "backup uuid": value("backup_id"),
    "job-id": value("backup_metadata", "job_id"),
    "client-id": value("backup_metadata", "client_id"),
    "container": value("backup_metadata", "container"),
    "hostname": value("backup_metadata", "hostname"),
    "backup name": value("backup_metadata", "backup_name"),
    "timestamp": created,
    "level": value("backup_metadata", "curr_backup_level"),
    "path": value("backup_metadata", "fs_real_path"),
}


def _job_list(asked: Asked) -> Iterator[str | Listing]:
    yield listing(_JOBS, _jobs(asked))


def _job_get(asked: Asked) -> Iterator[str | Listing]:
    return _got(asked.api.jobs.get(_needed(asked.job, "--job")), asked.file)


def _job_create(asked: Asked) -> Iterator[str | Listing]:
    yield f"Created job {_upload(asked, _needed(asked.file, '--file'))}\n"


def _job_delete(asked: Asked) -> Iterator[str | Listing]:
    asked.api.jobs.delete(_needed(asked.job, "--job"))
    yield f"Deleted job {asked.job}\n"


def _job_start(asked: Asked) -> Iterator[str | Listing]:
    asked.api.jobs.start(_needed(asked.job, "--job"))
    yield f"Start request sent for job {asked.job}\n"


def _job_stop(asked: Asked) -> Iterator[str | Listing]:
    asked.api.jobs.stop(_needed(asked.job, "--job"))
    yield f"Stop request sent for job {asked.job}\n"


def _job_abort(asked: Asked) -> Iterator[str | Listing]:
    asked.api.jobs.abort(_needed(asked.job, "--job"))
    yield f"Abort request sent for job {asked.job}\n"


def _job_download(asked: Asked) -> Iterator[str | Listing]:
    os.makedirs(asked.folder, mode=0o700, exist_ok=True)
    for document in _jobs(asked):
        path = os.path.join(asked.folder, f"job_{os.path.basename(str(document['job_id']))}.conf")
        _save(document, path)
        yield f"Downloaded job {document['job_id']} to {path}\n"


def _job_upload(asked: Asked) -> Iterator[str | Listing]:
    try:
        names = sorted(name for name in os.listdir(asked.folder) if name.lower().endswith(".conf"))
    except OSError as error:
        raise UsageError(f"{asked.folder} cannot be read: {error.strerror}") from None
    for name in names:
        yield f"Uploaded job {_upload(asked, os.path.join(asked.folder, name))}\n"


def _session_list(asked: Asked) -> Iterator[str | Listing]:
    yield listing(_SESSIONS, asked.api.sessions.find())


def _session_get(asked: Asked) -> Iterator[str | Listing]:
    return _got(asked.api.sessions.get(_needed(asked.session, "--session")), asked.file)


def _session_create(asked: Asked) -> Iterator[str | Listing]:
    from freezer.model.sessions import read_session

    document = read_document(_needed(asked.file, "--file")).read(lambda raw: read_session(raw).document())
    with document.blamed():
        yield f"Created session {asked.api.sessions.create(document.content, document.content.get('session_id'))}\n"


def _session_delete(asked: Asked) -> Iterator[str | Listing]:
    asked.api.sessions.delete(_needed(asked.session, "--session"))
    yield f"Deleted session {asked.session}\n"


def _session_list_job(asked: Asked) -> Iterator[str | Listing]:
    jobs = asked.api.sessions.get(_needed(asked.session, "--session")).get("jobs") or {}
    yield listing(_MEMBERS, [{"job_id": identifier, **member} for identifier, member in jobs.items()])


def _session_add_job(asked: Asked) -> Iterator[str | Listing]:
    session = _needed(asked.session, "--session")
    for job in _needed(asked.job, "--job").split(","):
        asked.api.sessions.add_job(session, job)
        yield f"Added job {job} to session {session}\n"


def _session_remove_job(asked: Asked) -> Iterator[str | Listing]:
    session, job = _needed(asked.session, "--session"), _needed(asked.job, "--job")
    asked.api.sessions.remove_job(session, job)
    yield f"Removed job {job} from session {session}\n"


def _client_list(asked: Asked) -> Iterator[str | Listing]:
    yield listing(_CLIENTS, asked.api.clients.find())


def _backup_list(asked: Asked) -> Iterator[str | Listing]:
    yield listing(_BACKUPS_LONG if asked.long else _BACKUPS, asked.api.backups.find())


COMMANDS: Mapping[str, Old] = {
    "job-list": Old("list the jobs of a client", _job_list),
    "job-get": Old("print a job, or save it to --file", _job_get),
    "job-create": Old("make a job for a client from --file", _job_create),
    "job-delete": Old("delete a job", _job_delete),
    "job-start": Old("have a job run", _job_start),
    "job-stop": Old("have a job not run any more", _job_stop),
    "job-abort": Old("end a run of a job", _job_abort),
    "job-upload": Old("make a job from each *.conf file of a folder", _job_upload),
    "job-download": Old("save each job to a folder", _job_download),
    "session-list": Old("list sessions", _session_list),
    "session-get": Old("print a session, or save it to --file", _session_get),
    "session-create": Old("make a session from --file", _session_create),
    "session-delete": Old("delete a session", _session_delete),
    "session-list-job": Old("list the jobs of a session", _session_list_job),
    "session-add-job": Old("add jobs, with commas between them, to a session", _session_add_job),
    "session-remove-job": Old("take a job out of a session", _session_remove_job),
    "client-list": Old("list clients", _client_list),
    "backup-list": Old("list backups", _backup_list),
}


def _jobs(asked: Asked) -> list[dict[str, Any]]:
    from freezer.client.search import search_for

    search = search_for(client_id=None if asked.all else asked.client)
    if asked.active:
        search["match_not"] = [{"status": "completed"}]
    return asked.api.jobs.find(search=search)


def _upload(asked: Asked, file: str) -> str:
    from freezer.model.jobs import read_job

    document = read_document(file).read(lambda raw: read_job(raw, client_required=False).document())
    with document.blamed():
        content = {"client_id": asked.client, **document.content}
        return asked.api.jobs.create(content, content.get("job_id"))


def _got(document: Mapping[str, Any], file: str | None) -> Iterator[str | Listing]:
    if file is None:
        yield json.dumps(document, indent=4, ensure_ascii=False) + "\n"
    else:
        _save(document, file)


def _save(document: Mapping[str, Any], path: str) -> None:
    """Write ``document`` to a file that only its owner may read: actions may hold passwords."""
    try:
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
            file.write(json.dumps(document, indent=4, ensure_ascii=False) + "\n")
    except OSError as error:
        raise FreezerError(f"{path} cannot be written: {error.strerror}") from error


def _needed(text: str | None, option: str) -> str:
    if text is None:
        raise UsageError(f"{option} is missing")
    return text
