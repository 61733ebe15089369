"""The one place where what happened becomes an exit code.

======  ==============================================================================================
code    meaning
======  ==============================================================================================
0       complete
1       failed
2       usage: the caller asked for something that cannot be
3       complete, but some items could not be read (they are listed); 0 in the original's calling form,
        and whatever ``--partial-exit-code`` says
signal  SIGINT, SIGTERM, SIGHUP: cleaned up, then died by it
======  ==============================================================================================

An error is one line on stderr, with a hint below it if there is something to do, and a JSON object on stdout in JSON
form. A traceback goes to the log; on stderr only with ``--debug``.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import signal
from collections.abc import Callable
from typing import NoReturn

from freezer.cmd.output import Output
from freezer.cmd.signals import Cancelled, cancellable, die_by
from freezer.errors import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, FreezerError

_NO_THREAD = "can't start new thread"  # of a RuntimeError; Python has no class for it


def run(main: Callable[[], int], output: Output, log: logging.Logger) -> int:
    """What ``main`` returns, or the exit code of what it raises after saying so; a signal ends the process here, once
    everything ``main`` had begun is cleaned up. Call it once, in the main thread.

    What ``main`` raises is logged after it is left, so the log must be opened in a context that outlives it.
    """
    try:
        with cancellable():
            return _outcome(main, output, log)
    except Cancelled as cancelled:
        number = cancelled.number
    except KeyboardInterrupt:
        number = signal.SIGINT
    # A signal may fall between the moment a context is entered and the moment Python knows how to leave it. Such a
    # context is left when it is thrown away, which must happen before death: the traceback that held it is gone by now.
    gc.collect()
    return _die(Cancelled(number), output, log)


def partial_exit_code(chosen: int | None, *, upstream_form: bool) -> int:
    """The exit code of a run that left items out: the ``chosen`` one, otherwise 3, or 0 where the original's scheduler
    asked, since it would try again and store another backup each time."""
    if chosen is not None:
        return chosen
    return EXIT_OK if upstream_form else EXIT_PARTIAL


def _outcome(main: Callable[[], int], output: Output, log: logging.Logger) -> int:
    try:
        return main()
    except SystemExit as leaving:
        # argparse leaves this way; Python takes None for success and a text for failure
        return leaving.code if isinstance(leaving.code, int) else EXIT_OK if leaving.code is None else EXIT_FAILED
    except FreezerError as error:
        _log(log, logging.ERROR, error.message)
        _log(log, logging.DEBUG, "where it failed", error)
        _report(error, error.message, error.hint, error.exit_code, output)
        return error.exit_code
    except Exception as error:  # noqa: BLE001  this is where the program ends
        message, hint = _unexpected(error)
        _log(log, logging.ERROR, message, error)
        _report(error, message, hint, EXIT_FAILED, output)
        return EXIT_FAILED


def _unexpected(error: Exception) -> tuple[str, str | None]:
    """Message and hint for what nobody foresaw."""
    if isinstance(error, MemoryError):
        return "internal error: out of memory", None
    if isinstance(error, RuntimeError) and str(error) == _NO_THREAD:
        return "the system does not let this program start another thread", "see ulimit -u, or TasksMax of systemd"
    text = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    return f"internal error: {text}", "the log has the details; --debug shows them here"


def _report(error: Exception, message: str, hint: str | None, code: int, output: Output) -> None:
    output.trace(error)
    retryable = isinstance(error, FreezerError) and error.retryable
    # the error may be that standard output cannot be written
    with contextlib.suppress(FreezerError):
        output.error(message, hint=hint, details=_details(type(error).__name__, code, retryable=retryable))


def _die(cancelled: Cancelled, output: Output, log: logging.Logger) -> NoReturn:
    _log(log, logging.WARNING, str(cancelled))
    with contextlib.suppress(FreezerError):
        output.error(str(cancelled), details=_details("Cancelled", 128 + cancelled.number, retryable=True))
    logging.shutdown()
    die_by(cancelled.number)


def _details(kind: str, code: int, *, retryable: bool) -> dict[str, object]:
    return {"type": kind, "exit_code": code, "retryable": retryable}


def _log(log: logging.Logger, level: int, message: str, error: Exception | None = None) -> None:
    log.log(level, "%s", message, exc_info=error)
