"""``schedule-…``: when jobs are due."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.cli.command import Argument, Command, Context, Given, Listing
from freezer.cli.files import read_document
from freezer.cli.listing import Cells, listing, value
from freezer.cli.searching import seconds
from freezer.errors import UsageError

_ACTIONS = frozenset({"job_actions", "job-actions", "job_action", "job-action"})
COLUMNS: Mapping[str, Cells] = {"Local time": value("local"), "UTC": value("utc"), "Skipped": value("skipped")}


def preview(context: Context, given: Given) -> Listing:
    wanted: dict[str, Any] = {"count": given.count("count")}
    if (zone := given.optional("timezone")) is not None:
        wanted["timezone"] = zone
    if (after := given.optional("after")) is not None:
        wanted["after"] = seconds("after", after)
    job, file = given.texts("job_id"), given.optional("file")
    if len(job) + (file is not None) != 1:
        raise UsageError("schedule-preview takes the id of one job, or --file")
    found = context.api().jobs.preview(job[0], **wanted) if job else _of_file(context, str(file), wanted)
    return listing(COLUMNS, found["runs"])


def _of_file(context: Context, name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    document = read_document(name)
    with document.blamed():
        return context.api().jobs.preview_schedule(_schedule(document.content), **wanted)


def _schedule(content: Mapping[str, Any]) -> dict[str, Any]:
    """The schedule in the file of a job or of a session, or the file itself."""
    from freezer.model.schedule import read_schedule

    inner = content.get("job") if len(content) == 1 else None
    whole = inner if isinstance(inner, dict) else content
    path = ("job",) if whole is inner else ()
    for key in ("job_schedule", "job-schedule", "schedule"):
        if key in whole:
            return read_schedule(whole[key], (*path, key))
    return {} if _ACTIONS & whole.keys() else read_schedule(whole, path)


COMMANDS = (
    Command(
        "schedule-preview",
        "list the next times at which a job is due",
        preview,
        Listing,
        (
            Argument(("job_id",), "id of the job", many=True),
            Argument(("--file",), "JSON or YAML file with a job, a session or a schedule instead", metavar="FILE"),
            Argument(("--count",), "how many (10, at most 100)", kind="count", default=10, metavar="N"),
            Argument(("--after",), "those after this time, instead of now; UTC", metavar="TIME"),
            Argument(("--timezone",), "the zone of the local times, instead of the schedule's", metavar="ZONE"),
        ),
    ),
)
