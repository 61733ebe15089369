"""What a document from the API may make a node execute.

The option table marks the options that make the agent run a program, or read a file that can say so. A *node policy*
names what of that is allowed, word for word; without one, nothing is. It is written on the node, by whoever owns it;
a client may tell the API what is in it, so that jobs that it would refuse are refused where they are made. Schedulers
check again, with their own copy, before they start an agent.
"""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from functools import cache

import msgspec

from freezer.errors import DocumentError
from freezer.model.actions import FreezerAction
from freezer.model.checking import Path, a_text, an_array, shown
from freezer.options.spec import Kind
from freezer.options.table import BY_NAME

COMMANDS = "allowed_commands"
FILES = "allowed_files"
_MOST = 1000
_LONGEST = 4096


class NodePolicy(msgspec.Struct, frozen=True):
    """Whole command lines, and paths of files with settings, that documents may name."""

    commands: frozenset[str] = frozenset()
    files: frozenset[str] = frozenset()

    def allows(self, option: str, value: str) -> bool:
        """Whether a document may give ``option`` this value. Blanks between words of a command do not count."""
        if BY_NAME[option].kind is Kind.PATH:
            return value in self.files
        return " ".join(value.split()) in self.commands

    def document(self) -> dict[str, list[str]]:
        """The policy as it stands in documents about clients."""
        return {COMMANDS: sorted(self.commands), FILES: sorted(self.files)}


NOTHING = NodePolicy()


def executed(action: FreezerAction) -> Iterator[tuple[str, str]]:
    """Each option of ``action`` that executes something, with what it is given."""
    for name, values in action.given.items():
        if BY_NAME[name].executes:
            yield from ((name, value) for value in values)


def refusal(action: FreezerAction, policy: NodePolicy) -> str | None:
    """Why a node with ``policy`` does not do ``action``; None if it does."""
    for option, value in executed(action):
        if not policy.allows(option, value):
            return f"{option}: {shown(value)} is not among what may be executed"
    return None


def foreign(action: FreezerAction, also: Container[str] = ()) -> str | None:
    """Why a client that serves every project does not do ``action`` for another project; None if it does. ``also``:
    options that the operator lets such projects set, besides those that are meant for them."""
    modes = action.given.get("mode") or action.needs().get("mode", ())
    for name in action.given:
        if name in also:
            continue
        if not BY_NAME[name].tenant_may_set:
            return f"{name} cannot be set for a client that serves every project"
        if not all(name in tenants_options(mode) for mode in modes or ("",)):
            where = f"mode {', '.join(modes)}" if modes else "an action without a mode"
            return f"{name} has no meaning in {where}, and cannot be set for a client that serves every project"
    return None


@cache
def tenants_options(mode: str) -> frozenset[str]:
    """What a project may set in a mode of a client that serves every project; of no mode in particular if it is
    empty."""
    return frozenset(
        name for name, each in BY_NAME.items() if each.tenant_may_set and (not each.modes or mode in each.modes)
    )


def read_policy(document: Mapping[str, object]) -> NodePolicy | None:
    """The policy in ``allowed_commands`` and ``allowed_files`` of a document; None if it has neither."""
    if document.get(COMMANDS) is None and document.get(FILES) is None:
        return None
    commands = (" ".join(each.split()) for each in _texts(document, COMMANDS))
    return NodePolicy(frozenset(commands), frozenset(_texts(document, FILES)))


def _texts(document: Mapping[str, object], key: str) -> Iterator[str]:
    value = document.get(key)
    listed = [] if value is None else an_array(value, (key,))
    if len(listed) > _MOST:
        raise DocumentError(f"{key} has more than {_MOST} entries", (key,))
    for place, each in enumerate(listed):
        path: Path = (key, place)
        text = a_text(each, path, _LONGEST)
        if not text.strip():
            raise DocumentError(f"{key} has an empty entry", path)
        yield text
