"""What the agent is to do, as it is written: the options of the one table."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
from msgspec import UNSET, Meta, UnsetType

from freezer.model.forms.words import Count, Form, Id, Schema, one_of
from freezer.options.names import find_key
from freezer.options.spec import ACTIONS, Kind, Option
from freezer.options.table import BY_NAME, OPTIONS

_UNSET_WORDS = ("", "None", "none", "null", "False", "false")


def _named(option: Option) -> Iterator[tuple[str, bool]]:
    """The keys that mean an option, and whether each is an older one."""
    spelling = option.spelling[2:].replace("-", "_")
    yield option.name, False
    for name in dict.fromkeys((spelling, *(alias.name for alias in option.aliases))):
        found = find_key(name)
        if name != option.name and found is not None and found[0] is option:
            yield name, name != spelling


def _typed(option: Option, key: str, *, older: bool) -> Any:
    extra: dict[str, Any] = {"type": ["string", "number", "boolean", "null"]}
    if option.kind is Kind.CHOICE:
        extra = {"enum": [*option.choices, *(each for each in _UNSET_WORDS if each not in option.choices), None, False]}
    if option.repeatable:
        extra = {"anyOf": [extra, {"type": "array", "items": {"type": "string"}}]}
    if older:
        extra["deprecated"] = True
    if option.secret:
        extra["format"] = "password"
    return Annotated[Any, Meta(description=_about(option, key), extra_json_schema=extra)]


def _about(option: Option, key: str) -> str:
    if key != option.name:
        return f"The same as `{option.name}`."
    allowed = "" if option.kind is Kind.CHOICE else f" {_sentence(option.allowed())}"
    return _sentence(option.help) + allowed


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}."


def _of_table(name: str, about: str, *, whole: bool) -> Any:
    fields: list[Any] = []
    for option in OPTIONS:
        if option.command_line_only:
            continue
        for key, older in _named(option):
            if whole and key == "action":
                words = Annotated[str, Meta(description=option.help, extra_json_schema={"enum": list(ACTIONS)})]
                fields.append((key, words))
            else:
                fields.append((key, _typed(option, key, older=older) | UnsetType, UNSET))
    extra = {"additionalProperties": {"type": "null"}}
    return msgspec.defstruct(name, fields, namespace={"__doc__": about, "SCHEMA": extra}, frozen=True, kw_only=True)


if TYPE_CHECKING:
    FreezerActionForm = dict[str, object]
    FreezerActionChange = dict[str, object]
else:
    FreezerActionForm = _of_table(
        "FreezerAction", "What the agent is to do, with its options. A value null means that it is not set.", whole=True
    )
    FreezerActionChange = _of_table(
        "FreezerActionChange", "What is to change of what the agent is to do; null removes an option.", whole=False
    )

_ModeWord = Annotated[Any, one_of((*BY_NAME["mode"].choices, *_UNSET_WORDS, None, False))]
_ActionWord = Annotated[Any, one_of((*ACTIONS, *_UNSET_WORDS, None, False))]


class _Tries(Form, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How often an action is tried; and keys that mean nothing when they are sent."""

    max_retries: Annotated[Count | None, Meta(description="How often it is tried again; 5.")] | UnsetType = UNSET
    max_retries_interval: Annotated[Count | None, Meta(description="Seconds between tries; 6.")] | UnsetType = UNSET
    mandatory: Annotated[bool | None, Meta(description="Whether the job ends when it fails.")] | UnsetType = UNSET
    user_id: Any | UnsetType = UNSET
    project_id: Any | UnsetType = UNSET
    exit_status: Any | UnsetType = UNSET
    timeout: Any | UnsetType = UNSET
    priority: Any | UnsetType = UNSET


class ActionForm(_Tries, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action."""

    freezer_action: FreezerActionForm
    action_id: Id | UnsetType | None = UNSET
    action: _ActionWord | UnsetType = UNSET
    mode: _ModeWord | UnsetType = UNSET


class OldActionForm(_Tries, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action, as v1 takes it: what stands beside ``freezer_action`` is not looked at."""

    freezer_action: FreezerActionForm
    action_id: Id | UnsetType | None = UNSET
    action: Any | UnsetType = UNSET
    mode: Any | UnsetType = UNSET


class ActionChange(_Tries, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is to change of an action; what is not said stays."""

    freezer_action: FreezerActionChange | UnsetType = UNSET
    action_id: Id | UnsetType | None = UNSET


class JobActionForm(_Tries, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An action of a job: a new one, or the id of one that is there."""

    freezer_action: FreezerActionForm | UnsetType | None = UNSET
    action_id: Id | UnsetType | None = UNSET
    SCHEMA: ClassVar[Schema] = {"anyOf": [{"required": ["freezer_action"]}, {"required": ["action_id"]}]}
