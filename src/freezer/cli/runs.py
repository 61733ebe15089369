"""``run-…``: executions of jobs, as schedulers tell the API of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from freezer.cli.command import Argument, Command, Context, Done, Flow, Given, Listing, Record
from freezer.cli.listing import LIST_ARGUMENTS, Cells, listing, page, pairs, size, value
from freezer.cli.searches import search_of
from freezer.clock import utc_text

if TYPE_CHECKING:
    from freezer.client import Api

ID = Argument(("run_id",), "id of the run")
PAUSE = 2.0
"""Seconds between two looks."""


def _time(key: str) -> Cells:
    def cell(document: Mapping[str, Any]) -> object:
        seconds = document.get(key)
        return "" if seconds is None else utc_text(seconds)

    return cell


COLUMNS: Mapping[str, Cells] = {
    "Run ID": value("run_id"),
    "Job ID": value("job_id"),
    "Client": value("client_id"),
    "Due": _time("due"),
    "Started": _time("started"),
    "Ended": _time("ended"),
    "State": value("state"),
    "Backups": size("backups"),
}
DETAILS: Mapping[str, Cells] = {
    "Run ID": value("run_id"),
    "Job ID": value("job_id"),
    "Client": value("client_id"),
    "Kind": value("kind"),
    "Cause": value("cause"),
    "Due": _time("due"),
    "Started": _time("started"),
    "Ended": _time("ended"),
    "State": value("state"),
    "Holder": value("holder"),
    "Try": value("fence"),
    "Lease until": _time("lease_until"),
    "Progress": value("progress", default={}),
    "Exit code": value("exit_code"),
    "Error": value("error"),
    "Actions": value("actions", default={}),
    "Failures": value("failures_total"),
    "Failed items": value("failures", default=[]),
    "Backups": value("backups", default=[]),
    "Tries": value("tries", default=[]),
}


def list_runs(context: Context, given: Given) -> Listing:
    chosen = {
        "job_id": given.optional("job"),
        "client_id": given.optional("client"),
        "state": given.optional("state"),
    }
    search = search_of(context, given, **chosen)
    everywhere = given.flag("all_projects")
    found = context.api().runs.find(search=search, **page(given), all_projects=everywhere, sort="-created")
    return listing(COLUMNS, found)


def show_run(context: Context, given: Given) -> Record:
    document = context.api().runs.get(given.text("run_id"))
    return Record(pairs(DETAILS, document), document)


def show_log(context: Context, given: Given) -> Flow:
    wait = (lambda: context.clock.sleep(PAUSE)) if given.flag("follow") else None
    return Flow(log_of(context.api(), given.text("run_id"), wait))


def log_of(api: Api, run_id: str, wait: Callable[[], None] | None) -> Iterator[str]:
    """The log of a run, piece by piece; with ``wait`` until the run is over."""
    page = api.runs.read_log(run_id)
    while True:
        yield from page.texts
        if page.over or (wait is None and not page.texts):
            return
        if not page.texts and wait is not None:
            wait()
        page = api.runs.read_log(run_id, page.cursor)


def delete_run(context: Context, given: Given) -> Done:
    identifier = given.text("run_id")
    context.api().runs.delete(identifier)
    return Done(f"run {identifier} and its log are deleted", {"run_id": identifier})


COMMANDS = (
    Command(
        "run-list",
        "list runs of jobs, newest first",
        list_runs,
        Listing,
        (
            *LIST_ARGUMENTS,
            Argument(("--job",), "only those of this job", metavar="ID"),
            Argument(("--client",), "only those of this client", metavar="ID"),
            Argument(
                ("--state",),
                "only those in this state: running, waiting, success, partial, failed, aborted, missed",
                metavar="STATE",
            ),
            Argument(("--all-projects",), "those of all projects (for administrators)", kind="flag"),
        ),
    ),
    Command("run-show", "show a run", show_run, Record, (ID,)),
    Command(
        "run-log",
        "print what a run has written",
        show_log,
        Flow,
        (ID, Argument(("--follow",), "go on until the run is over", kind="flag")),
    ),
    Command("run-delete", "let the API forget a run that is not its job's newest", delete_run, Done, (ID,)),
)
