"""S3, as whoever the options, the environment or the files in ``~/.aws`` say that we are."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from freezer.agent.context import Context
from freezer.browse.info import ContainerRow, sum_up
from freezer.errors import PermissionDenied, UsageError
from freezer.options.commandline import SOURCE
from freezer.options.resolve import StorageSection
from freezer.secret import Secret
from freezer.storage.contract import Storage
from freezer.storage.retry import RetryingStorage

if TYPE_CHECKING:
    from freezer.storage.s3 import Access, Protection


def open_s3(context: Context, place: StorageSection) -> Storage:
    """The bucket of ``place``."""
    access = _access(context, place, os.environ)
    from freezer.storage.s3 import S3Storage

    if not place.container:
        raise UsageError("--container is empty; it must name a bucket of S3")
    return S3Storage(access, place.container, clock=context.clock, protection=_protection(place))


def s3_containers(context: Context, place: StorageSection) -> list[ContainerRow]:
    """All buckets of the account that may be listed, summed up object by object, as S3 itself keeps no sums."""
    access = _access(context, place, os.environ)
    from freezer.storage.s3 import S3Storage, list_buckets

    rows = []
    for name in list_buckets(access, context.clock):
        storage = RetryingStorage(S3Storage(access, name, clock=context.clock), context.clock)
        try:
            rows.append(sum_up(storage, name))
        except PermissionDenied:
            context.notice(f"bucket {name} may not be listed")
        finally:
            storage.close()
    return rows


def _access(context: Context, place: StorageSection, environ: os._Environ[str]) -> Access:
    try:
        from freezer.storage.s3 import Style
        from freezer.storage.s3.credentials import Given, find_access
    except ModuleNotFoundError as error:
        raise UsageError(
            f"--storage s3 needs {error.name}, which is not installed", hint="pip install 'freezer[s3]'"
        ) from None
    if place.source("secret_key") == SOURCE:
        context.notice("--secret-key on a command line can be read by everybody on this machine: give it in a file")
    # 19.0.0 reads these three, and only for the storage of the main options
    plain = environ if not place.name else {}
    access_key, secret_key = place.optional_text("access_key"), place.secret("secret_key")
    if not access_key and secret_key is None:
        access_key, text = plain.get("ACCESS_KEY"), plain.get("SECRET_KEY")
        secret_key = Secret.from_text(text) if text else None
    style = place.optional_text("s3_addressing")
    given = Given(
        access_key=access_key or None,
        secret_key=secret_key,
        endpoint=place.optional_text("endpoint") or plain.get("ENDPOINT"),
        region=place.optional_text("s3_region"),
        style=None if style is None else Style(style),
        insecure=context.settings.flag("insecure"),
    )
    return find_access(given, environ)


def _protection(place: StorageSection) -> Protection:
    from freezer.storage.s3 import Lock, Protection

    days = place.optional_integer("s3_lock_days")
    lock = None if days is None else Lock(days, place.text("s3_lock_mode"))
    return Protection(versioning=place.flag("s3_versioning"), lock=lock)
