"""``pause``, ``resume``, ``drain``, ``skip``, and how things are."""

from __future__ import annotations

from collections.abc import Mapping

from freezer.cli.command import Argument, Command, Context, Done, Given, Listing, Record
from freezer.cli.listing import Cells, listing, value
from freezer.clock import utc_text
from freezer.errors import UsageError

KINDS = ("job", "client", "project")
PAUSES: Mapping[str, Cells] = {
    "Kind": value("kind"),
    "ID": value("id"),
    "Name": value("name"),
    "Draining": value("draining"),
    "Reason": value("reason"),
    "User ID": value("user_id"),
}
ALARMS: Mapping[str, Cells] = {
    "Event": value("event"),
    "Kind": value("kind"),
    "Name": value("name"),
    "Text": value("text"),
}
_WHAT = (
    Argument(("kind",), "job, client or project"),
    Argument(("id",), "id of the job or client; none for the project", many=True),
)
_REASON = Argument(("--reason",), "why, for those who wonder", metavar="TEXT")


def pause(context: Context, given: Given) -> Done:
    kind, identifier = _meant(given)
    made = context.api().operations.pause(kind, identifier, reason=given.optional("reason") or "")
    return Done(f"{kind} {made['name']} begins no runs", made)


def resume(context: Context, given: Given) -> Done:
    kind, identifier = _meant(given)
    context.api().operations.resume(kind, identifier)
    return Done(f"{kind} {identifier} runs again".replace("  ", " "), {"kind": kind, "id": identifier})


def drain(context: Context, given: Given) -> Done:
    client = given.text("client_id")
    made = context.api().operations.pause("client", client, reason=given.optional("reason") or "", draining=True)
    return Done(f"client {client} finishes what runs and begins nothing", made)


def skip(context: Context, given: Given) -> Done:
    job = given.text("job_id")
    due = context.api().operations.skip(job)
    return Done(f"job {job}: the run at {utc_text(due)} is left out", {"job_id": job, "skipped": due})


def list_pauses(context: Context, _given: Given) -> Listing:
    return listing(PAUSES, context.api().operations.pauses())


def list_alarms(context: Context, _given: Given) -> Listing:
    return listing(ALARMS, context.api().operations.alarms())


def health(context: Context, given: Given) -> Record:
    found = context.api().operations.health(given.text("client_id"))
    seen = found.get("seen")
    shown = {
        "Client ID": found.get("client_id"),
        "Last seen": "" if seen is None else utc_text(seen),
        "Silent": found.get("silent"),
        "Version": found.get("version") or "",
        "Clock ahead": "" if found.get("clock_offset") is None else f"{found['clock_offset']} s",
        "Undelivered": "" if found.get("spool") is None else found["spool"],
        "Paused": found.get("paused"),
        "Draining": found.get("draining"),
    }
    return Record(shown, found)


def _meant(given: Given) -> tuple[str, str]:
    kind, ids = given.text("kind"), given.texts("id")
    if kind not in KINDS:
        raise UsageError(f"{kind!r} is neither job nor client nor project")
    if len(ids) != (kind != "project"):
        raise UsageError("project takes no id" if kind == "project" else f"{kind} takes one id")
    return kind, ids[0] if ids else ""


_CLIENT = Argument(("client_id",), "name of the client")
COMMANDS = (
    Command("pause", "let a job, a client or the project begin no runs", pause, Done, (*_WHAT, _REASON)),
    Command("resume", "let a job, a client or the project run again", resume, Done, _WHAT),
    Command("drain", "let a client's scheduler finish and begin nothing", drain, Done, (_CLIENT, _REASON)),
    Command("skip", "leave out a job's next run", skip, Done, (Argument(("job_id",), "id of the job"),)),
    Command("pause-list", "list what is paused", list_pauses, Listing),
    Command("alarm-list", "list what wants attention", list_alarms, Listing),
    Command("client-health", "show how a client's scheduler is", health, Record, (_CLIENT,)),
)
