"""``job-…``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from freezer.cli.command import Argument, Command, Context, Done, Given, Listing, Record, Text
from freezer.cli.files import read_document
from freezer.cli.listing import LIST_ARGUMENTS, Cells, listing, page, pairs, size, value
from freezer.cli.searches import search_of

ID = Argument(("job_id",), "id of the job")
_CLIENT = ("--client", "-C")

COLUMNS: Mapping[str, Cells] = {
    "Job ID": value("job_id"),
    "Description": value("description"),
    "# Actions": size("job_actions"),
    "Result": value("job_schedule", "result"),
    "Status": value("job_schedule", "status"),
    "Event": value("job_schedule", "event"),
    "Session ID": value("session_id"),
}
DETAILS: Mapping[str, Cells] = {
    "Job ID": value("job_id"),
    "Client ID": value("client_id"),
    "User ID": value("user_id"),
    "Session ID": value("session_id"),
    "Description": value("description"),
    "Actions": value("job_actions"),
    "Start Date": value("job_schedule", "schedule_start_date"),
    "End Date": value("job_schedule", "schedule_end_date"),
    "Interval": value("job_schedule", "schedule_interval"),
    "Status": value("job_schedule", "status"),
    "Result": value("job_schedule", "result"),
    "Current pid": value("job_schedule", "current_pid"),
    "Event": value("job_schedule", "event"),
}


def list_jobs(context: Context, given: Given) -> Listing:
    search = search_of(context, given, client_id=given.optional("client"))
    wanted = {"all_projects": given.flag("all_projects")}
    return listing(COLUMNS, context.api().jobs.find(search=search, **page(given), **wanted))


def show_job(context: Context, given: Given) -> Record:
    return shown(context, given.text("job_id"))


def shown(context: Context, identifier: str) -> Record:
    """The job as ``job-show`` has it."""
    document = context.api().jobs.get(identifier)
    return Record(pairs(DETAILS, document), document)


def get_job(context: Context, given: Given) -> Text:
    document = context.api().jobs.get(given.text("job_id"))
    indent = None if given.flag("no_format") else 2
    return Text(json.dumps(document, indent=indent, ensure_ascii=False) + "\n", document)


def create_job(context: Context, given: Given) -> Record:
    from freezer.model.jobs import read_job

    client = given.optional("client")
    chosen = {} if client is None else {"client_id": client}
    document = read_document(given.text("file")).read(
        lambda raw: read_job(raw, client_required=client is None).document(), **chosen
    )
    with document.blamed():
        identifier = context.api().jobs.create(document.content, document.content.get("job_id"))
    return shown(context, identifier)


def update_job(context: Context, given: Given) -> Record:
    from freezer.model.jobs import read_job_change

    document = read_document(given.text("file")).read(lambda raw: read_job_change(raw).document())
    with document.blamed():
        context.api().jobs.update(given.text("job_id"), document.content)
    return shown(context, given.text("job_id"))


def start_job(context: Context, given: Given) -> Done:
    return _asked(given, "start", context.api().jobs.start(given.text("job_id")))


def stop_job(context: Context, given: Given) -> Done:
    return _asked(given, "stop", context.api().jobs.stop(given.text("job_id")))


def abort_job(context: Context, given: Given) -> Done:
    return _asked(given, "abort", context.api().jobs.abort(given.text("job_id")))


def delete_job(context: Context, given: Given) -> Done:
    context.api().jobs.delete(given.text("job_id"))
    return Done(f"job {given.text('job_id')} deleted", {"job_id": given.text("job_id")})


def _asked(given: Given, event: str, result: str) -> Done:
    identifier = given.text("job_id")
    said = f"{event} requested" if result == "success" else result
    document: dict[str, Any] = {"job_id": identifier, "event": event, "result": result}
    return Done(f"job {identifier}: {said}", document)


COMMANDS = (
    Command(
        "job-list",
        "list jobs",
        list_jobs,
        Listing,
        (
            *LIST_ARGUMENTS,
            Argument(_CLIENT, "only those of this client", metavar="ID"),
            Argument(("--all-projects",), "those of all projects (for administrators)", kind="flag"),
        ),
    ),
    Command("job-show", "show a job", show_job, Record, (ID,)),
    Command(
        "job-get",
        "print a job as JSON, from which it can be made again",
        get_job,
        Text,
        (ID, Argument(("--no-format",), "on one line", kind="flag")),
    ),
    Command(
        "job-create",
        "make a job from a file",
        create_job,
        Record,
        (
            Argument(
                ("--file",), "JSON or YAML file with the job; - for standard input", required=True, metavar="FILE"
            ),
            Argument(_CLIENT, "the client that runs it, whatever the file says", metavar="ID"),
        ),
    ),
    Command(
        "job-update",
        "change what a file says of a job",
        update_job,
        Record,
        (ID, Argument(("file",), "JSON or YAML file with what changes; - for standard input")),
    ),
    Command("job-start", "have a job run", start_job, Done, (ID,)),
    Command("job-stop", "have a job not run any more", stop_job, Done, (ID,)),
    Command("job-abort", "end a run of a job", abort_job, Done, (ID,)),
    Command("job-delete", "delete a job", delete_job, Done, (ID,)),
)
