"""Why there is no connection, from what ``ssh`` printed."""

from __future__ import annotations

import re
from collections.abc import Callable

from freezer.errors import PermanentError, PermissionDenied, StorageError, TransientError
from freezer.storage.ssh.program import Server

_CONFIG = "check --ssh-host and --ssh-port"
_NOISE = re.compile(r"debug\d:|Warning: Permanently added|Connection closed\.|\s*\Z|\*\*|@|Killed by signal")
_HOST_KEY = re.compile(r"Server host key: (\S+) (\S+)")
_KEY_FILES = (
    ("UNPROTECTED PRIVATE KEY FILE", "others can read the private key {key}", "chmod 600 {key}"),
    ("invalid format", "{key} is no private key", "name the file without .pub, as ssh-keygen made it"),
    ("error in libcrypto", "{key} is no private key", "name the file without .pub, as ssh-keygen made it"),
)


def explain(server: Server, said: str, *, known: bool, fingerprint: Callable[[], str]) -> StorageError:
    """The error of a connection to ``server`` that did not come about, ``said`` being ``ssh``'s standard error.

    ``known``: there was a connection before, so host, port and keys are right and another try may succeed.
    ``fingerprint`` asks ``ssh`` about the host key and is only called if that is the question.
    """
    place = f"ssh:{server.address}"
    if "Host key verification failed" in said:
        return _host_key(server, place, fingerprint())
    if "Permission denied (" in said or "Too many authentication failures" in said:
        return _login(server, place, said)
    if "subsystem request failed" in said:
        return PermanentError(
            f"{place}: the server has no SFTP", hint="its sshd_config needs the line: Subsystem sftp internal-sftp"
        )
    reason = _last_line(said)
    text = f"{place}: {reason or 'ssh ended without a word'}"
    passing = "Temporary failure" in said or ("kex_exchange" in said and "Connection" in said)
    return TransientError(text) if known or passing else PermanentError(text, hint=_CONFIG)


def lost(server: Server, said: str) -> TransientError:
    """The error of a connection that ended while it was used."""
    reason = _last_line(said)
    return TransientError(f"ssh:{server.address}: the connection was lost" + (f": {reason}" if reason else ""))


def _login(server: Server, place: str, said: str) -> PermissionDenied:
    who = f"the user {server.username}" if server.username else "the user whom ssh chose"
    if server.password is not None:
        return PermissionDenied(
            f"{place}: {who} may not log in with this password",
            hint="check --ssh-username and --ssh-password, and that the server's sshd allows passwords",
        )
    for words, text, hint in _KEY_FILES:
        if words in said and server.key is not None:
            return PermissionDenied(f"{place}: {text.format(key=server.key)}", hint=hint.format(key=server.key))
    with_key = f"with the key {server.key}" if server.key else "with any key that ssh tried"
    return PermissionDenied(
        f"{place}: {who} may not log in {with_key}",
        hint="the public key belongs into authorized_keys there; a key with a passphrase into an agent here (ssh-add)",
    )


def _host_key(server: Server, place: str, said: str) -> PermanentError:
    found = _HOST_KEY.search(said)
    key = f" ({found[1]} {found[2]})" if found else ""
    port = f"-p {server.port} " if server.port is not None else ""
    known_as = server.host if server.port in (None, 22) else f"[{server.host}]:{server.port}"
    if "IDENTIFICATION HAS CHANGED" in said:
        return PermanentError(
            f"{place}: the server's host key is not the one it had before{key}; somebody may be in between",
            hint=f"if it has been set up anew and the fingerprint is right: ssh-keygen -R '{known_as}'",
        )
    return PermanentError(
        f"{place}: the server's host key is not known here{key}",
        hint=f"compare the fingerprint, then accept it once: ssh {port}{server.address} "
        "(--ssh-accept-new-host-key accepts any that is new)",
    )


def _last_line(said: str) -> str:
    lines = [line.strip() for line in said.splitlines() if not _NOISE.match(line)]
    text = lines[-1] if lines else ""
    return re.sub(r"^ssh: ", "", text).removesuffix(".")
