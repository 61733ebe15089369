"""The ftp and ftps storages, as the options of a section describe them."""

from __future__ import annotations

from freezer.agent.context import Context
from freezer.errors import UsageError
from freezer.options.commandline import SOURCE
from freezer.options.resolve import StorageSection
from freezer.secret import Secret
from freezer.storage.contract import Storage
from freezer.storage.ftp import FtpStorage, Server, Tls

_TLS_ONLY = ("ftp_certfile", "ftp_keyfile", "ftp_authority")


def open_ftp(context: Context, place: StorageSection) -> Storage:
    """The directory of ``place`` on its FTP server; under TLS if its storage is ``ftps``."""
    host, username = place.optional_text("ftp_host"), place.optional_text("ftp_username")
    for value, option in ((host, "--ftp-host"), (username, "--ftp-username"), (place.container, "--container")):
        if not value:
            raise UsageError(f"--storage {place.storage} needs {option}")
    if place.source("ftp_password") == SOURCE:
        context.notice("--ftp-password on a command line can be read by everybody on this machine: give it in a file")
    server = Server(
        host=host or "",
        username=username or "",
        password=place.secret("ftp_password") or Secret(b""),
        port=place.integer("ftp_port"),
        tls=_tls(context, place),
    )
    return FtpStorage(server, place.container, clock=context.clock)


def _tls(context: Context, place: StorageSection) -> Tls | None:
    if place.storage == "ftp":
        for name in _TLS_ONLY:
            if place.optional_text(name):
                option = "--" + name.replace("_", "-")
                raise UsageError(f"{option} has no meaning with --storage ftp, which sends everything in clear",
                                 hint="use --storage ftps")  # fmt: skip
        return None
    certificate, key = place.optional_text("ftp_certfile") or None, place.optional_text("ftp_keyfile") or None
    if key and not certificate:
        raise UsageError("--ftp-keyfile needs --ftp-certfile, the certificate that belongs to it")
    trust = place.optional_text("ftp_authority") or None
    return Tls(trust=trust, verify=not context.settings.flag("insecure"), certificate=certificate, key=key)
