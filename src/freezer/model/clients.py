"""Clients: machines, or pools of them, that run jobs; each says what it can do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import msgspec
from msgspec import UNSET, UnsetType

from freezer.errors import DocumentError
from freezer.model.checking import (
    CLIENT,
    HOST,
    ID,
    a_boolean,
    a_text,
    an_array,
    an_object,
    matching,
    one_of,
    required,
    shown,
)
from freezer.model.execution import NodePolicy, read_policy
from freezer.options.spec import ACTIONS
from freezer.options.table import BY_NAME

CAPABILITIES: Mapping[str, tuple[str, ...]] = {
    "supported_actions": ("backup", "restore", "info", "admin", "exec"),
    "supported_modes": ("fs", "mongo", "mysql", "sqlserver", "cinder", "glance", "cindernative", "nova"),
    "supported_storages": ("local", "swift", "ssh", "s3", "ftp", "ftps"),
    "supported_engines": ("tar", "rsync", "rsyncv2", "nova", "osbrick", "glance"),
}
"""What a client can do that does not say: what every client of 19.0.0 can."""

LEGAL: Mapping[str, tuple[str, ...]] = {
    "supported_actions": (
        *CAPABILITIES["supported_actions"],
        *(a for a in ACTIONS if a not in CAPABILITIES["supported_actions"]),
    ),
    "supported_modes": (
        *CAPABILITIES["supported_modes"],
        *(m for m in BY_NAME["mode"].choices if m not in CAPABILITIES["supported_modes"]),
    ),
    "supported_storages": CAPABILITIES["supported_storages"],
    "supported_engines": (*CAPABILITIES["supported_engines"], "dedup"),
}
"""What a client may say that it can do."""

_LONGEST = 4096

ASPECTS: Mapping[str, str] = {
    "action": "supported_actions",
    "mode": "supported_modes",
    "storage": "supported_storages",
    "engine": "supported_engines",
}


class ClientDraft(msgspec.Struct, frozen=True):
    """A client as it registers itself, or the part of one that is to change; UNSET where nothing was said.

    ``policy``: what its node may be made to execute; None if it does not say.
    """

    client_id: str | UnsetType = UNSET
    hostname: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    uuid: str | UnsetType = UNSET
    is_central: bool = False
    capabilities: Mapping[str, tuple[str, ...]] = {}
    policy: NodePolicy | None = None

    def document(self) -> dict[str, object]:
        """The draft as a document to be sent."""
        plain = {
            "client_id": self.client_id,
            "hostname": self.hostname,
            "description": self.description,
            "uuid": self.uuid,
        }
        result: dict[str, object] = {key: value for key, value in plain.items() if value is not UNSET}
        if self.is_central:
            result["is_central"] = True
        if self.policy is not None:
            result.update(self.policy.document())
        return {**result, **{key: list(each) for key, each in self.capabilities.items()}}


class SchedulerKind(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Which scheduler runs a client's jobs: one that claims runs (``leasing``), or the original's (``legacy``)."""

    scheduler: Literal["leasing", "legacy"]


def read_client(value: object, *, old: bool = False) -> ClientDraft:
    """A registration, also inside ``client``; unknown keys are left out. ``old``: by v1, which knows no central
    clients."""
    document = _unwrapped(an_object(value, ()))
    required(document, "client_id", ())
    return _read(document, old=old)


def read_client_change(value: object) -> ClientDraft:
    """What a client tells anew about itself: hostname, description, capabilities; also inside ``client``."""
    return _read(_unwrapped(an_object(value, ())), old=True)


def _unwrapped(document: Mapping[str, object]) -> Mapping[str, object]:
    """The client itself, also of a document as the API answers it."""
    inner = document.get("client")
    return inner if isinstance(inner, dict) else document


def _read(document: Mapping[str, object], *, old: bool) -> ClientDraft:
    def given(key: str) -> bool:
        return key in document

    return ClientDraft(
        client_id=matching(document["client_id"], CLIENT, ("client_id",)) if given("client_id") else UNSET,
        hostname=_host_name(document["hostname"]) if given("hostname") else UNSET,
        description=a_text(document["description"], ("description",), _LONGEST) if given("description") else UNSET,
        uuid=matching(document["uuid"], ID, ("uuid",)) if given("uuid") else UNSET,
        is_central=a_boolean(document["is_central"], ("is_central",)) if given("is_central") and not old else False,
        policy=read_policy(document),
        capabilities={key: _names(key, document[key]) for key in CAPABILITIES if key in document},
    )


def _host_name(value: object) -> str:
    """Any text with a name in it: hosts have been registered under odd names, and nothing depends on it."""
    text = a_text(value, ("hostname",))
    if not text.isprintable() or HOST.search(text) is None:
        raise DocumentError(f"{shown(text)} does not match '{HOST.pattern}'", ("hostname",))
    return text


def _names(key: str, value: object) -> tuple[str, ...]:
    names = an_array(value, (key,))
    return tuple(dict.fromkeys(one_of(each, LEGAL[key], (key, place)) for place, each in enumerate(names)))
