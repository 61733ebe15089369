"""The server itself: granian, which runs the application in its own processes and threads."""

from __future__ import annotations

import gc
import logging
import os
import shutil
import socket
import ssl
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from freezer.api.auth import nobody
from freezer.api.config import ApiSettings
from freezer.api.housekeeper.office import keep_house
from freezer.api.housekeeper.work import Work
from freezer.api.logs import log_until_the_end
from freezer.api.metrics import DIRECTORY
from freezer.api.server import make_application, open_kept
from freezer.api.stopping import watch_signals
from freezer.api.store.elastic.leases import SQL_ONLY
from freezer.api.store.sql.engine import explained, open_engine, shown
from freezer.api.store.sql.migrate import make_first
from freezer.clock import SystemClock
from freezer.errors import FreezerError, UsageError
from freezer.log import Warn
from freezer.notify import open_channels

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication
    from granian.server.common import AbstractServer

_LOG = logging.getLogger(__name__)
_BACKLOG = 1024
# Of each process. Callers keep their connections while they have nothing to ask; granian counts those, too.
_CONNECTIONS = 4096
_LOOK_SECONDS = 0.05
# What granian logs goes where everything else goes.
_LOGGERS: dict[str, Any] = {
    "formatters": {},
    "handlers": {},
    "loggers": {name: {"handlers": [], "propagate": True} for name in ("_granian", "granian.access")},
}


def check_exposure(settings: ApiSettings) -> None:
    """UsageError if the server would let strangers in, or passwords out."""
    way = settings.authentication
    _check_tls(settings)
    if way == "none":
        nobody.check_address(settings.host)
    elif way == "basic" and not settings.tls_certificate and not settings.behind_proxy:
        try:
            nobody.check_address(settings.host)
        except UsageError:
            raise UsageError(
                f"freezer-api does not take passwords on {settings.host} without TLS",
                hint="set tls_certificate and tls_key, or behind_proxy = true if a proxy does TLS",
            ) from None


def _check_tls(settings: ApiSettings) -> None:
    if bool(settings.tls_certificate) != bool(settings.tls_key):
        raise UsageError("tls_certificate and tls_key belong together")
    if settings.tls_client_ca and not settings.tls_certificate:
        raise UsageError("tls_client_ca is for a server with tls_certificate and tls_key")
    if not settings.tls_certificate:
        return
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        # Without a word from us it would ask the terminal for the key's passphrase.
        context.load_cert_chain(settings.tls_certificate, settings.tls_key, password="")
    except (OSError, ValueError) as error:
        names = f"tls_certificate {settings.tls_certificate}, tls_key {settings.tls_key}"
        raise UsageError(f"{names}: {_reason(error)}", hint="PEM files, the key without a passphrase") from None
    try:
        if settings.tls_client_ca:
            context.load_verify_locations(settings.tls_client_ca)
    except OSError as error:
        raise UsageError(f"tls_client_ca {settings.tls_client_ca}: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def _check_free(settings: ApiSettings) -> None:
    """FreezerError if somebody else listens there: granian's processes share a port, with strangers as well."""
    try:
        found = socket.getaddrinfo(settings.host, settings.bind_port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = found[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        raise FreezerError(f"cannot listen on {settings.host}:{settings.bind_port}: {error.strerror}") from None


def serve(settings: ApiSettings, tell: Callable[[str], None], warn: Warn) -> None:
    """Serve until SIGTERM or SIGINT; requests that have begun are finished.

    ``tell`` is told when the server can be reached, ``warn`` if there is no log.
    """
    open_channels(settings.notify)  # says what is wrong with them
    _check_free(settings)
    _make_tables(settings, tell)
    with _shared_numbers(settings.workers):
        make_application(settings).close()  # says what is wrong before any process is started
        server = _server(settings)
        log_until_the_end(settings.log, warn)
        server.on_startup(partial(_announce, settings, tell))
        gc.collect()
        gc.freeze()  # or the collector of each process would make a copy of what they all share
        server.serve(target_loader=partial(_load, settings))


def _make_tables(settings: ApiSettings, tell: Callable[[str], None]) -> None:
    """A first server on a file needs nobody to prepare it."""
    if settings.place is not None:
        tell(f"the store is {settings.place.shown()} (experimental): {SQL_ONLY}")
        return
    if settings.read_only:
        return
    engine = open_engine(settings.database)
    try:
        with explained():
            if make_first(engine):
                tell(f"{shown(settings.database)} was empty: its tables have been made")
    finally:
        engine.dispose()


def _server(settings: ApiSettings) -> AbstractServer[Any]:
    from granian.constants import Interfaces, SSLProtocols
    from granian.log import LogLevels
    from granian.server import Server

    return Server(
        "freezer.api.wsgi:application",
        address=settings.host,
        port=settings.bind_port,
        interface=Interfaces.WSGI,
        workers=settings.workers,
        workers_kill_timeout=settings.stop_seconds,
        respawn_failed_workers=True,
        blocking_threads=settings.threads,
        backlog=_BACKLOG,
        ssl_cert=Path(settings.tls_certificate) if settings.tls_certificate else None,
        ssl_key=Path(settings.tls_key) if settings.tls_key else None,
        ssl_ca=Path(settings.tls_client_ca) if settings.tls_client_ca else None,
        ssl_client_verify=bool(settings.tls_client_ca),
        ssl_protocol_min=SSLProtocols(f"tls{settings.tls_minimum}"),
        log_access=False,
        log_level=LogLevels.info if settings.log.debug else LogLevels.error,
        log_dictconfig=_LOGGERS,
        websockets=False,
        backpressure=_CONNECTIONS,
    )


def _load(settings: ApiSettings, *_: Any) -> WSGIApplication:
    """In each process that serves."""
    log_until_the_end(settings.log, lambda _: None)  # what cannot be was said when the server started
    stopping = threading.Event()
    watch_signals(stopping)
    application = make_application(replace(settings, max_waiters=waiters(settings)), stopping=stopping)
    if settings.housekeeping:
        clock = SystemClock()
        kept = open_kept(settings, clock, connections=1)
        keep_house(Work.of(settings, kept.store, clock, kept.trusts), stopping)
    return application


def waiters(settings: ApiSettings) -> int:
    """How many requests of a process may wait: never more than half of its threads, so that others are answered."""
    half = settings.threads // 2
    return half if settings.max_waiters is None else min(settings.max_waiters, half)


@contextmanager
def _shared_numbers(workers: int) -> Iterator[None]:
    """A directory in which several processes count together, gone in the end."""
    if workers == 1 or os.environ.get(DIRECTORY):
        yield
        return
    folder = tempfile.mkdtemp(prefix="freezer-api-metrics-")
    os.environ[DIRECTORY] = folder
    try:
        yield
    finally:
        del os.environ[DIRECTORY]
        shutil.rmtree(folder, ignore_errors=True)


def _announce(settings: ApiSettings, tell: Callable[[str], None]) -> None:
    """Have it told where the server is once the first process takes connections; only that knows when it does."""
    scheme = "https" if settings.tls_certificate else "http"
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    line = (
        f"listening on {scheme}://{host}:{settings.bind_port}, authentication: {settings.authentication}, "
        f"database: {shown(settings.database) if settings.place is None else settings.place.shown()}"
    )
    threading.Thread(target=_tell_when_reached, args=(settings, tell, line), daemon=True).start()


def _tell_when_reached(settings: ApiSettings, tell: Callable[[str], None], line: str) -> None:
    near = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    pause = threading.Event()
    while not _reached(near, settings.bind_port):
        pause.wait(_LOOK_SECONDS)
    tell(line)
    if not settings.log.stderr:
        _LOG.info("%s", line)


def _reached(host: str, port: int) -> bool:
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False
