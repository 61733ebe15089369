"""The command lines of ``freezer up``, ``down``, ``status``, ``join`` and ``invite``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from freezer.cmd.output import Output
from freezer.errors import EXIT_FAILED, EXIT_OK, NotBuiltError

if TYPE_CHECKING:
    from freezer.standalone.home import Home

_MOST_HOURS = 7 * 24


class Standalone(msgspec.Struct, frozen=True):
    """A command: what it does, how it is read, and by what."""

    name: str
    help: str
    add: Callable[[argparse.ArgumentParser], None]
    act: Callable[[Home, argparse.Namespace, Output], int]


def perform(name: str, words: Sequence[str], output: Output) -> int:
    """Do what the command of that name is asked for; its exit code."""
    from freezer.standalone.home import VARIABLE, Home, default_home, direct

    command = COMMANDS[name]
    given = parser_of(command).parse_args(list(words))
    home = Home(given.home or default_home(os.environ.get(VARIABLE), os.path.expanduser("~")))
    try:
        plan = home.plan()
        os.environ.update(direct(os.environ, getattr(given, "listen", "") or (plan.host if plan is not None else "")))
        return command.act(home, given, output)
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("freezer"):
            raise
        raise NotBuiltError(
            f"freezer {name} needs {error.name}, which is not installed", hint="pip install 'freezer[up]'"
        ) from None


def parser_of(command: Standalone) -> argparse.ArgumentParser:
    """The parser of what follows the command's name."""
    parser = argparse.ArgumentParser(
        prog=f"freezer {command.name}", description=f"{command.help[:1].upper()}{command.help[1:]}.", allow_abbrev=False
    )
    command.add(parser)
    parser.add_argument("--home", metavar="DIRECTORY", help="where everything is kept (FREEZER_HOME; ~/.freezer/up)")
    return parser


def _add_up(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("source", nargs="?", metavar="DIRECTORY", help="back this up, now and every day")
    add("--store", metavar="PLACE", help="where backups go: a directory, or ssh://user@host/path (in the home)")
    add("--port", type=_port, help="port of the API (9090, or any that is free)")
    add("--listen", nargs="?", const="", metavar="NAME",
        help="let other machines reach the API by TLS, under this name or address")  # fmt: skip
    add("--database", metavar="URL", help="where the API keeps its records (in a file in the home)")
    add("--new-password", action="store_true", help="give the API's user another password, and show it")
    add("--supervise", action="store_true", help=argparse.SUPPRESS)


def _add_join(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("url", nargs="?", metavar="URL", help="the API of the first machine, which the token knows as well")
    add("--token", help="what `freezer invite` has printed there; asked for if it is not given")
    add("--source", metavar="DIRECTORY", help="back this up, now and every day")
    add("--store", metavar="PLACE", help="where its backups go: a directory, or ssh://user@host/path")
    add("--client", metavar="NAME", help="the machine's name there (its host name)")


def _add_invite(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--hours", type=_hours, default=1, help="how long the token is good (1)")


def _nothing(_parser: argparse.ArgumentParser) -> None:
    pass


def _up(home: Home, given: argparse.Namespace, output: Output) -> int:
    from freezer.cmd.standalone.up import up

    return up(home, given, output)


def _join(home: Home, given: argparse.Namespace, output: Output) -> int:
    from freezer.cmd.standalone.up import join

    return join(home, given, output)


def _down(home: Home, _given: argparse.Namespace, output: Output) -> int:
    from freezer.clock import SystemClock
    from freezer.standalone.background import stop

    ended = stop(home, home.known_plan(), SystemClock())
    output.notice("Freezer is down; no backups are made until freezer up" if ended else "it was down already")
    output.result({"home": home.path, "ended": ended})
    return EXIT_OK


def _status(home: Home, _given: argparse.Namespace, output: Output) -> int:
    from freezer.clock import SystemClock
    from freezer.standalone.status import status

    found = status(home, SystemClock())
    width = max(len(word) for word, _ in found.lines)
    output.result(found.document)
    output.text("".join(f"{word.ljust(width)}  {text}\n" for word, text in found.lines))
    return EXIT_OK if found.well else EXIT_FAILED


def _invite(home: Home, given: argparse.Namespace, output: Output) -> int:
    from freezer.clock import SystemClock, utc_text
    from freezer.standalone.access import open_home
    from freezer.standalone.inviting import invite

    plan, clock = home.known_plan(), SystemClock()
    with open_home(home, plan, clock) as api:
        token, expires = invite(api, home, plan, given.hours)
    output.notice(f"good for one machine, until {utc_text(expires)}; on it:")
    output.result({"url": plan.url, "token": token, "expires": int(expires)})
    output.text(f"freezer join {plan.url} --token {token}\n")
    return EXIT_OK


def _port(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 6 else 0
    if not 1 <= number <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is no port from 1 to 65535")
    return number


def _hours(text: str) -> int:
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 4 else 0
    if not 1 <= number <= _MOST_HOURS:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of hours from 1 to {_MOST_HOURS}")
    return number


COMMANDS = {
    each.name: each
    for each in (
        Standalone("up", "back up a directory of this machine every day, with all that this needs", _add_up, _up),
        Standalone("down", "end what freezer up has started", _nothing, _down),
        Standalone("status", "say what runs here, and how the backups stand", _nothing, _status),
        Standalone("invite", "print a token by which another machine joins", _add_invite, _invite),
        Standalone("join", "back this machine up as part of another one's Freezer", _add_join, _join),
    )
}
