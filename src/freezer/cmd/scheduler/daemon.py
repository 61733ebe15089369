"""``start``, ``stop``, ``restart``, ``reload`` and ``status``."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

from freezer.clock import SystemClock
from freezer.cmd.output import Output
from freezer.cmd.scheduler.process import harden, in_background, signals, tell_systemd
from freezer.errors import EXIT_OK, FreezerError, UsageError
from freezer.log import LogSettings
from freezer.scheduler import pidfile
from freezer.scheduler.settings import Settings

if TYPE_CHECKING:
    from freezer.scheduler.daemon import Daemon

Reading = Callable[[], Settings]
"""The settings as they are now."""

_LOG = logging.getLogger("freezer.scheduler")
_PATIENCE = 60.0  # seconds that a daemon has to end
_LOOKED_EVERY = 0.05
_LOG_MB = 10
_LOGS_KEPT = 5
NOT_RUNNING = "Not Running"


def start(read: Reading, output: Output) -> int:
    """Be the daemon: here, or in the background."""
    settings = read()
    foreground = settings.no_daemon or sys.platform == "win32" or os.getppid() == 1
    harden()
    held = pidfile.hold(settings.pid_file)
    if held is None:
        pid = pidfile.running(settings.pid_file)
        output.text(f"freezer daemon is already running, pid: {pid}\n")
        return EXIT_OK
    if foreground:
        return _serve(settings, read, held, output, _nothing)
    settings = _with_log(settings)

    def main(ready: Callable[[], None]) -> int:
        from freezer.cmd.exit import run

        return run(lambda: _serve(settings, read, held, output, ready), output, _LOG)

    code = in_background(main, output.line)
    held.leave()
    return code


def stop(settings: Settings, output: Output) -> int:
    """End the daemon, and wait until it has ended; what it executes goes on."""
    if pidfile.signal_daemon(settings.pid_file, signal.SIGTERM) is None:
        output.text(f"{NOT_RUNNING}\n")
        return EXIT_OK
    if not pidfile.wait_until_free(settings.pid_file, _moments()):
        raise FreezerError(f"the daemon has not ended within {_PATIENCE:g} seconds", hint="its log may say why")
    return EXIT_OK


def restart(read: Reading, output: Output) -> int:
    """End the daemon if there is one, and be the next."""
    stop(read(), Output(output.form, quiet=True, program=output.program))
    return start(read, output)


def reload(settings: Settings, output: Output) -> int:
    """Let the daemon read its settings and all jobs again."""
    if sys.platform == "win32":
        raise UsageError("a daemon on Windows cannot be told to read anything again", hint="use restart")
    if pidfile.signal_daemon(settings.pid_file, signal.SIGHUP) is None:
        output.text(f"{NOT_RUNNING}\n")
    return EXIT_OK


def status(settings: Settings, output: Output) -> int:
    """Say whether there is a daemon."""
    pid = pidfile.running(settings.pid_file)
    output.text(f"{NOT_RUNNING}\n" if pid is None else f"Running with pid: {pid}\n")
    return EXIT_OK


def _serve(settings: Settings, read: Reading, held: pidfile.PidFile, output: Output, ready: Callable[[], None]) -> int:
    """Be the daemon of ``held`` until a signal ends it."""
    from freezer.log import configured
    from freezer.scheduler.assembly import assemble
    from freezer.scheduler.daemon import Daemon
    from freezer.scheduler.journal import Journal

    clock = SystemClock()
    try:
        held.write()
        with configured(_heard(settings), output.warning, program="freezer-scheduler"):
            for notice in settings.notices:
                output.warning(notice)
            journal = Journal(settings.state_dir)
            try:
                parts = assemble(settings, journal, clock, os.environ)
                daemon = Daemon(
                    parts, journal, clock, concurrent=settings.concurrent_jobs,
                    of_project=settings.project_concurrent_jobs, lease=settings.lease_seconds,
                )  # fmt: skip
                _until_told(daemon, read, ready)
            finally:
                journal.close()
    finally:
        held.remove()
    return EXIT_OK


def _until_told(daemon: Daemon, read: Reading, ready: Callable[[], None]) -> None:
    with signals() as heard:
        daemon.begin()
        _LOG.info("freezer-scheduler begins, pid %d", os.getpid())
        tell_systemd("READY=1")
        ready()
        for number in heard:
            if number != getattr(signal, "SIGHUP", None):
                break
            _reload(daemon, read)
        _LOG.info("freezer-scheduler ends; what it executes goes on")
        tell_systemd("STOPPING=1")
        daemon.end()
        daemon.finish()


def _reload(daemon: Daemon, read: Reading) -> None:
    """What can change in a daemon that goes on does; the rest is for the next one."""
    try:
        daemon.reload(read().concurrent_jobs)
    except FreezerError as error:
        _LOG.error("the settings stay as they were: %s", error)
        daemon.reload(None)


def _heard(settings: Settings) -> LogSettings:
    """The log of a daemon in the foreground, unless somebody says where it goes, is standard error."""
    log = settings.log
    elsewhere = log.file or log.directory or log.syslog or log.journal or log.config_append
    return log if elsewhere else log._replace(stderr=True)


def _with_log(settings: Settings) -> Settings:
    """In the background nobody sees standard error: without another log there is one beside the journal."""
    from msgspec.structs import replace

    log = settings.log
    if log.file or log.directory or log.syslog or log.journal or log.config_append:
        return settings
    os.makedirs(settings.state_dir, mode=0o700, exist_ok=True)
    file = os.path.join(settings.state_dir, "scheduler.log")
    kept = log._replace(file=file, rotation="size", max_size_mb=_LOG_MB, max_count=_LOGS_KEPT)
    return replace(settings, log=kept)


def _moments() -> Iterator[None]:
    clock = SystemClock()
    end = clock.monotonic() + _PATIENCE
    while clock.monotonic() < end:
        yield
        clock.sleep(_LOOKED_EVERY)


def _nothing() -> None:
    """Nobody waits for a daemon in the foreground."""
