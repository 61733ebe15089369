"""Swift, as whoever the environment, or the ``osrc`` file of a storage's section, says that we are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from freezer.agent.context import Context
from freezer.errors import UsageError
from freezer.keystone import read_credentials
from freezer.keystone.rcfile import read_rc_file
from freezer.options.resolve import DEFAULT, StorageSection
from freezer.storage.contract import Storage
from freezer.storage.retry import RetryingStorage

if TYPE_CHECKING:
    from freezer.keystone.access import CloudAccess

OLD_PREFIX = "freezer_"
"""What releases before 2.0 put before the name of every container."""

_WRITING = frozenset({"backup", "check-storage"})


def open_swift(context: Context, place: StorageSection) -> Storage:
    """The Swift container of ``place``. One to read from that does not exist is looked for by the name that old
    releases gave it.
    """
    from freezer.storage.swift import SwiftStorage

    name = place.container
    if not name:
        raise UsageError("--container is empty; it must name a container of Swift")
    access = _access(context, place)
    storage = SwiftStorage(access, name)
    if context.invocation.action in _WRITING or name.startswith(OLD_PREFIX):
        return storage
    other = SwiftStorage(access, OLD_PREFIX + name)
    if RetryingStorage(storage, context.clock).exists() or not RetryingStorage(other, context.clock).exists():
        return storage
    context.notice(f"there is no container {name}; {OLD_PREFIX}{name} is used, as old releases called it")
    return other


def swift_containers(context: Context, place: StorageSection) -> Sequence[tuple[str, int, int]]:
    """Every container of the project: name, bytes and number of Swift objects."""
    from freezer.storage.swift.account import list_containers
    from freezer.storage.swift.wire import Wire

    wire = Wire(_access(context, place))
    try:
        return list_containers(wire)
    finally:
        wire.close()


def _access(context: Context, place: StorageSection) -> CloudAccess:
    try:
        from freezer.keystone.access import CloudAccess
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--storage swift needs {error.name}, which is not installed", hint="pip install 'freezer[swift]'"
        ) from None
    settings = context.settings
    file = place.optional_text("osrc")
    environ = os.environ if file is None else read_rc_file(file, os.environ)
    try:
        credentials = read_credentials(
            environ,
            source="the environment" if file is None else file,
            trust=settings.optional_text("os_trust_id"),
            insecure=settings.flag("insecure"),
            home=os.path.expanduser("~"),
        )
    except UsageError as error:
        if place.source("storage") != DEFAULT:
            raise
        raise UsageError(
            f"--storage is not given, and its default is swift: {error.message}",
            hint="for a directory, pass --storage local" + (f"; for Swift, {error.hint}" if error.hint else ""),
        ) from None
    return CloudAccess(credentials)
