"""What a backup reads, and what of it is left out."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import msgspec

from freezer.agent.context import Context
from freezer.engine.contract import Tree
from freezer.engine.dedup.backup.run import Stream
from freezer.errors import SourceError, UsageError
from freezer.mode.fs import FileSystemMode
from freezer.model.items import printable
from freezer.tree.exclude import Exclusion

Excluded = Callable[[bytes], bool]


class Reading(msgspec.Struct, frozen=True):
    """What is read: a tree, or one stream of bytes (standard input, the content of a device); and what is left out."""

    source: Tree | Stream
    excluded: Excluded | None = None


@contextmanager
def prepared(context: Context) -> Iterator[Reading]:
    """The source, ready to be read."""
    settings = context.settings
    name = settings.optional_text("stdin_name")
    if name is not None:
        yield Reading(_standard_input(name))
        return
    sync = settings.flag("sync") and not settings.flag("dry_run")
    mode = FileSystemMode(settings.text("path_to_backup"), sync=sync, notice=context.notice)
    with mode.prepare() as source:
        device = None if source.name is None else os.path.join(source.path, source.name)
        if device is not None and stat.S_ISBLK(os.stat(device, follow_symlinks=False).st_mode):
            with open(device, "rb", buffering=0) as file:
                yield Reading(Stream(source.name or b"", file.readinto, device))
            return
        yield Reading(tree := Tree(source.path, source.name), _left_out(context, tree))


def _standard_input(name: str) -> Stream:
    if not name or "/" in name or name in (".", "..") or "\0" in name:
        raise UsageError(f"--stdin-name {name!r} is no name of a file")
    if sys.stdin is None or sys.stdin.isatty():
        raise SourceError("standard input is a terminal: there is nothing in it to back up", hint="use a pipe")
    return Stream(os.fsencode(name), open(sys.stdin.fileno(), "rb", buffering=0, closefd=False).readinto)


def _left_out(context: Context, source: Tree) -> Excluded | None:
    """What ``--exclude`` names, and the container, if it lies in the source. :class:`SourceError` if the source lies in
    the container: a repository cannot hold itself."""
    patterns = context.settings.texts("exclude")
    excluded = Exclusion(patterns).matches if patterns else None
    container = _local_container(context)
    if container is None:
        return excluded
    top = os.path.realpath(source.path if source.name is None else os.path.join(source.path, source.name))
    if _is_within(top, container):
        raise SourceError(
            f"{printable(top)} is inside of the container {printable(container)}, which cannot hold itself"
        )
    if not _is_within(container, top):
        return excluded
    own = os.path.relpath(container, top)
    context.notice(f"{printable(container)} is in the source, and is left out: it is the container")
    return lambda path: path == own or (excluded is not None and excluded(path))


def _local_container(context: Context) -> bytes | None:
    section = context.settings.storages[0]
    if section.storage != "local":
        return None
    return os.fsencode(os.path.realpath(os.path.expanduser(section.container)))


def _is_within(path: bytes, folder: bytes) -> bool:
    return path == folder or path.startswith(folder.rstrip(b"/") + b"/")
