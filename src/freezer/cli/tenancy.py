"""``client-key-…``, ``quota-…`` and ``audit-list``."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from freezer.cli.clients import ID
from freezer.cli.command import Argument, Command, Context, Done, Given, Listing, Record
from freezer.cli.listing import Cells, listing, pairs, value
from freezer.errors import UsageError

_KEY: Mapping[str, Cells] = {
    "Client ID": value("client_id"),
    "Key ID": value("key_id"),
    "Made by": value("made_by"),
    "Made at": lambda document: _date(document["made_at"]),
}
_NEW_KEY: Mapping[str, Cells] = {
    "Client ID": value("client_id"),
    "Key ID": value("key_id"),
    "Token": value("token"),
}
_QUOTA: Mapping[str, Cells] = {
    "Resource": value("resource"),
    "Used": value("used"),
    "Limit": lambda document: _limit(document["limit"]),
}
_AUDIT: Mapping[str, Cells] = {
    "Time": lambda document: _date(document["time"]),
    "User": lambda document: document["user_name"] or document["user_id"],
    "Operation": value("operation"),
    "Target": value("target"),
    "Address": value("address"),
}


def _date(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def _limit(number: int) -> object:
    from freezer.model.quotas import UNLIMITED

    return "none" if number == UNLIMITED else number


def create_key(context: Context, given: Given) -> Record:
    document = context.api().clients.make_key(given.text("client_id"))
    return Record(pairs(_NEW_KEY, document), document)


def show_key(context: Context, given: Given) -> Record:
    document = context.api().clients.key(given.text("client_id"))
    return Record(pairs(_KEY, document), document)


def delete_key(context: Context, given: Given) -> Done:
    name = given.text("client_id")
    context.api().clients.delete_key(name)
    return Done(f"key of client {name} deleted", {"client_id": name})


def show_quotas(context: Context, _given: Given) -> Listing:
    return _quotas(context.api().tenancy.quotas())


def update_quotas(context: Context, given: Given) -> Listing:
    limits = dict(_read_limit(each) for each in given.texts("limit"))
    return _quotas(context.api().tenancy.change_quotas(limits))


def _quotas(found: Mapping[str, Mapping[str, Any]]) -> Listing:
    return listing(_QUOTA, [{"resource": name, **each} for name, each in found.items()])


def _read_limit(text: str) -> tuple[str, int | None]:
    from freezer.model.quotas import RESOURCES, UNLIMITED

    name, _, number = text.partition("=")
    if name not in RESOURCES:
        raise UsageError(f"{text}: there is no limit {name!r}", hint=f"there are {', '.join(RESOURCES)}")
    if number == "default":
        return name, None
    if number == "none":
        return name, UNLIMITED
    if not number.removeprefix("-").isdecimal() or int(number) < UNLIMITED:
        raise UsageError(f"{text}: a limit is a number, none, or default", hint="for example jobs=200")
    return name, int(number)


def list_audit(context: Context, given: Given) -> Listing:
    wanted = {"user_id": given.optional("user"), "operation": given.optional("operation")}
    limit = given.count("limit") or None
    return listing(_AUDIT, context.api().tenancy.audit(limit=limit, target=given.optional("target"), **wanted))


COMMANDS = (
    Command("client-key-create", "give a client's machine a key of its own", create_key, Record, (ID,)),
    Command("client-key-show", "show which key a client has", show_key, Record, (ID,)),
    Command("client-key-delete", "take its key from a client", delete_key, Done, (ID,)),
    Command("quota-show", "show how much the project has and may have", show_quotas, Listing),
    Command(
        "quota-update",
        "change how much the project may have",
        update_quotas,
        Listing,
        (
            Argument(
                ("limit",),
                "NAME=NUMBER, NAME=none or NAME=default; quota-show has the names",
                metavar="LIMIT",
                many=True,
            ),
        ),
    ),
    Command(
        "audit-list",
        "list who did what, the newest first",
        list_audit,
        Listing,
        (
            Argument(("--limit",), "how many to list (default: 100; 0: all)", kind="count", default=100, metavar="N"),
            Argument(("--user",), "only what the user with this id did", metavar="ID"),
            Argument(("--operation",), "only this, such as jobs:delete", metavar="NAME"),
            Argument(("--target",), "only what was done to this, such as jobs/ID", metavar="PATH"),
        ),
    ),
)
