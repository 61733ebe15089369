"""``stats``, and ``backup-reconcile``: backups on the whole, and whether the API knows the right ones."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.cli.command import Argument, Command, Context, Given, Listing, Record
from freezer.cli.files import read_list
from freezer.cli.listing import Cells, listing, value
from freezer.clock import utc_text
from freezer.errors import UsageError
from freezer.units import format_duration, format_size

_BY = ("set", "host", "day")


def _time(key: str) -> Cells:
    return lambda each: "" if each.get(key) is None else utc_text(each[key])


def _duration(key: str) -> Cells:
    return lambda each: "" if each.get(key) is None else format_duration(each[key])


def _size(key: str) -> Cells:
    return lambda each: format_size(each[key])


def _late(each: Mapping[str, Any]) -> str:
    return {True: "late", False: "ok", None: ""}[each.get("late")]


SETS: Mapping[str, Cells] = {
    "Host": value("hostname"),
    "Name": value("backup_name"),
    "Backups": value("backups"),
    "Partial": value("partial"),
    "Stored": _size("bytes_stored"),
    "Last success": _time("last_success"),
    "Age": _duration("age"),
    "Objective": _duration("objective"),
    "State": _late,
}
HOSTS: Mapping[str, Cells] = {
    "Host": value("hostname"),
    "Client ID": value("client_id"),
    "Sets": value("sets"),
    "Late": value("late"),
    "Backups": value("backups"),
    "Stored": _size("bytes_stored"),
    "Last success": _time("last_success"),
}
DAYS: Mapping[str, Cells] = {
    "Day": value("day"),
    "Backups": value("backups"),
    "Partial": value("partial"),
    "Read": _size("bytes_read"),
    "Stored": _size("bytes_stored"),
}


def show_statistics(context: Context, given: Given) -> Listing:
    by = given.text("by")
    if by not in _BY:
        raise UsageError(f"--by {by} is not possible; allowed: {' '.join(_BY)}")
    known = context.api().statistics
    if by == "host":
        return listing(HOSTS, known.hosts())
    if by == "day":
        return listing(DAYS, known.project(given.count("days"))["days"])
    found = known.sets(given.optional("host"))
    return listing(SETS, sorted(found, key=lambda each: (each["hostname"], each["backup_name"])))


def reconcile(context: Context, given: Given) -> Record:
    from freezer.model.inventory import Place, StoredBackup

    place = Place(
        storage=given.text("storage"),
        container=given.text("container"),
        hostname=given.optional("host") or "",
        ssh_host=given.optional("ssh_host") or "",
    )
    if place.storage == "local" and not place.hostname:
        raise UsageError("--host is missing: whose file system a local storage is")
    rows = read_list(given.text("file"), StoredBackup)
    done = context.api().inventory.reconcile(place, rows, complete=not given.flag("adopt_only"))
    document = {"adopted": done.adopted, "gone": done.gone, "returned": done.returned, "known": done.known}
    told = {"Adopted": len(done.adopted), "Gone": len(done.gone), "Returned": len(done.returned), "Known": done.known}
    return Record(told, document)


COMMANDS = (
    Command(
        "stats",
        "how much is backed up, and how old the newest backups are",
        show_statistics,
        Listing,
        (
            Argument(("--by",), "set, host or day (default: set)", default="set", metavar="WHAT"),
            Argument(("--host",), "only the sets of this host", metavar="HOST"),
            Argument(("--days",), "how many days (default: 30)", kind="count", default=30, metavar="N"),
        ),
    ),
    Command(
        "backup-reconcile",
        "make the API's records agree with what a storage holds",
        reconcile,
        Record,
        (
            Argument(
                ("--file",),
                "what `freezer-agent list --json` printed; - for standard input",
                required=True,
                metavar="FILE",
            ),
            Argument(("--storage",), "local, ssh, swift, s3, ftp, ftps", required=True, metavar="STORAGE"),
            Argument(("--container",), "as in the jobs", required=True, metavar="CONTAINER"),
            Argument(("--host",), "whose local storage it is", metavar="HOST"),
            Argument(("--ssh-host",), "the server of an ssh storage", metavar="HOST"),
            Argument(("--adopt-only",), "the list is not all that there is: nothing is gone", kind="flag"),
        ),
    ),
)
