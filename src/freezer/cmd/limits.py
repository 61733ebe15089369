"""What a stint may take of its machine, set by the agent itself at its beginning: children inherit it."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from freezer.agent.priority import set_disk_class
from freezer.stint.brief import Limits

_CLASSES = {"best-effort": 2, "idle": 3}
_LEVEL = 4  # the middle one, which ionice takes too


def limit(limits: Limits, name: str) -> Iterator[str]:
    """Apply ``limits``, and leave no image of this process behind if it crashes; a line for each limit that cannot be
    had here. ``name``: of the cgroup, if there is to be one."""
    if sys.platform == "win32":
        return
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    memory = limits.memory
    if limits.nice:
        yield from _tried("nice", lambda: os.nice(limits.nice))
    if limits.ionice:
        yield from _tried("ionice", lambda: _disk(limits.ionice))
    if limits.cgroup:
        group = os.path.join(limits.cgroup, f"freezer-{name}-{os.getpid()}")
        failed = list(_tried("cgroup", lambda: _enter(group, memory)))
        yield from failed
        memory = memory if failed else None
    if memory is not None:
        yield from _tried("memory", lambda: resource.setrlimit(resource.RLIMIT_AS, (memory, memory)))


def _tried(what: str, action: Callable[[], object]) -> Iterator[str]:
    try:
        action()
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        yield f"{what} is not limited: {reason}"


def _disk(text: str) -> None:
    kind, _, level = text.partition(":")
    set_disk_class(_CLASSES[kind], int(level or _LEVEL) if kind == "best-effort" else 0)


def _enter(path: str, memory: int | None) -> None:
    """A cgroup of our own below one that is delegated to us. Empty ones of earlier agents are taken away."""
    for each in os.scandir(os.path.dirname(path)):
        if each.name.startswith("freezer-") and each.is_dir(follow_symlinks=False):
            with contextlib.suppress(OSError):
                os.rmdir(each.path)  # only one without processes lets itself be removed
    os.makedirs(path, exist_ok=True)
    if memory is not None:
        _set(path, "memory.max", str(memory))
    _set(path, "cgroup.procs", str(os.getpid()))


def _set(path: str, name: str, value: str) -> None:
    with open(os.path.join(path, name), "w", encoding="ascii") as file:
        file.write(value)
