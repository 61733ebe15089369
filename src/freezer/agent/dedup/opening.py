"""The repository of a container, opened with what the options give."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import msgspec

from freezer.agent.context import Context
from freezer.agent.places.opening import opened, sections_of
from freezer.crypto.passphrase import read_pass_file, read_secret_file
from freezer.errors import ContainerError, UsageError
from freezer.repository.access import founding
from freezer.repository.access.founding import Opener
from freezer.repository.cache import Cache
from freezer.repository.config import Decider
from freezer.repository.local import LocalState
from freezer.repository.reserve import RoomMaker
from freezer.repository.store import Repository
from freezer.storage.contract import Storage


class Opened(msgspec.Struct, frozen=True):
    """A repository, this user's copies of its objects, and what this machine remembers of it."""

    repository: Repository
    cache: Cache
    local: LocalState


@contextmanager
def opened_storage(context: Context, *, reading: bool | None = None) -> Iterator[Storage]:
    """The one storage of an action on a repository."""
    sections = sections_of(context)
    if len(sections) > 1:
        raise UsageError(
            f"a repository is in one storage, and there are {len(sections)}", hint="--from-storage names one of them"
        )
    with opened(context, sections, reading=reading) as places:
        yield places[0].storage


def opener_of(context: Context) -> Opener:
    """What the repository is opened with."""
    settings = context.settings
    machine, path = settings.optional_text("machine_secret_file"), settings.optional_text("encrypt_pass_file")
    if machine is not None and path is not None:
        raise UsageError("only one of --encrypt-pass-file and --machine-secret-file can be given")
    return _opener(context, machine, path)


def new_opener_of(context: Context) -> Opener:
    """What shall open the repository as well."""
    settings = context.settings
    return _opener(context, settings.optional_text("new_machine_secret_file"), settings.optional_text("new_pass_file"))


def _opener(context: Context, machine: str | None, path: str | None) -> Opener:
    trusts = context.settings.flag("trust_pass_file_permissions")
    if machine is not None:
        return Opener(read_secret_file(machine, allow_readable_by_others=trusts), machine=True)
    return Opener(read_pass_file(path, allow_readable_by_others=trusts).secret if path is not None else None)


def open_to_read(context: Context, storage: Storage) -> Opened:
    """:class:`~freezer.errors.ContainerError` if there is no repository, :class:`~freezer.errors.PassphraseError` if
    the options do not open it."""
    repository = founding.open_(storage, context.clock, opener_of(context), context.notice)
    if not repository.keys.encrypted:
        context.notice(f"{repository.describe()} is not encrypted: whoever reads the storage reads every backup")
    cache = Cache.of(repository, context.notice)
    return Opened(repository, cache, LocalState.of(repository, context.notice))


def open_to_write(context: Context, storage: Storage) -> Opened:
    """The same as an agent that may write for this host. Nobody writes where the storage no longer promises what the
    repository relies on."""
    storage.prepare()  # which finds out what it can do
    found = open_to_read(context, storage)
    if found.repository.config.decider is Decider.CREATE_ONCE and not storage.capabilities.create_once:
        raise ContainerError(
            f"{found.repository.describe()} decides by create-once, but the storage lets several writers win now",
            hint="nothing was changed; `freezer-agent check-storage` says what it promises, and restores work",
        )
    repository = found.local.enter(found.repository, context.settings.text("hostname"))
    return msgspec.structs.replace(found, repository=repository)


def open_to_forget(context: Context, storage: Storage) -> Opened:
    """As :func:`open_to_write`, also where the storage is full; the last piece of the reserve is left to ``prune``."""
    return open_to_write(context, RoomMaker(storage, leave=1))
