"""How to reach an FTP server, and when to trust it."""

from __future__ import annotations

import ssl
from dataclasses import dataclass

from freezer.errors import UsageError
from freezer.secret import Secret


@dataclass(frozen=True, slots=True)
class Tls:
    """``trust``: a PEM file of the authorities to believe, None for the system's; ``verify``: whether to ask at all.
    ``certificate`` and ``key``: PEM files by which we show who we are, if the server asks for that.
    """

    trust: str | None = None
    verify: bool = True
    certificate: str | None = None
    key: str | None = None

    def context(self) -> ssl.SSLContext:
        """The settings of all connections; :class:`UsageError` for a file that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=self.trust)
        except (OSError, ssl.SSLError) as error:
            raise UsageError(f"--ftp-authority {self.trust}: {_reason(error, 'has no certificate in PEM')}") from error
        if not self.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        if self.certificate:
            try:
                context.load_cert_chain(self.certificate, self.key, password=_no_passphrase)
            except (OSError, ssl.SSLError) as error:
                files = f"--ftp-certfile {self.certificate}" + (f", --ftp-keyfile {self.key}" if self.key else "")
                raise UsageError(
                    f"{files}: {_reason(error, 'are no certificate in PEM and its key, without a passphrase')}"
                ) from error
        return context


@dataclass(frozen=True, slots=True)
class Server:
    """A server and who we are there; without ``tls`` everything is sent in clear."""

    host: str
    username: str
    password: Secret
    port: int = 21
    tls: Tls | None = None

    def __post_init__(self) -> None:
        for text, option in (
            (self.host, "--ftp-host"),
            (self.username, "--ftp-username"),
            (self.password.reveal().decode("latin-1"), "--ftp-password"),
        ):
            if any(c in text for c in "\r\n\0"):
                raise UsageError(f"{option} contains a line break, which FTP cannot carry")

    @property
    def place(self) -> str:
        """As messages name it, e.g. ``ftps:backup@nas:2121``."""
        port = f":{self.port}" if self.port != 21 else ""
        return f"{'ftps' if self.tls else 'ftp'}:{self.username}@{self.host}{port}"


def _no_passphrase() -> bytes:
    """Instead of OpenSSL's own question, which nobody is there to answer."""
    return b""


def _reason(error: Exception, otherwise: str) -> str:
    """What is wrong with a file, from OpenSSL, whose own words help nobody."""
    if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) and error.strerror:
        return error.strerror
    return otherwise
