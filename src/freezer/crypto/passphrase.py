"""Passphrases and the files they are kept in."""

from __future__ import annotations

import os
import stat
import sys

import msgspec

from freezer.errors import PassphraseError, UsageError
from freezer.secret import Secret

_OPENSSL_LINE = 1023  # bytes that `openssl -pass file:` reads of a line (apps/lib/apps.c: APP_PASS_LEN less the NUL)
_FILE_LIMIT = 1 << 20
_MAKE = "to make one: (umask 077; head -c 24 /dev/urandom | base64 > {path}), and keep a copy elsewhere"


class Passphrase(msgspec.Struct, frozen=True):
    """The first line of a pass file, in each form that a format wants.

    ``secret``: the line without its newline, for the sealed format. ``openssl``: what ``openssl enc -pass file:`` makes
    of that line (it stops at a NUL and after 1023 bytes), for upstream's tar engine. ``with_newline``: the line with
    its newline, if it has one, for upstream's rsync engines.
    """

    secret: Secret
    openssl: Secret
    with_newline: Secret

    @classmethod
    def from_line(cls, line: bytes) -> Passphrase:
        """The passphrase of a pass file whose content begins with ``line``."""
        first, newline, _ = line.partition(b"\n")
        openssl = line[:_OPENSSL_LINE].partition(b"\n")[0].partition(b"\0")[0]
        return cls(Secret(first), Secret(openssl), Secret(first + newline))


def read_pass_file(path: str, *, allow_readable_by_others: bool = False) -> Passphrase:
    """The passphrase in the first line of ``path``.

    :class:`UsageError` if others than the owner can read the file and that was not allowed;
    :class:`PassphraseError` if there is no passphrase to be read from it.
    """
    line = _read(path, whole=False, allow_readable_by_others=allow_readable_by_others)
    passphrase = Passphrase.from_line(line)
    if not passphrase.secret.reveal():
        raise PassphraseError(f"the first line of the pass file {path} is empty")
    return passphrase


def read_secret_file(path: str, *, allow_readable_by_others: bool = False) -> Secret:
    """The random bytes that are all of ``path``; errors as of :func:`read_pass_file`."""
    return Secret(_read(path, whole=True, allow_readable_by_others=allow_readable_by_others))


def _read(path: str, *, whole: bool, allow_readable_by_others: bool) -> bytes:
    """The first line of the file, or all of it."""
    try:
        with open(path, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            content = file.read(_FILE_LIMIT) if whole else file.readline(_FILE_LIMIT)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        hint = _MAKE.format(path=path) if isinstance(error, FileNotFoundError) else ""
        raise PassphraseError(f"cannot read the pass file {path}: {reason}", hint=hint) from None
    if sys.platform != "win32" and mode & (stat.S_IRGRP | stat.S_IROTH) and not allow_readable_by_others:
        raise UsageError(
            f"the pass file {path} can be read by other users (mode {stat.S_IMODE(mode):04o})",
            hint=f"chmod 600 {path}",
        )
    return content
