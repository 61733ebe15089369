"""Which stored backup an action is about, and in which storage."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.agent.places.place import Place, each, failure_of, working
from freezer.agent.sealing import load_passphrase
from freezer.agent.stored.archive import Archive
from freezer.container.catalogue import Catalogue, read_catalogue
from freezer.container.chain import StoredBackup
from freezer.container.document import GCM_STREAM
from freezer.container.selection import select
from freezer.errors import BackupNotFound, FreezerError, NotBuiltError, PassphraseError, UsageError
from freezer.storage.contract import Storage
from freezer.storage.remember import RememberingStorage

_ENGINE = "tar"


def open_catalogue(storage: Storage) -> Catalogue:
    """Everything in the container; :class:`BackupNotFound` if there is no container."""
    if not storage.exists():
        raise BackupNotFound(
            f"there is no container {storage.describe()}",
            hint="--container names what backups are in: a directory, a container of Swift, or a bucket of S3",
        )
    return read_catalogue(storage)


def storage_to_read(context: Context, places: list[Place]) -> Storage:
    """The storage that has the chosen backup. Of several it is the one whose is the newest, the first of equals."""
    if len(places) == 1:
        return places[0].storage
    for place in working(places):
        place.use(RememberingStorage(place.storage))  # the one chosen is looked through once more
    found = each(places, lambda place: choose(context, open_catalogue(place.storage))[-1].key)
    for place in places:
        if place.error is not None:
            context.notice(f"{place.name} is not read: {place.error.message}")
    if not found:
        raise _nowhere(places)
    newest = max((key.zero, key.time) for _, key in found)
    place = next(place for place, key in found if (key.zero, key.time) == newest)
    context.notice(f"{place.shown} is read")
    return place.storage


def _nowhere(places: list[Place]) -> FreezerError:
    """The error for a backup that cannot be had from any of the ``places``."""
    error = failure_of(places)
    assert error is not None
    missing = all(isinstance(place.error, BackupNotFound) for place in places)
    return BackupNotFound(error.message, hint=error.hint) if missing else error


def choose(context: Context, catalogue: Catalogue) -> tuple[StoredBackup, ...]:
    """The chosen backup with the levels below it, level 0 first."""
    settings = context.settings
    date = settings.date("restore_from_date")
    chain = select(
        catalogue,
        hostname=settings.text("hostname"),
        backup_name=context.invocation.backup_name,
        raw_name=settings.text("backup_name"),
        date=date.seconds if date is not None else None,
        level=settings.optional_integer("restore_level"),
        id=settings.optional_text("restore_backup_id"),
    )
    engine = chain[-1].key.set.engine
    if engine != _ENGINE:
        raise NotBuiltError(f"{chain[-1].key} was made by engine {engine}, which this build does not have yet")
    return chain


def open_archives(context: Context, catalogue: Catalogue, chain: tuple[StoredBackup, ...]) -> tuple[Archive, ...]:
    """The levels of ``chain`` ready to be read; errors for a missing or pointless passphrase come before any
    reading."""
    passphrase = load_passphrase(context)
    archives = tuple(Archive(catalogue, backup, passphrase) for backup in chain)
    encrypted = [archive for archive in archives if archive.cipher is not None]
    if encrypted and passphrase is None:
        raise PassphraseError(
            f"{encrypted[0].backup.key} is encrypted and there is no passphrase",
            hint="give it with --encrypt-pass-file",
        )
    if passphrase is not None and not encrypted and context.settings.source("encrypt_pass_file") != "default":
        _refuse_clear(context, archives)
    refuse_weaker_levels(context, archives)
    return archives


def refuse_weaker_levels(context: Context, archives: tuple[Archive, ...]) -> None:
    """:class:`UsageError` for a level that is not authenticated in a chain that is: somebody may have replaced it."""
    weaker = [archive for archive in archives if archive.cipher != GCM_STREAM]
    if weaker and len(weaker) < len(archives) and not context.settings.flag("allow_unauthenticated"):
        raise UsageError(
            f"{weaker[0].backup.key} is not authenticated although its chain is",
            hint="somebody may have replaced it; --allow-unauthenticated uses it all the same",
        )


def _refuse_clear(context: Context, archives: tuple[Archive, ...]) -> None:
    if not context.settings.flag("allow_unauthenticated"):
        raise UsageError(
            f"{archives[-1].backup.key} is not encrypted, but a pass file was given",
            hint="leave --encrypt-pass-file out, or add --allow-unauthenticated, if that is expected",
        )
