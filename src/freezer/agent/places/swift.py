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

if TYPE_CHECKING:
    from freezer.keystone.access import CloudAccess


def open_swift(context: Context, place: StorageSection) -> Storage:
    """The Swift container of ``place``."""
    from freezer.storage.swift import SwiftStorage

    name = place.container
    if not name:
        raise UsageError("--container is empty; it must name a container of Swift")
    return SwiftStorage(_access(context, place), name)


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
