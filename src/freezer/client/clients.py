"""Clients: registered schedulers."""

from __future__ import annotations

from freezer.client.collection import Collection, Document
from freezer.client.wire import Wire, segments


class Clients(Collection):
    """The clients that a project may use. Registering one that is known changes what is known of it."""

    same_when_twice = True

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, "clients", "client", "client_id")

    def settle(self, identifier: str, scheduler: str) -> None:
        """Say which kind of scheduler runs its jobs (``leasing``, ``legacy``); its runs can be claimed again."""
        path = segments(self.name, identifier, "scheduler")
        self.wire.ask("PUT", path, self._what(identifier), body={"scheduler": scheduler})

    def identifier(self, document: Document) -> str:
        return str(details(document).get(self.id_key))

    def make_key(self, identifier: str) -> Document:
        """A key for the machine of a client, told this once: ``token`` is what it sends; any older key is void."""
        path = segments(self.name, identifier, "key")
        return self._object(self.wire.ask("POST", path, self._what(identifier), harmless=False))

    def key(self, identifier: str) -> Document:
        """Which key a client has; :class:`freezer.errors.ApiMissing` if it has none."""
        return self._object(self.wire.ask("GET", segments(self.name, identifier, "key"), self._what(identifier)))

    def delete_key(self, identifier: str) -> None:
        """Take its key from a client; from then on its machine is nobody."""
        self.wire.ask("DELETE", segments(self.name, identifier, "key"), self._what(identifier))


def details(document: Document) -> Document:
    """The client within the document that the API gives of it."""
    inner = document.get("client")
    return inner if isinstance(inner, dict) else document
