"""Why there is no connection."""

from __future__ import annotations

import ftplib
import re
import socket
import ssl
from enum import Enum

from freezer.errors import PermanentError, PermissionDenied, StorageError, TransientError
from freezer.storage.ftp.server import Server


class Step(Enum):
    """How far a connection got."""

    CONNECT = "connect"
    ENCRYPT = "encrypt"
    LOG_IN = "log in"
    PROTECT = "protect data"


class TooMany(TransientError):
    """The server lets us have no more connections at a time."""


_CONFIG = "check --ftp-host and --ftp-port"
_CROWDED = re.compile(r"too many|maximum|max(imum)? number|connection limit|already logged", re.IGNORECASE)
_WANTS_TLS = re.compile(r"encrypt|\bTLS\b|\bSSL\b|secure", re.IGNORECASE)


def explain(server: Server, step: Step, error: Exception, *, known: bool) -> StorageError:
    """The error of a connection that did not come about because of ``error`` (of ftplib, ssl or the system).

    ``known``: there was a connection before, so host, port and password are right and another try may succeed.
    """
    if isinstance(error, ftplib.Error):
        return _refused(server, step, str(error).encode("latin-1").decode("utf-8", "backslashreplace"))
    if isinstance(error, ssl.SSLCertVerificationError):
        return PermanentError(
            f"{server.place}: its certificate is not trusted ({error.verify_message.rstrip('.')})",
            hint="name the PEM file of its authority in --ftp-authority; --insecure trusts anybody",
        )
    text = f"{server.place}: {reason(error)}"
    if isinstance(error, ssl.SSLError) and step is not Step.CONNECT:
        return PermanentError(
            f"{server.place}: TLS does not come about: {reason(error)}",
            hint="check --ftp-port, and --ftp-certfile if the server wants a certificate of us",
        )
    if isinstance(error, TimeoutError) and step is Step.CONNECT and server.port == 990:
        text += "; on port 990 servers expect TLS from the first byte, which is not in any standard"
        return PermanentError(text, hint="use the port for AUTH TLS, mostly 21")
    return TransientError(text) if known else PermanentError(text, hint=_CONFIG)


def reason(error: object) -> str:
    """What ``error`` says, in a few words."""
    if isinstance(error, EOFError):
        return "the server ended the connection"
    if isinstance(error, socket.gaierror):
        return "nobody knows this host name"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ssl.SSLError):
        return (error.reason or "TLS failed").lower().replace("_", " ")
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


def _refused(server: Server, step: Step, reply: str) -> StorageError:
    place, said = server.place, " ".join(reply.split())[:300]
    if not re.match(r"\d{3}", said):
        return PermanentError(f"{place}: no FTP server answers there, it says {said!r}", hint=_CONFIG)
    if said.startswith("421") or (step is Step.LOG_IN and _CROWDED.search(said)):
        return TooMany(f"{place}: the server has no connection for us: {said!r}")
    if step is Step.ENCRYPT:
        return PermanentError(
            f"{place}: the server does not speak TLS, it says {said!r}",
            hint="have TLS switched on there; --storage ftp would send password and backups in clear",
        )
    if step is Step.PROTECT:
        return PermanentError(f"{place}: the server does not encrypt data connections, it says {said!r}")
    if step is Step.LOG_IN and server.tls is None and _WANTS_TLS.search(said):
        return PermanentError(f"{place}: the server wants TLS, it says {said!r}", hint="use --storage ftps")
    if step is Step.LOG_IN and said[0] == "5":
        return PermissionDenied(
            f"{place}: the user {server.username} may not log in with this password, the server says {said!r}",
            hint="check --ftp-username and --ftp-password",
        )
    return TransientError(f"{place}: the server cannot take us now: {said!r}")
