"""``client-…``."""

from __future__ import annotations

from collections.abc import Mapping

from freezer.cli.command import Argument, Command, Context, Done, Given, Listing, Record
from freezer.cli.files import read_document
from freezer.cli.listing import LIST_ARGUMENTS, Cells, listing, page, pairs, value
from freezer.cli.searches import search_of
from freezer.errors import UsageError

ID = Argument(("client_id",), "id of the client")

COLUMNS: Mapping[str, Cells] = {
    "Client ID": value("client", "client_id"),
    "uuid": value("client", "uuid"),
    "hostname": value("client", "hostname"),
    "description": value("client", "description"),
}
DETAILS: Mapping[str, Cells] = {
    "Client ID": value("client", "client_id"),
    "Client UUID": value("client", "uuid"),
    "hostname": value("client", "hostname"),
    "description": value("client", "description"),
}


def list_clients(context: Context, given: Given) -> Listing:
    search = search_of(context, given)
    return listing(COLUMNS, context.api().clients.find(search=search, **page(given)))


def show_client(context: Context, given: Given) -> Record:
    return _shown(context, given.text("client_id"))


def register_client(context: Context, given: Given) -> Record:
    from freezer.model.clients import read_client

    document = read_document(given.text("file")).read(lambda raw: read_client(raw).document())
    with document.blamed():
        identifier = context.api().clients.create(document.content)
    return _shown(context, identifier)


def delete_client(context: Context, given: Given) -> Done:
    context.api().clients.delete(given.text("client_id"))
    return Done(f"client {given.text('client_id')} deleted", {"client_id": given.text("client_id")})


def settle_client(context: Context, given: Given) -> Done:
    identifier, scheduler = given.text("client_id"), given.text("scheduler")
    if scheduler not in ("leasing", "legacy"):
        raise UsageError(f"a scheduler is leasing or legacy, not {scheduler}")
    context.api().clients.settle(identifier, scheduler)
    return Done(f"client {identifier}: its scheduler is {scheduler}", {"client_id": identifier, "scheduler": scheduler})


def _shown(context: Context, identifier: str) -> Record:
    document = context.api().clients.get(identifier)
    return Record(pairs(DETAILS, document), document)


COMMANDS = (
    Command("client-list", "list clients: machines that run jobs", list_clients, Listing, LIST_ARGUMENTS),
    Command("client-show", "show a client", show_client, Record, (ID,)),
    Command(
        "client-register",
        "register a client, or change one, from a file",
        register_client,
        Record,
        (Argument(("--file",), "JSON or YAML file; - for standard input", required=True, metavar="FILE"),),
    ),
    Command(
        "client-scheduler",
        "say which kind of scheduler runs a client's jobs, after two kinds did",
        settle_client,
        Done,
        (ID, Argument(("scheduler",), "leasing (ours, which claims runs) or legacy (the original's)")),
    ),
    Command("client-delete", "delete a client", delete_client, Done, (ID,)),
)
