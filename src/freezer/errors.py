"""The one tree of errors, and the exit code that each of them means.

::

    FreezerError                    1  failed
    ├── UsageError                  2  the caller asked for something that cannot be
    │   ├── NotBuiltError           2  an option whose part this build does not have
    │   └── DocumentError           2  a job, action, session, client or backup document that cannot be
    ├── SourceError                 1  what should be backed up cannot be
    ├── StorageError                1  a storage did not do what its contract says
    │   ├── ObjectNotFound
    │   ├── ObjectExists
    │   ├── PermissionDenied
    │   ├── StorageFull
    │   ├── TransientError          (retryable)
    │   └── PermanentError
    ├── BusyError                   1  somebody else works on the same backup set
    ├── ContainerError              1  what the container holds does not allow this
    │   ├── BackupNotFound
    │   └── ChainBroken
    ├── DataError                   1  stored bytes are not what was written
    │   ├── DamagedError
    │   ├── UnknownFormat
    │   └── PassphraseError
    ├── TargetError                 1  the place to restore to cannot be used
    ├── ApiError                    1  the API of the control plane did not do what it was asked for
    │   ├── ApiUnavailable          (retryable)
    │   ├── ApiDenied
    │   ├── ApiMissing
    │   ├── ApiConflict
    │   └── ApiInvalid
    └── CommandError                1  a program that we were told to run failed

A backup or restore that completed but had to leave items out is no error: its result lists them and its
exit code is :data:`EXIT_PARTIAL`. Programs turn errors into text, JSON and exit codes in ``freezer.cmd``
and nowhere else.
"""

from __future__ import annotations

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_PARTIAL = 3


class FreezerError(Exception):
    """Something went wrong that the user should read about in one line.

    ``message`` says what happened, ``hint`` what to do next, ``retryable`` whether the same call may succeed
    later without anybody changing anything.
    """

    exit_code: int = EXIT_FAILED
    retryable: bool = False

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return self.message


class UsageError(FreezerError):
    """An unknown option, a bad value, or options that contradict each other."""

    exit_code = EXIT_USAGE


class NotBuiltError(UsageError):
    """An option of the table whose part this build does not have yet."""


class DocumentError(UsageError):
    """A document cannot be what it should be; ``path`` leads to the offending value: ``("job_actions", 0)``."""

    def __init__(self, message: str, path: tuple[str | int, ...] = (), *, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.path = path


class SourceError(FreezerError):
    """The source as a whole cannot be backed up (single files that fail are items of the result)."""


class StorageError(FreezerError):
    """A storage failed; the message names the storage and the object."""


class ObjectNotFound(StorageError):
    """There is no object of that name."""


class ObjectExists(StorageError):
    """``put_new`` found an object of that name."""


class PermissionDenied(StorageError):
    """The storage refuses us."""


class StorageFull(StorageError):
    """No space or quota left."""


class TransientError(StorageError):
    """A failure that a later try may not meet: a timeout, a dropped connection, a busy server.

    ``retry_after``: seconds that the server wants to be left alone; None if it did not say.
    """

    retryable = True

    def __init__(self, message: str, *, hint: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class PermanentError(StorageError):
    """A failure that trying again does not mend."""


class BusyError(FreezerError):
    """Another process is working on the same backup set."""

    retryable = True


class ContainerError(FreezerError):
    """What is, or is not, in the container makes the action impossible."""


class BackupNotFound(ContainerError):
    """No backup matches what was asked for."""


class ChainBroken(ContainerError):
    """A level that an increment needs is missing or is not the one it was made from."""


class DataError(FreezerError):
    """Stored bytes cannot be used."""


class DamagedError(DataError):
    """Stored bytes differ from what was written: truncated, altered or out of order."""


class UnknownFormat(DataError):
    """A format or version that this program does not know, or a security setting it cannot honour."""


class PassphraseError(DataError):
    """The passphrase is missing or wrong."""


class TargetError(FreezerError):
    """The restore target cannot be used."""


class ApiError(FreezerError):
    """The API, or the way to it, failed.

    ``status``: the HTTP status of its answer, None if there was none; ``request_id``: the name under which its log has
    the request; ``path`` leads to the place in the document that was sent; ``reason`` is its one word for programs.
    None if it did not say.
    """

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        status: int | None = None,
        request_id: str | None = None,
        path: tuple[str | int, ...] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.reason = reason
        self.request_id = request_id
        self.path = path


class ApiUnavailable(ApiError):
    """It cannot be reached, or says that it cannot answer now."""

    retryable = True


class ApiDenied(ApiError):
    """It does not know us, or does not let us do this (401, 403)."""


class ApiMissing(ApiError):
    """It has no such thing (404)."""


class ApiConflict(ApiError):
    """What we want contradicts what is there, or what is there has changed (409, 412)."""


class ApiInvalid(ApiError):
    """It does not accept what we sent (400, 413, 422)."""


class CommandError(FreezerError):
    """An external command failed."""
