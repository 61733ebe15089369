"""``backup-search``: backups by what is known of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from freezer.cli.backups import COLUMNS, made_at
from freezer.cli.command import Argument, Command, Context, Given, Listing
from freezer.cli.listing import listing
from freezer.cli.searches import understood
from freezer.errors import UsageError

_KEYS: Mapping[str, str] = {
    "host": "hostname",
    "name": "backup_name",
    "container": "container",
    "path": "path_to_backup",
    "mode": "mode",
    "storage": "storage",
    "engine": "engine_name",
    "status": "status",
}


def search_backups(context: Context, given: Given) -> Listing:
    search = understood(context, _search(given))
    found = context.api().backups.find(search=search, limit=given.count("limit") or None)
    return listing(COLUMNS, sorted(found, key=lambda backup: made_at(backup) or 0))


def _search(given: Given) -> dict[str, Any]:
    match: list[dict[str, str]] = [{"_all": word} for word in given.texts("words")]
    for option, key in _KEYS.items():
        if (value := given.optional(option)) is not None:
            match.append({key: value})
    search: dict[str, Any] = {"match": match}
    for option in ("before", "after"):
        if (text := given.optional(option)) is not None:
            search[f"time_{option}"] = seconds(option, text)
    return search


def seconds(option: str, text: str) -> int:
    from freezer.options.values import parse_date

    try:
        return int(parse_date(text).seconds)
    except ValueError as error:
        raise UsageError(f"--{option} {text}: {error}", hint="2026-11-22, or 2026-11-22T01:00:00; UTC") from None


def _option(name: str, help: str) -> Argument:
    return Argument((f"--{name}",), help, metavar=name.upper())


COMMANDS = (
    Command(
        "backup-search",
        "find backups by words, host, path, time",
        search_backups,
        Listing,
        (
            Argument(("words",), "words that all occur in what is known of the backup", many=True),
            _option("host", "made on this host"),
            _option("name", "of this name"),
            _option("container", "in this container"),
            _option("path", "of this path"),
            _option("mode", "of this mode"),
            _option("storage", "on this kind of storage"),
            _option("engine", "by this engine"),
            _option("status", "in this state: creating, available, error, deleting, deleted"),
            _option("after", "made at this time or later"),
            _option("before", "made at this time or earlier"),
            Argument(("--limit",), "how many at most (default: 100; 0: all)", kind="count", default=100, metavar="N"),
        ),
    ),
)
