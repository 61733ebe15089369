"""Jobs: one or more actions of one client, and when they run."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from freezer.errors import DocumentError
from freezer.model.actions import ActionDraft, read_action
from freezer.model.checking import CLIENT, ID, Path, a_text, an_array, an_integer, an_object, matching, only
from freezer.model.schedule import read_schedule

_OLD_NAMES = {"job_action": "job_actions"}
KEYS = frozenset(
    {
        "job_actions",
        "job_schedule",
        "job_id",
        "client_id",
        "session_id",
        "session_tag",
        "session_name",
        "user_id",
        "project_id",
        "description",
        "_version",
        "event_number",
        "action_defaults",
        "user_credentials",
        "trust_id",
        "trustor_user_id",
        "credential",
    }
)
REPORT_KEYS = frozenset({"job_schedule", "session_id", "session_tag"})
"""The keys of the report that the original's scheduler sends as a PATCH."""

_MAX_ACTIONS = 200


class JobDraft(msgspec.Struct, frozen=True):
    """A job as somebody wants it, or the part of one that is to change; UNSET where nothing was said.

    In a change, a value None in ``schedule`` asks for the removal of that key.
    """

    client_id: str | UnsetType = UNSET
    description: str | UnsetType = UNSET
    schedule: dict[str, object] | UnsetType = UNSET
    actions: tuple[ActionDraft, ...] | UnsetType = UNSET
    job_id: str | UnsetType = UNSET
    session_id: str | UnsetType = UNSET
    session_tag: int | UnsetType = UNSET
    project_id: str | UnsetType = UNSET
    credentials: Mapping[str, object] | UnsetType = UNSET
    keys: frozenset[str] = frozenset()

    def document(self) -> dict[str, object]:
        """The draft as a document to be sent."""
        plain = {
            "client_id": self.client_id,
            "description": self.description,
            "job_schedule": self.schedule,
            "job_id": self.job_id,
            "session_id": self.session_id,
            "session_tag": self.session_tag,
        }
        result: dict[str, object] = {key: value for key, value in plain.items() if value is not UNSET}
        if self.actions is not UNSET:
            result["job_actions"] = [each.document() for each in self.actions]
        return result


def read_job(value: object, *, client_required: bool = True, old: bool = False) -> JobDraft:
    """A whole job; DocumentError with the path of what is wrong.

    Understood besides: the document in a ``job`` of its own, ``job_action`` and ``job-action`` (one or several),
    ``max_retry_interval``, intervals in the singular, empty start and end dates, ``action_defaults``. ``old``: by v1,
    which does not look at ``job_id``.
    """
    if old and isinstance(value, dict):
        value = {key: each for key, each in value.items() if key != "job_id"}
    draft = _read(value, partial=False)
    if draft.actions is UNSET:
        raise DocumentError("'job_actions' is a required property", ())
    if client_required and draft.client_id is UNSET:
        raise DocumentError("'client_id' is a required property", ())
    return draft


def read_job_change(value: object) -> JobDraft:
    """The part of a job that is to change."""
    return _read(value, partial=True)


def _read(value: object, *, partial: bool) -> JobDraft:
    written, path = _unwrapped(an_object(value, ()))
    document: dict[str, object] = {}
    spelt: dict[str, str] = {}
    for key, each in written.items():
        name = key.replace("-", "_")
        name = _OLD_NAMES.get(name, name)
        document[name], spelt[name] = each, key
    for name in document:
        if name not in KEYS:
            only({spelt[name]: None}, (), path)
    return JobDraft(
        client_id=_matching(document, "client_id", CLIENT, path),
        description=_text(document, "description", path),
        schedule=_schedule(document, path, partial=partial),
        actions=_actions(document, spelt, path),
        job_id=_matching(document, "job_id", ID, path),
        session_id=_text(document, "session_id", path),
        session_tag=UNSET
        if document.get("session_tag") is None
        else an_integer(document["session_tag"], (*path, "session_tag")),
        project_id=_text(document, "project_id", path),
        credentials=_credentials(document, path),
        keys=frozenset(document),
    )


def _unwrapped(document: dict[str, object]) -> tuple[dict[str, object], Path]:
    inner = document.get("job")
    if len(document) == 1 and isinstance(inner, dict):
        return inner, ("job",)
    return document, ()


def _matching(document: Mapping[str, object], key: str, pattern: object, path: Path) -> str | UnsetType:
    value = document.get(key)
    if value is None or (value == "" and key == "job_id"):
        return UNSET
    return matching(value, CLIENT if pattern is CLIENT else ID, (*path, key))


def _text(document: Mapping[str, object], key: str, path: Path) -> str | UnsetType:
    value = document.get(key)
    return UNSET if value is None else a_text(value, (*path, key))


def _schedule(document: Mapping[str, object], path: Path, *, partial: bool) -> dict[str, object] | UnsetType:
    if "job_schedule" not in document:
        return UNSET
    return read_schedule(document["job_schedule"], (*path, "job_schedule"), removing=partial)


def _credentials(document: Mapping[str, object], path: Path) -> Mapping[str, object] | UnsetType:
    """Empty ones take a trust back; None says nothing."""
    value = document.get("user_credentials")
    return UNSET if value is None else an_object(value, (*path, "user_credentials"))


def _actions(
    document: Mapping[str, object], spelt: Mapping[str, str], path: Path
) -> tuple[ActionDraft, ...] | UnsetType:
    defaults: dict[str, object] = {}
    if "action_defaults" in document:
        inner = document["action_defaults"]
        if not isinstance(inner, dict):
            raise DocumentError("action_defaults should be a dictionary", (*path, "action_defaults"))
        defaults = inner
    if "job_actions" not in document:
        return UNSET
    key = spelt["job_actions"]
    value = document["job_actions"]
    if isinstance(value, dict) and key != "job_actions":
        return (read_action(_as_action(value), (*path, key), defaults),)
    entries = an_array(value, (*path, key))
    if len(entries) > _MAX_ACTIONS:
        raise DocumentError(f"a job has at most {_MAX_ACTIONS} actions", (*path, key))
    return tuple(read_action(each, (*path, key, place), defaults) for place, each in enumerate(entries))


def _as_action(value: dict[str, object]) -> dict[str, object]:
    """The oldest documents have the parameters themselves in ``job_action``."""
    return value if "freezer_action" in value or "action_id" in value else {"freezer_action": value}


class EventRequest(msgspec.Struct, frozen=True):
    """What a user asks of a job: ``start``, ``stop`` or ``abort``."""

    event: str


def read_event(value: object) -> EventRequest:
    """The body of an event request; only its first key counts."""
    if not isinstance(value, dict) or not value:
        raise DocumentError("Bad event request format", ())
    event = next(iter(value))
    if event not in {"start", "stop", "abort"}:
        raise DocumentError("Bad Action Method", (event,))
    return EventRequest(event)
