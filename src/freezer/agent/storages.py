"""The storages that the settings name, with retries and rate limits around them."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping

from freezer.agent.context import Context
from freezer.errors import NotBuiltError, UsageError
from freezer.options.commandline import SOURCE
from freezer.options.resolve import StorageSection
from freezer.storage.contract import Storage
from freezer.storage.local import LocalStorage
from freezer.storage.retry import RetryingStorage
from freezer.storage.throttle import ThrottledStorage, TokenBucket


def open_storage(context: Context) -> Storage:
    """The storage of this run, of the main options or of its one ``[storage:NAME]`` section; its container may not
    exist yet."""
    place = context.settings.storages[0]
    if place.storage not in _OPENERS:
        raise NotBuiltError(
            f"--storage {place.storage} is not in this build yet",
            hint="use --storage local with a directory as --container",
        )
    return _wrapped(context, _OPENERS[place.storage](context, place))


def open_local(context: Context, container: str) -> Storage:
    """The directory ``container`` as a storage."""
    return _wrapped(context, _local(context, container))


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
    )
    root = _directory(place.container)
    return SshStorage(server, root, clock=context.clock, environment=environment(os.environ))


def _swift(context: Context, place: StorageSection) -> Storage:
    from freezer.agent.cloud import open_swift

    return open_swift(context, place)


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


def _wrapped(context: Context, storage: Storage) -> Storage:
    """``storage`` with retries and, if asked for, rate limits around it."""
    upload, download = _bucket(context, "upload_limit"), _bucket(context, "download_limit")
    if upload is not None or download is not None:
        storage = ThrottledStorage(storage, upload=upload, download=download)
    return RetryingStorage(storage, context.clock)


def _bucket(context: Context, name: str) -> TokenBucket | None:
    rate = context.settings.optional_integer(name)
    return TokenBucket(rate, context.clock) if rate is not None and rate > 0 else None


_OPENERS: Mapping[str, Callable[[Context, StorageSection], Storage]] = {
    "local": lambda context, place: _local(context, place.container),
    "ssh": _ssh,
    "swift": _swift,
}
