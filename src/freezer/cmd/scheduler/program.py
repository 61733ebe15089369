"""What ``freezer-scheduler`` is asked for, and who does it.

The commands of the first releases act for the client ``NODE`` of ``-c``; without it for the one that a scheduler on
this machine would be: ``<project>_<host name>``.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from freezer.cmd.exit import run
from freezer.cmd.globals import Globals, variables
from freezer.cmd.output import Form, Output
from freezer.cmd.scheduler.options import given_keys, given_log, make_parser
from freezer.errors import EXIT_OK, UsageError

if TYPE_CHECKING:
    from freezer.client import Api
    from freezer.scheduler.settings import Settings

_DAEMON: Mapping[str, str] = {
    "start": "start the daemon, unless there is one",
    "stop": "end it; what it executes goes on, and the next daemon adopts it",
    "restart": "end it and start it again",
    "reload": "let it read its settings and all jobs again",
    "status": "say whether there is one",
}
_REGISTERING: Mapping[str, str] = {"register": "tell the API of this client, and what it can do"}
_FILES: Mapping[str, str] = {
    "validate": "check job files, those of the jobs directory if none are named",
    "list": "list the jobs of the jobs directory, and what became of them",
    "run": "run a job of the jobs directory now, and wait for its end",
}
_FOLDER = "/etc/freezer/scheduler/conf.d"


def main(argv: Sequence[str] | None = None) -> int:
    """``freezer-scheduler``."""
    words = sys.argv[1:] if argv is None else argv
    output = Output(Form.HUMAN, program="freezer-scheduler")
    with ExitStack() as until_the_end:
        return run(lambda: _run(words, output, until_the_end), output, logging.getLogger("freezer"))


def _run(words: Sequence[str], output: Output, until_the_end: ExitStack) -> int:
    options = _parser().parse_args(list(words))
    chosen = Globals.of(options)
    output.configure(Form.HUMAN, quiet=chosen.quiet, debug=chosen.debug)
    if chosen.version:
        from freezer import __version__

        output.text(f"freezer-scheduler {__version__}\n")
        return EXIT_OK
    if options.action in _DAEMON:
        return _daemon(options, output)
    if options.action in _REGISTERING:
        _no_more(options)
        return _register(_settings(options), output)
    if options.action in _FILES:
        return _on_files(options, output)
    _no_more(options)
    return _on_api(options, chosen, output, until_the_end)


def _daemon(options: argparse.Namespace, output: Output) -> int:
    from freezer.cmd.scheduler import daemon

    _no_more(options)
    if options.action == "start":
        return daemon.start(lambda: _settings(options), output)
    if options.action == "restart":
        return daemon.restart(lambda: _settings(options), output)
    acts = {"stop": daemon.stop, "reload": daemon.reload, "status": daemon.status}
    return acts[options.action](_settings(options), output)


def _register(settings: Settings, output: Output) -> int:
    """Register the client, as the daemon does when it starts."""
    from freezer.clock import SystemClock
    from freezer.scheduler.online import Membership
    from freezer.scheduler.registration import register

    membership = Membership(settings, SystemClock())
    document = membership.document()
    told = register(membership.api, document)
    output.text(f"client {document['client_id']} is {'registered' if told else 'registered already'}\n")
    return EXIT_OK


def _on_files(options: argparse.Namespace, output: Output) -> int:
    from freezer.cmd.scheduler import files

    if options.action == "validate":
        return files.validate(_settings(options), options.what, output)
    if options.action == "list":
        _no_more(options)
        return files.show(_settings(options), output)
    if len(options.what) != 1:
        raise UsageError("run needs one job: its id, or its file", hint="freezer-scheduler list shows them")
    return files.run_now(_settings(options), options.what[0], output)


def _no_more(options: argparse.Namespace) -> None:
    if options.what:
        raise UsageError(f"{options.action} takes no {options.what[0]!r}")


def _settings(options: argparse.Namespace) -> Settings:
    from freezer.scheduler.settings import read_settings

    given, log = given_keys(options), given_log(options)
    environ = variables(Globals.of(options), os.environ)
    return read_settings(environ, given, options.config_file, options.config_dir, log=log)


def _on_api(options: argparse.Namespace, chosen: Globals, output: Output, until_the_end: ExitStack) -> int:
    from freezer.cli.oldest import COMMANDS, Asked
    from freezer.cmd.tables import grid

    for warning, hint in chosen.warnings(os.environ):
        output.warning(warning, hint=hint)
    api = _open(chosen)
    until_the_end.callback(api.close)
    client = options.client_id or f"{api.project()}_{socket.gethostname()}"
    folder = options.jobs_dir or os.environ.get("FREEZER_SCHEDULER_CONF_D") or _FOLDER
    asked = Asked(
        api, client, options.job_id, options.session_id, options.file, folder, all=options.all,
        active=options.active_only, long=options.long,
    )  # fmt: skip
    for said in COMMANDS[options.action].run(asked):
        output.text(said if isinstance(said, str) else grid(said.columns, said.rows))
    return EXIT_OK


def _open(chosen: Globals) -> Api:
    from freezer.client.opening import open_api

    return open_api(variables(chosen, os.environ), home=os.path.expanduser("~"), timeout=chosen.timeout)


def _parser() -> argparse.ArgumentParser:
    from freezer.cli.oldest import COMMANDS

    groups: Sequence[tuple[str, Mapping[str, str]]] = (
        ("The daemon", {**_DAEMON, **_REGISTERING}),
        ("Job files", _FILES),
        ("On the API", {name: command.help for name, command in COMMANDS.items()}),
    )
    width = max(len(name) for _, group in groups for name in group)
    told = "\n\n".join(
        "\n".join((f"{title}:", *(f"  {name.ljust(width)}  {help}" for name, help in group.items())))
        for title, group in groups
    )
    actions = [name for _, group in groups for name in group]
    return make_parser(f"Executes jobs when they are due.\n\n{told}", actions, versioned="--version" in sys.argv)
