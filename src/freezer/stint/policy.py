"""What the owner of a node lets jobs do that others have made: a file on the node, and its rules.

The file is TOML::

    allowed_commands = ["/usr/local/bin/quiesce"]
    allowed_files = ["/etc/freezer/mysql.conf"]
    allowed_actions = ["backup", "check"]
    allowed_options = ["mode", "engine_name", "storage", "container", "backup_name", "path_to_backup"]
    allowed_backup_paths = ["/srv", "/home"]
    allowed_restore_paths = ["/srv/restored"]

Commands and files are those of :mod:`freezer.model.execution`, and none is allowed that is not named. Each of the other
lists limits something where it stands; ``allowed_options`` need not name ``action``. A path stands for itself and for
everything below it, as it really is: no symbolic link leads out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import msgspec

from freezer.errors import DocumentError, UsageError
from freezer.model import execution
from freezer.model.actions import FreezerAction
from freezer.model.central import CentralPolicy
from freezer.model.checking import a_text, an_array, shown
from freezer.model.execution import COMMANDS, FILES
from freezer.options.names import find_key

_ACTIONS, _OPTIONS = "allowed_actions", "allowed_options"
_PATHS = {"allowed_backup_paths": "path_to_backup", "allowed_restore_paths": "restore_abs_path"}
_KEYS = (COMMANDS, FILES, _ACTIONS, _OPTIONS, *_PATHS)
_LONGEST = 4096


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """``actions``, ``options``, ``backup_paths``, ``restore_paths``: None where nothing is said. ``central``: what a
    scheduler that serves every project does for the ``project`` whose job it is; None for any other scheduler."""

    commands: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()
    actions: frozenset[str] | None = None
    options: frozenset[str] | None = None
    backup_paths: tuple[str, ...] | None = None
    restore_paths: tuple[str, ...] | None = None
    central: CentralPolicy | None = None
    project: str = ""

    def refusal(self, action: FreezerAction) -> str | None:
        """Why the node does not do that, in one line; None if it does."""
        reason = None if self.central is None else self.central.refusal(self.project, action)
        if reason is not None:
            return reason
        name = action.action
        if self.actions is not None and name not in self.actions:
            return f"the action {name} is not among those that this node does for others"
        for option in action.given:
            if self.options is not None and option not in self.options and option != "action":
                return f"{option} is not among the options that others may set on this node"
        return self._outside(action.given) or execution.refusal(action, self.executing())

    def executing(self) -> execution.NodePolicy:
        """Its part about commands and files, which the API may know."""
        return execution.NodePolicy(self.commands, self.files)

    def _outside(self, given: Mapping[str, tuple[str, ...]]) -> str | None:
        for option, allowed in (("path_to_backup", self.backup_paths), ("restore_abs_path", self.restore_paths)):
            for path in given.get(option, ()) if allowed is not None else ():
                if not any(_is_below(path, each) for each in allowed or ()):
                    return f"{option}: {shown(path)} is not below a path that this node allows"
        return None


def read(path: str) -> Policy:
    """The policy in a file. UsageError that names the file, and the key, for what is none."""
    import tomllib

    try:
        with open(path, "rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise UsageError(f"policy file {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"policy file {path} is no TOML: {error}") from None
    try:
        return _read(document)
    except DocumentError as error:
        key = "".join(f"{each}: " for each in error.path[:1] if str(each) not in error.message)
        raise UsageError(f"policy file {path}: {key}{error.message}") from None


def of_node(path: str, usual: str) -> Policy:
    """The policy in ``path``. Where the owner of the node has made no file in the ``usual`` place, others may execute
    nothing."""
    if path == usual and not os.path.exists(path):
        return Policy()
    return read(path)


def _read(document: Mapping[str, Any]) -> Policy:
    for key in document:
        if key not in _KEYS:
            raise DocumentError(f"{key} is not known; allowed: {' '.join(_KEYS)}")
    node = execution.read_policy(document) or execution.NOTHING
    return Policy(
        node.commands,
        node.files,
        _names(document, _ACTIONS),
        _option_names(document),
        _paths(document, "allowed_backup_paths"),
        _paths(document, "allowed_restore_paths"),
    )


def _texts(document: Mapping[str, Any], key: str) -> list[str] | None:
    value = document.get(key)
    if value is None:
        return None
    return [a_text(each, (key, place), _LONGEST) for place, each in enumerate(an_array(value, (key,)))]


def _names(document: Mapping[str, Any], key: str) -> frozenset[str] | None:
    texts = _texts(document, key)
    return None if texts is None else frozenset(texts)


def _option_names(document: Mapping[str, Any]) -> frozenset[str] | None:
    texts = _texts(document, _OPTIONS)
    if texts is None:
        return None
    known = {each: find_key(each) for each in texts}
    for each, found in known.items():
        if found is None:
            raise DocumentError(f"{_OPTIONS}: {each} is no option")
    return frozenset(found[0].name for found in known.values() if found is not None)


def _paths(document: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    texts = _texts(document, key)
    for each in texts or ():
        if not os.path.isabs(each):
            raise DocumentError(f"{key}: {each} is not absolute")
    return None if texts is None else tuple(texts)


def _is_below(path: str, allowed: str) -> bool:
    real, top = os.path.realpath(os.path.expanduser(path)), os.path.realpath(allowed)
    return real == top or real.startswith(top.rstrip("/") + "/")
