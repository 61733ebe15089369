"""The storages that the settings name, with retries and rate limits around them.

A container to read from that does not exist is looked for by the name that releases before 2.0 gave it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from freezer.agent.context import Context
from freezer.agent.places.place import Place
from freezer.errors import UsageError
from freezer.options.commandline import SOURCE
from freezer.options.resolve import StorageSection
from freezer.options.rules import named_section
from freezer.options.table import BY_NAME
from freezer.storage.contract import Storage
from freezer.storage.local import LocalStorage
from freezer.storage.readonly import ReadOnlyStorage
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.throttle import ThrottledStorage, TokenBucket

OLD_PREFIX = "freezer_"
"""What releases before 2.0 put before the name of every container."""

_WRITING = frozenset({"backup", "check-storage"})
_LOOKING = frozenset({"info", "list", "show"})  # which change nothing
_PATHS = frozenset({"local", "ssh", "ftp", "ftps"})  # their containers are directories
_NEVER_PREFIXED = frozenset({"s3"})  # which came later

_Buckets = tuple[TokenBucket | None, TokenBucket | None]  # for what goes up, for what comes down


@contextmanager
def opened(
    context: Context, sections: Sequence[StorageSection], *, reading: bool | None = None
) -> Iterator[list[Place]]:
    """The storages of ``sections``, closed in the end; their containers may not exist yet. ``reading``: old names are
    tried; by default if the action is one that reads."""
    if reading is None:
        reading = context.invocation.action not in _WRITING
    limits = _Limits(context)
    places: list[Place] = []
    try:
        for section in sections:
            place = Place(section, alone=len(sections) == 1)
            places.append(place)
            with place.trouble():
                around = _Around(context, limits.of(section, sections), several=not place.alone)
                _open(context, place, around, reading=reading)
        yield places
    finally:
        for place in places:
            place.close()


def sections_of(context: Context) -> tuple[StorageSection, ...]:
    """The storages that the run is about: all, or the one that ``--from-storage`` names."""
    settings = context.settings
    if BY_NAME["from_storage"].belongs_to(context.invocation.action):
        named = named_section(settings, "from_storage")
        if named is not None:
            return (named,)
    return settings.storages


def open_local(context: Context, container: str) -> Storage:
    """The directory ``container`` as a storage."""
    return _Around(context, _Limits(context).all, several=False)(_local(context, container))


def _open(context: Context, place: Place, around: _Around, *, reading: bool) -> None:
    section = place.section
    place.use(around(_OPENERS[section.storage](context, section)))
    if reading:
        _use_older(context, place, around)
    elif section.storage == "local" and not section.given("container"):
        context.notice(f"--container is not given: its default means {place.storage.describe()}")


def _use_older(context: Context, place: Place, around: _Around) -> None:
    """If the container does not exist, take the one of the older name, if that does."""
    section, newer, old = place.section, place.storage, _old_name(place.section)
    if old is None or newer.exists():
        return
    values = {**section.values, "container": old}
    older = around(_OPENERS[section.storage](context, msgspec.structs.replace(section, values=values)))
    try:
        if older.exists():
            place.use(older)
            context.notice(f"there is no container {section.container}; {old} is used, as old releases called it")
    finally:
        (newer if place.storage is older else older).close()


def _old_name(section: StorageSection) -> str | None:
    """The name that releases before 2.0 gave the container; None if it would be the same."""
    name = section.container
    folder, last = os.path.split(name.rstrip("/")) if section.storage in _PATHS else ("", name)
    if not last or last.startswith(OLD_PREFIX) or section.storage in _NEVER_PREFIXED:
        return None
    return os.path.join(folder, OLD_PREFIX + last)


def _local(context: Context, container: str) -> Storage:
    return LocalStorage(os.path.expanduser(_directory(container)), clock=context.clock)


def _ssh(context: Context, place: StorageSection) -> Storage:
    from freezer.agent.commands import environment
    from freezer.storage.ssh import Server, SshStorage

    host = place.optional_text("ssh_host")
    if not host:
        raise UsageError("--storage ssh needs --ssh-host")
    if place.source("ssh_password") == SOURCE:
        context.notice("--ssh-password on a command line can be read by everybody on this machine: give it in a file")
    server = Server(
        host=host,
        port=place.integer("ssh_port") if place.given("ssh_port") else None,
        username=place.optional_text("ssh_username") or None,
        key=_key(place),
        password=place.secret("ssh_password"),
        accept_new_host_key=place.flag("ssh_accept_new_host_key"),
        known_hosts=_known_hosts(place),
    )
    root = _directory(place.container)
    return SshStorage(server, root, clock=context.clock, environment=environment(os.environ))


def _known_hosts(place: StorageSection) -> str | None:
    named = place.optional_text("ssh_known_hosts")
    return os.path.abspath(os.path.expanduser(named)) if named else None


def _swift(context: Context, place: StorageSection) -> Storage:
    from freezer.agent.places.swift import open_swift

    return open_swift(context, place)


def _s3(context: Context, place: StorageSection) -> Storage:
    from freezer.agent.places.s3 import open_s3

    return open_s3(context, place)


def _ftp(context: Context, place: StorageSection) -> Storage:
    from freezer.agent.places.ftp import open_ftp

    return open_ftp(context, place)


def _key(place: StorageSection) -> str | None:
    """The private key if another than ssh's own default is asked for."""
    key = place.optional_text("ssh_key")
    if not key or key == os.path.expanduser("~/.ssh/id_rsa") or place.secret("ssh_password") is not None:
        return None
    if not os.path.exists(key):
        raise UsageError(f"--ssh-key {key}: there is no such file")
    return key


def _directory(container: str) -> str:
    if not container:
        raise UsageError("--container is empty; it must name a directory")
    return container


class _Limits:
    """The rate limits of a run. They bound the sum over all storages beyond the network, or over all if none is."""

    def __init__(self, context: Context) -> None:
        self.all: _Buckets = _bucket(context, "upload_limit"), _bucket(context, "download_limit")

    def of(self, section: StorageSection, sections: Sequence[StorageSection]) -> _Buckets:
        """Those for ``section``, which is one of ``sections``."""
        beyond = any(each.storage != "local" for each in sections)
        return (None, None) if beyond and section.storage == "local" else self.all


class _Around:
    """What is put around a storage: retries, rate limits, if the run has ``several`` storages an end of waiting for one
    that hangs, and if it is only to look around a refusal of everything else."""

    def __init__(self, context: Context, buckets: _Buckets, *, several: bool) -> None:
        self._context = context
        self._buckets = buckets
        self._several = several

    def __call__(self, storage: Storage) -> Storage:
        settings = self._context.settings
        seconds = settings.integer("storage_timeout")
        if self._several:
            from freezer.storage.patience import PatientStorage

            storage = PatientStorage(storage, seconds)
        upload, download = self._buckets
        if upload is not None or download is not None:
            storage = ThrottledStorage(storage, upload=upload, download=download)
        policy = RetryPolicy(total=seconds) if settings.given("storage_timeout") else None
        storage = RetryingStorage(storage, self._context.clock, policy=policy)
        return ReadOnlyStorage(storage) if _changes_nothing(self._context) else storage


def _changes_nothing(context: Context) -> bool:
    """Whether the run is one that must leave every storage as it is."""
    action = context.invocation.action
    return action in _LOOKING or (BY_NAME["dry_run"].belongs_to(action) and context.settings.flag("dry_run"))


def _bucket(context: Context, name: str) -> TokenBucket | None:
    rate = context.settings.optional_integer(name)
    return TokenBucket(rate, context.clock) if rate is not None and rate > 0 else None


_OPENERS: Mapping[str, Callable[[Context, StorageSection], Storage]] = {
    "local": lambda context, place: _local(context, place.container),
    "ftp": _ftp,
    "ftps": _ftp,
    "ssh": _ssh,
    "s3": _s3,
    "swift": _swift,
}
