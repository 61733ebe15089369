"""``session-…``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.cli.command import Argument, Command, Context, Done, Given, Listing, Record
from freezer.cli.files import read_document
from freezer.cli.listing import LIST_ARGUMENTS, Cells, listing, page, pairs, size, value
from freezer.cli.searches import search_of

ID = Argument(("session_id",), "id of the session")
_BOTH = (
    Argument(("--session-id",), "id of the session", required=True, metavar="ID"),
    Argument(("--job-id",), "id of the job", required=True, metavar="ID"),
)
_TAG = Argument(("--job-tag",), "the session's tag as the job knows it", kind="count", required=True, metavar="N")

COLUMNS: Mapping[str, Cells] = {
    "Session ID": value("session_id"),
    "Description": value("description"),
    "Status": value("status"),
    "Result": value("result"),
    "# Jobs": size("jobs"),
}
DETAILS: Mapping[str, Cells] = {
    "Session ID": value("session_id"),
    "Session tag": value("session_tag"),
    "Description": value("description"),
    "Status": value("status"),
    "Result": value("result"),
    "Jobs": value("jobs", default={}),
    "Hold off": value("hold_off"),
    "Schedule": value("schedule", default={}),
    "Last start": lambda session: session.get("last_start") or session.get("time_start"),
    "Time start": value("time_start"),
    "Time end": value("time_end"),
    "Project id": value("project_id"),
    "User id": value("user_id"),
}

OWN: Mapping[str, Cells] = {
    "Barrier": lambda session: f"{session['barrier']} s" if session.get("barrier") else None,
    "Time limit": lambda session: f"{session['time_limit']} s" if session.get("time_limit") else None,
    "Held still together": lambda session: _together(session.get("round") or {}),
}
"""What sessions of the original do not have; shown where there is something to show."""


def _together(barrier: Mapping[str, Any]) -> str | None:
    if barrier.get("spread") is not None:
        return f"{barrier['state']}: from the first to the last {barrier['spread']:.3f} s"
    return f"{barrier['state']}: {barrier['reason']}" if barrier.get("reason") else barrier.get("state")


def list_sessions(context: Context, given: Given) -> Listing:
    search = search_of(context, given)
    return listing(COLUMNS, context.api().sessions.find(search=search, **page(given)))


def show_session(context: Context, given: Given) -> Record:
    return _shown(context, given.text("session_id"))


def create_session(context: Context, given: Given) -> Record:
    from freezer.model.sessions import read_session

    document = read_document(given.text("file")).read(lambda raw: read_session(raw).document())
    with document.blamed():
        identifier = context.api().sessions.create(document.content, document.content.get("session_id"))
    return _shown(context, identifier)


def update_session(context: Context, given: Given) -> Record:
    from freezer.model.sessions import read_session_change

    document = read_document(given.text("file")).read(lambda raw: read_session_change(raw).document())
    with document.blamed():
        context.api().sessions.update(given.text("session_id"), document.content)
    return _shown(context, given.text("session_id"))


def delete_session(context: Context, given: Given) -> Done:
    identifier = given.text("session_id")
    context.api().sessions.get(identifier)  # an older API does not mind if there is none
    context.api().sessions.delete(identifier)
    return Done(f"session {identifier} deleted", {"session_id": identifier})


def add_job(context: Context, given: Given) -> Done:
    session, job = given.text("session_id"), given.text("job_id")
    context.api().sessions.add_job(session, job)
    return Done(f"job {job} added to session {session}", {"session_id": session, "job_id": job})


def remove_job(context: Context, given: Given) -> Done:
    session, job = given.text("session_id"), given.text("job_id")
    context.api().sessions.remove_job(session, job)
    return Done(f"job {job} removed from session {session}", {"session_id": session, "job_id": job})


def start_session(context: Context, given: Given) -> Done:
    session = given.text("session_id")
    told = context.api().sessions.start(session, given.text("job_id"), given.count("job_tag"))
    return _told(session, told.result, told.tag)


def end_session(context: Context, given: Given) -> Done:
    session = given.text("session_id")
    told = context.api().sessions.end(session, given.text("job_id"), given.count("job_tag"), given.text("result"))
    return _told(session, told.result, told.tag)


def _told(session: str, result: str, tag: int | None) -> Done:
    document = {"session_id": session, "result": result, "session_tag": tag}
    return Done(f"session {session}: {result}, tag {tag}", document)


def _shown(context: Context, identifier: str) -> Record:
    document = context.api().sessions.get(identifier)
    own = {name: cell for name, cell in OWN.items() if cell(document) is not None}
    return Record(pairs({**DETAILS, **own}, document), document)


COMMANDS = (
    Command("session-list", "list sessions", list_sessions, Listing, LIST_ARGUMENTS),
    Command("session-show", "show a session", show_session, Record, (ID,)),
    Command(
        "session-create",
        "make a session from a file",
        create_session,
        Record,
        (Argument(("--file",), "JSON or YAML file; - for standard input", required=True, metavar="FILE"),),
    ),
    Command(
        "session-update",
        "change what a file says of a session",
        update_session,
        Record,
        (ID, Argument(("file",), "JSON or YAML file with what changes; - for standard input")),
    ),
    Command("session-delete", "delete a session; its jobs stay", delete_session, Done, (ID,)),
    Command("session-add-job", "add a job to a session", add_job, Done, _BOTH),
    Command("session-remove-job", "take a job out of a session", remove_job, Done, _BOTH),
    Command("session-start", "begin a round for a job, or join one", start_session, Done, (*_BOTH, _TAG)),
    Command(
        "session-end",
        "say how a job's part in a round has ended",
        end_session,
        Done,
        (*_BOTH, _TAG, Argument(("--result",), "success, fail or aborted", required=True, metavar="RESULT")),
    ),
)
