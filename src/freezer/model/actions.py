"""Actions: what the agent is to do, as options of the one table, with how often it may be tried.

A ``freezer_action`` is kept as it was written, except that names get the letters the table knows them by and an older
name brings the present one along. What is *given* is by option, in the agent's own words, and is what every check
looks at: no spelling of a name or value leads around a check.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
from msgspec import UNSET, UnsetType

from freezer.errors import DocumentError, UsageError
from freezer.model.checking import ID, Path, a_boolean, a_text, an_integer, an_object, matching, only, required, shown
from freezer.options.document import normal_text
from freezer.options.names import find_key, unknown_key
from freezer.options.spec import Option
from freezer.options.values import Assignment, convert

MAX_RETRIES = 5
MAX_RETRIES_INTERVAL = 6
_MODES_WITH_ENGINE = frozenset({"fs", "mysql", "mongo", "sqlserver"})
_STORING = frozenset({"backup", "restore"})
_LONGEST_VALUE = 65_536
KEYS = frozenset({"freezer_action", "max_retries", "max_retries_interval", "mandatory", "action_id"})
SERVER_KEYS = frozenset({"user_id", "project_id", "exit_status", "timeout", "priority"})
"""What documents of servers and old examples carry beside; it means nothing when it is sent."""

_OLD_NAMES = {"max_retry_interval": "max_retries_interval"}


class FreezerAction(msgspec.Struct, frozen=True):
    """``stored``: as it is kept; ``given``: by option, all that was said about it, in the agent's words."""

    stored: dict[str, object]
    given: Mapping[str, tuple[str, ...]]

    @property
    def action(self) -> str:
        """What is to be done."""
        return self.given["action"][0]

    def needs(self) -> Mapping[str, tuple[str, ...]]:
        """What a client must support, by ``action``, ``mode``, ``storage`` and ``engine``; defaults are filled in."""
        needed = {"action": self.given["action"]}
        storing = self.action in _STORING
        mode = self.given.get("mode") or (("fs",) if storing else ())
        if mode:
            needed["mode"] = mode
        storage = self.given.get("storage") or (("swift",) if storing and mode != ("cindernative",) else ())
        if storage:
            needed["storage"] = storage
        with_engine = storing and set(mode) <= _MODES_WITH_ENGINE
        engine = self.given.get("engine_name") or (("tar",) if with_engine else ())
        if engine:
            needed["engine"] = engine
        return needed

    def agree(self, path: Path) -> None:
        """DocumentError if an option was given twice with different values."""
        for name, values in self.given.items():
            option = find_key(name)
            if len(values) > 1 and option is not None and not option[0].repeatable:
                raise DocumentError(f"{name} is given twice: {' and '.join(map(shown, values))}", path)


class ActionDraft(msgspec.Struct, frozen=True):
    """An action as somebody wants it; None or UNSET where nothing was said."""

    action_id: str | None = None
    freezer_action: FreezerAction | None = None
    max_retries: int | UnsetType = UNSET
    max_retries_interval: int | UnsetType = UNSET
    mandatory: bool | UnsetType = UNSET

    def document(self) -> dict[str, object]:
        """The draft as a document to be sent."""
        result: dict[str, object] = {}
        if self.freezer_action is not None:
            result["freezer_action"] = self.freezer_action.stored
        if self.action_id is not None:
            result["action_id"] = self.action_id
        for key in ("max_retries", "max_retries_interval", "mandatory"):
            value = getattr(self, key)
            if value is not UNSET:
                result[key] = value
        return result


def read_action(value: object, path: Path = (), defaults: Mapping[str, object] | None = None) -> ActionDraft:
    """An entry of ``job_actions``: a whole action, or the ``action_id`` of one; DocumentError for what is neither.

    ``defaults`` are the job's ``action_defaults``: they fill what the action leaves out.
    """
    draft = _read(value, path, defaults, partial=False)
    if draft.freezer_action is None and draft.action_id is None:
        raise DocumentError("'freezer_action' is a required property", path)
    return draft


def read_new_action(value: object, *, old: bool = False) -> ActionDraft:
    """The body of a request that creates or replaces an action.

    ``action`` and ``mode`` beside ``freezer_action`` mean nothing, but must be possible; v1 (``old``) does not look.
    """
    document = an_object(value, ())
    for key in ("action", "mode"):
        if key in document and not old:
            _check_value(_option(key, ()), document[key], (key,))
    required(document, "freezer_action", ())
    draft = _read({k: v for k, v in document.items() if k not in {"action", "mode"}}, (), None, partial=False)
    if draft.freezer_action is None:
        raise DocumentError("freezer_action: None is not of type 'object'", ("freezer_action",))
    draft.freezer_action.agree(("freezer_action",))
    return draft


def read_action_change(value: object) -> tuple[ActionDraft, dict[str, object]]:
    """The body of a request that changes an action, and the keys of ``freezer_action`` to be merged, null to remove."""
    document = an_object(value, ())
    wanted = document.get("freezer_action", {})
    merged = _renamed(an_object(wanted, ("freezer_action",)), ("freezer_action",))
    rest = {key: each for key, each in document.items() if key != "freezer_action"}
    return _read(rest, (), None, partial=True), merged


def _read(value: object, path: Path, defaults: Mapping[str, object] | None, *, partial: bool) -> ActionDraft:
    written = an_object(value, path)
    document: dict[str, object] = {}
    for key, each in written.items():
        name = key.replace("-", "_")
        document[_OLD_NAMES.get(name, name)] = each
    only(document, KEYS | SERVER_KEYS, path)
    wanted = document.get("freezer_action")
    action_id = document.get("action_id")
    freezer_action = None
    if wanted is not None or ("freezer_action" in document and not partial):
        inner = (*path, "freezer_action")
        filled = an_object(wanted, inner)
        if defaults and action_id is None:
            filled = _filled(filled, defaults)
        freezer_action = read_freezer_action(filled, inner)
    return ActionDraft(
        None if action_id is None else matching(action_id, ID, (*path, "action_id")),
        freezer_action,
        _number(document, "max_retries", path),
        _number(document, "max_retries_interval", path),
        a_boolean(document["mandatory"], (*path, "mandatory")) if document.get("mandatory") is not None else UNSET,
    )


def _number(document: Mapping[str, object], key: str, path: Path) -> int | UnsetType:
    value = document.get(key)
    return UNSET if value is None else an_integer(value, (*path, key), least=0)


def _filled(action: Mapping[str, object], defaults: Mapping[str, object]) -> dict[str, object]:
    given = {found[0].name for key, each in action.items() if each is not None and (found := find_key(key))}
    missing = {
        key: each for key, each in defaults.items() if (found := find_key(key)) is None or found[0].name not in given
    }
    return {**action, **missing}


def read_freezer_action(value: object, path: Path) -> FreezerAction:
    """A ``freezer_action``; DocumentError for an unknown key, a wrong value, or no ``action``."""
    stored = _renamed(an_object(value, path), path)
    given: dict[str, tuple[str, ...]] = {}
    for key, each in list(stored.items()):
        if each is None:
            continue
        option = _option(key, path)
        texts = _check_value(option, each, (*path, key))
        if not texts:
            continue
        before = given.get(option.name, ())
        given[option.name] = before + tuple(text for text in texts if text not in before)
        if key != option.name and stored.get(option.name) is None and _is_older_name(key, option):
            stored[option.name] = each
    if not given.get("action"):
        raise DocumentError("'action' is a required property", path)
    return FreezerAction(stored, given)


def _is_older_name(key: str, option: Option) -> bool:
    return any(alias.name == key for alias in option.aliases)


def _renamed(document: Mapping[str, object], path: Path) -> dict[str, object]:
    """``document`` with its names in the table's letters: lower case, underscores; every one that of an option.

    What servers answer has keys that no option has, with null, and comes back.
    """
    result: dict[str, object] = {}
    for key, each in document.items():
        name = key.strip().lower().replace("-", "_")
        if each is None and find_key(key) is None:
            continue
        _option(key, path)
        if name in result and result[name] != each:
            raise DocumentError(f"{name} is given twice", (*path, key))
        result[name] = each
    return result


def _option(key: str, path: Path) -> Option:
    found = find_key(key)
    where = ".".join(map(str, path)) or "action"
    if found is None:
        raise DocumentError(unknown_key(key, where).message, (*path, key))
    if found[0].command_line_only:
        raise DocumentError(f"{where}: {key} can be given on the command line only", (*path, key))
    return found[0]


def _check_value(option: Option, value: object, path: Path) -> tuple[str, ...]:
    """The texts that ``value`` stands for in the agent's words; none if it means "not set"."""
    result = []
    for text in _texts(option, value, path):
        meant = normal_text(option, text)
        if meant is None:
            continue
        try:
            converted = convert(Assignment(option, meant, str(path[-1]), "the document"), "")
        except UsageError as error:
            raise DocumentError(error.message, path) from None
        result.append(converted if option.choices and isinstance(converted, str) else meant)
    return tuple(result)


def _texts(option: Option, value: object, path: Path) -> list[str]:
    if isinstance(value, str):
        return [a_text(value, path, _LONGEST_VALUE)]
    if isinstance(value, bool | int | float):
        return [str(value)]
    if isinstance(value, list) and option.repeatable and all(isinstance(each, str) for each in value):
        return [a_text(each, path, _LONGEST_VALUE) for each in value]
    if value is None:
        return []
    raise DocumentError(f"{option.name}: {shown(value)} is not possible; allowed: {option.allowed()}", path)
