"""The only printer: results on standard output, everything said about them on standard error.

There are three forms:

``HUMAN``
    tables and summaries on stdout; ``freezer-agent: warning: …`` and the like on stderr.
``JSON``
    exactly one JSON document on stdout: the result, or ``{"error": {...}}``. Each line on stderr is a JSON object with
    ``event`` (``notice``, ``warning``, ``error``, and those of :mod:`freezer.cmd.bar`), ``message`` and ``hint``.
``METADATA``
    the original's ``--metadata-out -``: stdout carries nothing but the report given to :meth:`Output.metadata`.
    Notices go to the log only, since the original's scheduler takes any word on stderr for a warning.

A reader that goes away (``… | head``) silences stdout and changes nothing else: a backup does not fail because nobody
listens. Notices and warnings are logged as well.
"""

from __future__ import annotations

import contextlib
import enum
import io
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TextIO

from freezer.cmd import tables
from freezer.errors import FreezerError
from freezer.log import escaped

_logger = logging.getLogger(__name__)
_COLOURS = {"error": "\x1b[1;31m", "warning": "\x1b[33m", "hint": "\x1b[36m"}


class Form(enum.Enum):
    """Who reads."""

    HUMAN = "human"
    JSON = "json"
    METADATA = "metadata"


class Output:
    """Prints in one form. ``quiet`` leaves out notices, progress and results that are not essential; ``debug`` adds the
    traceback to an error. May be used from any thread."""

    def __init__(
        self,
        form: Form = Form.HUMAN,
        *,
        quiet: bool = False,
        debug: bool = False,
        program: str = "freezer-agent",
        stdout: TextIO | None = None,
        stderr: TextIO | None = None,
    ) -> None:
        self.program = program
        self._stdout: TextIO | None = stdout or sys.stdout
        self.stderr: TextIO | None = stderr or sys.stderr
        self.configure(form, quiet=quiet, debug=debug)
        self._above: Callable[[str], None] | None = None
        self._lock = threading.Lock()
        self._documents = 0

    def configure(self, form: Form, *, quiet: bool = False, debug: bool = False) -> None:
        """Go on in this form: what it is to be is known only after options were read, and reading them may fail."""
        self.form = form
        self.quiet = quiet
        self.debug = debug
        for stream in (self._stdout, self.stderr):
            _make_encodable(stream, form)

    def result(self, document: object, *views: tables.View, essential: bool = True) -> None:
        """Print the result of the command: ``document`` as JSON, or ``views`` for people. A result that is not
        ``essential`` (the summary of a backup) is left out by ``quiet``. At most once in JSON form."""
        if self.form is Form.JSON:
            self._document(document)
        elif self.form is Form.HUMAN and (essential or not self.quiet):
            terminal = self._stdout is not None and self._stdout.isatty()
            for view in views:
                self._write(_laid_out(view, self._stdout) if terminal else tables.plain(view))

    def text(self, text: str) -> None:
        """Print ``text`` as it is (help, the original's tables), in human form only."""
        if self.form is Form.HUMAN:
            self._write(text)

    def metadata(self, document: object) -> None:
        """Print the report that the original's scheduler reads. One that cannot be delivered is a warning: what it
        reports is done and stays."""
        try:
            self._write(_json(document) + "\n")
        except FreezerError as error:
            self.warning(f"the report was not delivered: {error}")

    def aside(self, lines: Iterable[str]) -> None:
        """What a program that was run for the user wrote to its standard error, in human form only."""
        if self.form is Form.HUMAN:
            for line in lines:
                self.line(escaped(line))

    def notice(self, message: str) -> None:
        """Say something that the user may want to know."""
        _logger.info("%s", message)
        if not self.quiet and self.form is not Form.METADATA:
            self._say("notice", message)

    def warning(self, message: str, *, hint: str | None = None) -> None:
        """Say something that the user should look into."""
        _logger.warning("%s", message)
        self._say("warning", message, hint)

    def error(self, message: str, *, hint: str | None = None, details: Mapping[str, object] | None = None) -> None:
        """Say why the program fails. In JSON form it is also the document, unless there was one already; ``details``
        are further fields of that."""
        self._say("error", message, hint)
        if self.form is Form.JSON and not self._documents:
            self._document({"error": {"message": message, "hint": hint, **(details or {})}})

    def trace(self, error: BaseException) -> None:
        """Show the traceback of ``error`` if the user asked for such details."""
        if self.debug:
            lines = "".join(traceback.format_exception(error)).splitlines()
            self.event("traceback", {"lines": lines})
            if self.form is not Form.JSON:
                for line in lines:
                    self.line(escaped(line))

    def event(self, name: str, fields: Mapping[str, object]) -> None:
        """One JSON object on stderr, in JSON form only."""
        if self.form is Form.JSON:
            self.line(_json({"event": name, **fields}))

    def line(self, line: str) -> None:
        """One line on stderr, above the progress bar if there is one. Never fails."""
        with self._lock, contextlib.suppress(OSError, ValueError):
            if self._above is not None:
                self._above(line)
            elif self.stderr is not None:
                self.stderr.write(line + "\n")
                self.stderr.flush()

    @contextlib.contextmanager
    def above(self, write: Callable[[str], None]) -> Iterator[None]:
        """Lines for stderr go to ``write`` while the context lasts, because a bar stands there."""
        self._above = write
        try:
            yield
        finally:
            with self._lock:
                self._above = None

    def _say(self, kind: str, message: str, hint: str | None = None) -> None:
        if self.form is Form.JSON:
            self.event(kind, {"message": message} | ({"hint": hint} if hint else {}))
            return
        label = "" if kind == "notice" else f"{self._coloured(kind)}: "
        self.line(f"{self.program}: {label}{escaped(message)}")
        if hint:
            self.line(f"{self._coloured('hint')}: {escaped(hint)}")

    def _coloured(self, kind: str) -> str:
        return f"{_COLOURS[kind]}{kind}\x1b[0m" if has_colours(self.stderr) else kind

    def _document(self, document: object) -> None:
        self._documents += 1
        if self._documents > 1:
            raise AssertionError("a second JSON document on standard output")
        self._write(_json(document) + "\n")

    def _write(self, text: str) -> None:
        if self._stdout is None:
            return
        try:
            self._stdout.write(text)
            self._stdout.flush()
        except BrokenPipeError:
            self._silence()
        except OSError as error:
            self._silence()
            raise FreezerError(f"cannot write standard output: {error.strerror}") from error

    def _silence(self) -> None:
        """Send what is still buffered, and all that follows, to nowhere; otherwise the interpreter fails at its end."""
        stream, self._stdout = self._stdout, None
        with contextlib.suppress(OSError, ValueError):
            if stream is not None:
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether ``stream`` is a terminal that can move its cursor."""
    return stream is not None and stream.isatty() and os.environ.get("TERM") != "dumb"


def has_colours(stream: TextIO | None) -> bool:
    """Whether to colour what goes to ``stream`` (https://no-color.org)."""
    return is_terminal(stream) and not os.environ.get("NO_COLOR")


def _laid_out(view: tables.View, stream: TextIO | None) -> str:
    import shutil

    return tables.for_terminal(view, shutil.get_terminal_size().columns, colour=has_colours(stream))


def _make_encodable(stream: TextIO | None, form: Form) -> None:
    """Let ``stream`` take any text: JSON is always UTF-8, other text is escaped where the locale lacks it."""
    if isinstance(stream, io.TextIOWrapper):
        stream.reconfigure(encoding=None if form is Form.HUMAN else "utf-8", errors="backslashreplace")


def _json(document: object) -> str:
    import msgspec

    try:
        return msgspec.json.encode(document).decode()
    except UnicodeEncodeError:
        # bytes of a name that are no UTF-8 travel as surrogate escapes, which only the ASCII form of JSON can hold
        import json

        return json.dumps(msgspec.to_builtins(document))
