"""The program ``freezer``: commands on what the API has."""

from __future__ import annotations

import argparse
import logging
import os
import shutil
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from freezer.cli.command import Command, Context, Done, Flow, Given, Listing, Record, Shown, Text, add_arguments
from freezer.cli.commands import COMMANDS, find_command
from freezer.clock import SystemClock
from freezer.cmd.exit import run
from freezer.cmd.formats.choose import add_format_options, choice
from freezer.cmd.globals import Globals, add_global_options, variables
from freezer.cmd.output import Form, Output
from freezer.cmd.standalone.program import COMMANDS as STANDALONE
from freezer.cmd.standalone.program import parser_of, perform
from freezer.errors import EXIT_OK, EXIT_USAGE, UsageError
from freezer.log import escaped

if TYPE_CHECKING:
    from freezer.client import Api

_DETAILED = 2  # -vv
PLACES = frozenset(
    {
        "OS_BACKUP_URL",
        "OS_BACKUP_ENDPOINT_OVERRIDE",
        "OS_ENDPOINT_OVERRIDE",
        "OS_ENDPOINT",
        "OS_AUTH_URL",
        "OS_CLOUD",
        "OS_AUTH_TYPE",
    }
)
"""Variables that say where an API is, or who does."""


def main(argv: Sequence[str] | None = None) -> int:
    """``freezer``."""
    words = sys.argv[1:] if argv is None else argv
    output = Output(Form.JSON if "--json" in words else Form.HUMAN, program="freezer")
    with ExitStack() as until_the_end:
        return run(lambda: _run(words, output, until_the_end), output, logging.getLogger("freezer"))


def _run(words: Sequence[str], output: Output, until_the_end: ExitStack) -> int:
    parser = argparse.ArgumentParser(prog="freezer", add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS)
    add_global_options(parser)
    options, rest = parser.parse_known_args(list(words))
    chosen = Globals.of(options)
    output.configure(Form.JSON if chosen.json else Form.HUMAN, quiet=chosen.quiet, debug=chosen.debug)
    if chosen.version:
        from freezer import __version__

        output.result({"program": "freezer", "version": __version__}, f"freezer {__version__}")
        return EXIT_OK
    if rest and rest[0] in STANDALONE:
        return perform(rest[0], rest[1:], output)
    command, arguments = find_command(rest)
    if command is None:
        return _help(arguments, output)
    return _perform(command, arguments, chosen, output, until_the_end)


def _perform(
    command: Command, arguments: Sequence[str], chosen: Globals, output: Output, until_the_end: ExitStack
) -> int:
    options = command_parser(command).parse_args(list(arguments))
    until_the_end.enter_context(_logged(chosen, output))
    opened: list[Api] = []

    def api() -> Api:
        if not opened:
            opened.append(_open(chosen, output))
            until_the_end.callback(opened[0].close)
        return opened[0]

    context = Context(api, SystemClock(), output.notice, os.environ)
    shown = command.run(context, Given(vars(options)))
    _show(shown, options, output)
    return shown.code if isinstance(shown, Record) else EXIT_OK


def command_parser(command: Command) -> argparse.ArgumentParser:
    """The parser of what follows the name of ``command``."""
    parser = argparse.ArgumentParser(prog=f"freezer {command.name}", description=_sentence(command.help))
    add_arguments(parser, command.arguments)
    add_format_options(parser, command)
    return parser


def _open(chosen: Globals, output: Output) -> Api:
    from freezer.client.opening import open_api

    for warning, hint in chosen.warnings(os.environ):
        output.warning(warning, hint=hint)
    given = variables(chosen, os.environ)
    if not PLACES & given.keys():
        given |= _of_this_machine()
    return open_api(given, home=os.path.expanduser("~"), timeout=chosen.timeout)


def _of_this_machine() -> dict[str, str]:
    """The API that ``freezer up`` has made here, where nobody names another one."""
    from freezer.standalone.home import VARIABLE, Home, default_home, direct

    home = Home(default_home(os.environ.get(VARIABLE), os.path.expanduser("~")))
    plan = home.plan()
    if plan is None:
        return {}
    from freezer.standalone.access import variables as of_home

    os.environ.update(direct(os.environ, plan.host))
    return of_home(home, plan, SystemClock())


def _show(shown: Shown, options: argparse.Namespace, output: Output) -> None:
    if isinstance(shown, Done):
        output.result(shown.document)
        output.notice(shown.message)
        return
    if isinstance(shown, Text):
        output.result(shown.document)
        output.text(shown.text)
        return
    if isinstance(shown, Flow):
        _flow(shown, output)
        return
    from freezer.cmd.formats.write import formatted

    if output.form is Form.JSON:
        output.result(shown.documents if isinstance(shown, Listing) else shown.document)
        return
    wanted = choice(options)
    columns = shutil.get_terminal_size().columns if wanted.fit or sys.stdout.isatty() else None
    output.text(formatted(shown, wanted, columns))


def _flow(shown: Flow, output: Output) -> None:
    """Print text as it comes, or all of it in one document. What a terminal might take for a command is escaped."""
    if output.form is Form.JSON:
        output.result({"text": "".join(shown.texts)})
        return
    for text in shown.texts:
        output.text("\n".join(escaped(line) for line in text.split("\n")))


def _help(arguments: Sequence[str], output: Output) -> int:
    from freezer.cmd.freezer_help import overview

    asked = list(arguments)
    if asked[:1] == ["help"] and len(asked) > 1:
        command, rest = find_command(asked[1:])
        if command is not None and not rest:
            output.text(command_parser(command).format_help())
            return EXIT_OK
        if asked[1] in STANDALONE and not asked[2:]:
            output.text(parser_of(STANDALONE[asked[1]]).format_help())
            return EXIT_OK
        asked = asked[1:]
    elif asked[:1] == ["complete"]:
        from freezer.cmd.completion import completion

        output.text(completion(asked[1:]))
        return EXIT_OK
    if not asked or asked[0] in ("help", "-h", "--help"):
        output.text(overview())
        return EXIT_OK if asked else EXIT_USAGE
    raise _unknown(asked)


def _unknown(words: Sequence[str]) -> UsageError:
    import difflib

    if words[0].startswith("-"):
        return UsageError(f"there is no option {words[0]}", hint="freezer --help lists them all")
    names = [*STANDALONE, *(command.name for command in COMMANDS)]
    near = difflib.get_close_matches("-".join(words[:2]), names, 3) or difflib.get_close_matches(words[0], names, 3)
    hint = f"perhaps {', '.join(near)}" if near else "freezer --help lists them all"
    return UsageError(f"there is no command {words[0]!r}", hint=hint)


@contextmanager
def _logged(chosen: Globals, output: Output) -> Iterator[None]:
    """What the client does is logged to the file that was named, and to standard error with ``-vv`` or ``--debug``."""
    with ExitStack() as stack:
        if chosen.log_file is not None:
            from freezer.log import LogSettings, configured

            settings = LogSettings(file=chosen.log_file, debug=chosen.debug)
            stack.enter_context(configured(settings, output.warning, program="freezer"))
        if chosen.debug or chosen.verbose >= _DETAILED:
            logger = logging.getLogger("freezer.client")
            handler = _Lines(output)
            logger.addHandler(handler)
            stack.callback(logger.removeHandler, handler)
            stack.callback(logger.setLevel, logger.level)
            logger.setLevel(logging.DEBUG)
        yield


class _Lines(logging.Handler):
    """Each record a line on standard error."""

    def __init__(self, output: Output) -> None:
        super().__init__()
        self._output = output

    def emit(self, record: logging.LogRecord) -> None:
        from freezer.log import escaped

        if self._output.form is Form.JSON:
            self._output.event("log", {"message": record.getMessage()})
        else:
            self._output.line(f"freezer: {escaped(record.getMessage())}")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}."


if __name__ == "__main__":
    sys.exit(main())
