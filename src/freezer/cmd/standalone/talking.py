"""What is told and asked on the way."""

from __future__ import annotations

import sys

from freezer.cmd.output import Form, Output, has_colours
from freezer.errors import UsageError

_ON_PAPER = "\x1b[30;107m"
"""Black on white, whatever the terminal's colours: cameras expect a code to be dark on light."""


class Telling:
    """A :class:`freezer.standalone.common.Talk` on standard error and output."""

    def __init__(self, output: Output) -> None:
        self._output = output

    def say(self, message: str) -> None:
        self._output.notice(message)

    def password(self, user: str, password: str, url: str) -> None:
        if self._output.form is Form.JSON:
            self._output.event("password", {"user": user, "password": password, "url": url})
            return
        self._output.text(f"\nThe API's user is {user}, its password (shown this once):\n\n    {password}\n\n")

    def sheet(self, text: str, path: str) -> None:
        if self._output.form is Form.JSON:
            self._output.event("sheet", {"path": path})
            return
        self._output.text("\n" + (_on_paper(text) if has_colours(sys.stdout) else text))
        self._output.text(f"It is in {path}, too: print it, and keep it away from this machine.\n")


def _on_paper(text: str) -> str:
    lines = text.splitlines()
    return "".join(f"{_ON_PAPER} {line.ljust(102)}\x1b[0m\n" for line in lines)


def asked(question: str, option: str) -> str:
    """What the user types; UsageError if nobody is there to be asked."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError(f"{option} is missing, and nobody is there to be asked", hint=question)
    sys.stderr.write(f"{question} ")
    sys.stderr.flush()
    line = sys.stdin.readline().strip()
    if not line:
        raise UsageError(f"{option} is missing", hint=question)
    return line
