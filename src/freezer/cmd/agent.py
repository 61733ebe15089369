"""The programs ``freezer-agent`` and ``freezerc``: read options, run one action, print its result."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from freezer.clock import SystemClock
from freezer.cmd.exit import partial_exit_code, run
from freezer.cmd.output import Form, Output
from freezer.cmd.results import hostname, show
from freezer.errors import EXIT_OK
from freezer.options.commandline import parse
from freezer.options.load import HelpRequest, Invocation, VersionRequest, load

if TYPE_CHECKING:
    from freezer.agent.result import Result
    from freezer.options.values import Assignment

_RUN_DIRECTORY = "--run-directory"  # how a scheduler starts it: no option, since it goes with none
_COMMANDS = frozenset({"command", "pre_command", "post_command", "on_failure"})


def main(argv: Sequence[str] | None = None) -> int:
    """``freezer-agent``."""
    words = sys.argv[1:] if argv is None else argv
    if len(words) == 2 and words[0] == _RUN_DIRECTORY:
        from freezer.cmd.stint import main as main_stint

        return main_stint(words[1])
    return _main("freezer-agent", words)


def main_freezerc(argv: Sequence[str] | None = None) -> int:
    """``freezerc``, the program's first name, under which backups are incremental unless told otherwise."""
    return _main("freezerc", sys.argv[1:] if argv is None else argv)


def _main(program: str, argv: Sequence[str]) -> int:
    # Errors in the options themselves are told in the form that is asked for in plain sight.
    output = Output(Form.JSON if "--json" in argv else Form.HUMAN, program=program)
    # The log outlives the action, so that what ends it is logged too.
    with ExitStack() as until_the_end:
        return run(lambda: _run(program, argv, output, until_the_end), output, logging.getLogger("freezer"))


def _run(program: str, argv: Sequence[str], output: Output, until_the_end: ExitStack) -> int:
    home = os.path.expanduser("~")
    request = load(argv, program=program, environ=os.environ, home=home, hostname=hostname())
    if isinstance(request, VersionRequest):
        from freezer import __version__

        output.result({"program": program, "version": __version__})
        output.text(f"{program} {__version__}\n")
        return EXIT_OK
    if isinstance(request, HelpRequest):
        output.result({"help": request.text})
        output.text(request.text)
        return request.exit_code
    settings = request.settings
    metadata = settings.optional_text("metadata_out") == "-"
    form = Form.METADATA if metadata else Form.JSON if settings.flag("json") else Form.HUMAN
    output.configure(form, quiet=settings.flag("quiet"), debug=settings.flag("debug"))
    return _act(request, argv, output, until_the_end)


def _act(invocation: Invocation, argv: Sequence[str], output: Output, until_the_end: ExitStack) -> int:
    from freezer.agent.context import Context
    from freezer.agent.run import perform
    from freezer.cmd.bar import progress_on
    from freezer.cmd.logs import log_settings
    from freezer.log import configured

    clock = SystemClock()
    until_the_end.enter_context(configured(log_settings(invocation.settings), output.warning))
    for notice in invocation.notices:
        output.notice(notice)
    with progress_on(output, clock) as progress:
        context = Context(invocation, clock, progress, output.notice, _typed(output.program, argv))
        result = perform(context)
    _print(invocation, result, output)
    if result.error is not None:
        raise result.error
    if not result.failures:
        return EXIT_OK
    chosen = invocation.settings.optional_integer("partial_exit_code")
    return partial_exit_code(chosen, upstream_form=invocation.upstream_form)


def _typed(program: str, argv: Sequence[str]) -> str:
    """The command line without the values of secrets and the arguments of commands, which may hold passwords."""
    import shlex

    words = [program]
    for each in parse(argv).assignments:
        if each.spelling.startswith("-"):
            words.append(each.spelling)
        words.append(_harmless(each))
    return shlex.join(words)


def _harmless(assignment: Assignment) -> str:
    text = assignment.text or ""
    if assignment.option.secret:
        return "<secret>"
    if assignment.option.name in _COMMANDS and len(text.split()) > 1:
        return f"{text.split()[0]} <arguments>"
    return text


def _print(invocation: Invocation, result: Result, output: Output) -> None:
    _metadata(invocation, result, output)
    show(result, output)


def _metadata(invocation: Invocation, result: Result, output: Output) -> None:
    """``--metadata-out``: the report goes to standard output or a file; a file that cannot be written is a warning,
    since the backup it tells of is done."""
    place = invocation.settings.optional_text("metadata_out")
    if place is None or result.report is None:
        return
    if place == "-":
        output.metadata(result.report)
        return
    import msgspec

    try:
        with open(place, "wb") as file:
            file.write(msgspec.json.encode(result.report) + b"\n")
    except OSError as error:
        output.warning(f"the report was not written to {place}: {error.strerror}")


if __name__ == "__main__":
    sys.exit(main())
