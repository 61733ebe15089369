"""Clients, backups and searches, as they are written."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from msgspec import UNSET, Meta, UnsetType

from freezer.model.backups import STATUSES
from freezer.model.clients import LEGAL
from freezer.model.forms.words import ClientName, Filled, Form, Id, Scalar, Schema, one_of

_Description = Annotated[str, Meta(max_length=4096)]
_HostName = Annotated[str, Meta(max_length=255, pattern="[a-zA-Z0-9]", description="Printable, with a name in it.")]
_ALL = Meta(description="All of 19.0.0's if not said.")
_Actions = Annotated[list[Annotated[str, one_of(LEGAL["supported_actions"])]], _ALL]
_Modes = Annotated[list[Annotated[str, one_of(LEGAL["supported_modes"])]], _ALL]
_Storages = Annotated[list[Annotated[str, one_of(LEGAL["supported_storages"])]], _ALL]
_Engines = Annotated[list[Annotated[str, one_of(LEGAL["supported_engines"])]], _ALL]
_Allowed = Annotated[str, Meta(min_length=1, max_length=4096, pattern=r"\S")]
_Commands = Annotated[
    list[_Allowed], Meta(max_length=1000, description="Whole command lines that jobs may name; if told, no others.")
]
_Files = Annotated[
    list[_Allowed], Meta(max_length=1000, description="Files of settings that jobs may name; if told, no others.")
]


class _Client(Form, frozen=True, kw_only=True):
    """What clients and changes of them have in common."""

    hostname: _HostName | UnsetType = UNSET
    description: _Description | UnsetType = UNSET
    uuid: Id | UnsetType = UNSET
    supported_actions: _Actions | UnsetType = UNSET
    supported_modes: _Modes | UnsetType = UNSET
    supported_storages: _Storages | UnsetType = UNSET
    supported_engines: _Engines | UnsetType = UNSET
    allowed_commands: _Commands | UnsetType | None = UNSET
    allowed_files: _Files | UnsetType | None = UNSET


class ClientForm(_Client, frozen=True, kw_only=True):
    """A client as it registers itself. Other keys mean nothing."""

    client_id: ClientName
    is_central: Annotated[bool, Meta(description="Whether it serves all projects.")] | UnsetType = UNSET


class OldClientForm(_Client, frozen=True, kw_only=True):
    """A client as it registers itself by v1, which has no central ones. Other keys mean nothing."""

    client_id: ClientName


class ClientChange(_Client, frozen=True, kw_only=True):
    """What a client tells anew about itself. Other keys mean nothing."""

    client_id: ClientName | UnsetType = UNSET


_COMPLETE = {
    "required": ["backup_name", "container"],
    "anyOf": [{"required": ["hostname"]}, {"required": ["host_name"]}],
}
_UNFINISHED = {
    "required": ["backup_name", "status"],
    "properties": {"status": {"enum": ["creating", "error", "deleting"]}},
}


class _Names(Form, frozen=True, kw_only=True):
    """What every report about a backup has."""

    backup_name: Filled
    container: Filled | UnsetType | None = UNSET
    hostname: Filled | UnsetType | None = UNSET
    host_name: Annotated[str | None, Meta(description="An older name of `hostname`.")] | UnsetType = UNSET


class BackupForm(_Names, frozen=True, kw_only=True):
    """A report about a backup: its metadata, flat, whatever they are, at most 32 levels deep."""

    status: Annotated[str | None, one_of((*STATUSES, None))] | UnsetType = UNSET
    SCHEMA: ClassVar[Schema] = {"anyOf": [_COMPLETE, _UNFINISHED]}


class OldBackupForm(_Names, frozen=True, kw_only=True):
    """A report about a backup by v1: its metadata, flat, whatever they are, at most 32 levels deep."""

    SCHEMA: ClassVar[Schema] = _COMPLETE


class BackupChange(Form, frozen=True, kw_only=True):
    """What is to change of a backup; metadata may also stand beside ``backup_metadata``."""

    status: Annotated[str | None, one_of((*STATUSES, None))] | UnsetType = UNSET
    backup_metadata: dict[str, Any] | UnsetType = UNSET
    SCHEMA: ClassVar[Schema] = {"minProperties": 1}


class OldBackupChange(Form, frozen=True, kw_only=True):
    """Metadata to be changed by v1, themselves."""

    SCHEMA: ClassVar[Schema] = {"minProperties": 1, "not": {"required": ["backup_metadata"]}}


_Conditions = Annotated[
    list[dict[str, Scalar]],
    Meta(
        description="Keys, looked up anywhere in the document, with the values that are meant; "
        "`_all` stands for text anywhere."
    ),
]
_Instant = Annotated[int, Meta(ge=0, lt=2**53)] | Annotated[str, Meta(pattern="^[0-9]{1,15}$")] | None


class SearchForm(Form, frozen=True, kw_only=True):
    """A search: all of ``match`` must hold, none of ``match_not`` may; times are for backups. At most 50 conditions."""

    match: _Conditions | UnsetType | None = UNSET
    match_not: _Conditions | UnsetType | None = UNSET
    time_after: _Instant | UnsetType = UNSET
    time_before: _Instant | UnsetType = UNSET
