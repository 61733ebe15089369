"""How a control connection comes about."""

# ruff: noqa: S321 (that FTP in clear is insecure is said where it is chosen)
from __future__ import annotations

import ftplib
import socket
import ssl

from freezer.storage.ftp import diagnosis
from freezer.storage.ftp.server import Server

CONNECTING = 20.0
"""Seconds for one step of coming about."""

PATIENCE = 60.0
"""Seconds without a sign of life, after which a connection is given up."""


class _Plain(ftplib.FTP):
    def getmultiline(self) -> str:
        return _read_reply(self)


class _Secure(ftplib.FTP_TLS):
    def getmultiline(self) -> str:
        return _read_reply(self)


def log_in(server: Server, context: ssl.SSLContext | None, *, known: bool) -> tuple[ftplib.FTP, socket.socket]:
    """A connection that is logged in, and its socket; under TLS if there is a ``context``."""
    # Latin-1 takes bytes through ftplib as they are.
    ftp = _Plain(encoding="latin-1") if context is None else _Secure(encoding="latin-1", context=context)
    step = diagnosis.Step.CONNECT
    try:
        ftp.connect(server.host, server.port, timeout=CONNECTING)
        assert ftp.sock is not None
        ftp.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)  # it is silent while data flow
        if isinstance(ftp, ftplib.FTP_TLS):
            step = diagnosis.Step.ENCRYPT
            ftp.auth()
        step = diagnosis.Step.LOG_IN
        ftp.sock.settimeout(PATIENCE)
        ftp.login(server.username, server.password.reveal().decode("latin-1"))
        if isinstance(ftp, ftplib.FTP_TLS):
            step = diagnosis.Step.PROTECT
            ftp.prot_p()
    except (OSError, EOFError, ftplib.Error) as error:
        ftp.close()
        raise diagnosis.explain(server, step, error, known=known) from error
    except BaseException:
        ftp.close()
        raise
    return ftp, ftp.sock


def _read_reply(ftp: ftplib.FTP) -> str:
    """A reply, of however many lines (RFC 959 section 4.2). ftplib waits for more lines of "SSH-2.0…"."""
    lines = [ftp.getline()]
    code = lines[0][:3]
    if not code.isdigit():
        raise ftplib.error_proto(lines[0])
    if lines[0][3:4] == "-":
        while lines[-1][:3] != code or lines[-1][3:4] == "-":
            lines.append(ftp.getline())
    return "\n".join(lines)
