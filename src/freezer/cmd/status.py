"""The program ``freezer-manager-status``: is everything ready for this version of the server?

``upgrade check`` prints what the original's does, with more to look at, and ends with the original's exit codes: 0 if
all is well, 1 with warnings, 2 if something must be done first.
"""

from __future__ import annotations

import argparse
import enum
import logging
import os
import sys
from collections.abc import Callable, Sequence

import msgspec

from freezer.api.config import ApiSettings, find_files, read_settings
from freezer.clock import SystemClock
from freezer.cmd.exit import run
from freezer.cmd.output import Form, Output
from freezer.errors import FreezerError, UsageError

_PROGRAM = "freezer-manager-status"


class Code(enum.IntEnum):
    """How a check ended; the worst is the exit code."""

    SUCCESS = 0
    WARNING = 1
    FAILURE = 2


class Found(msgspec.Struct, frozen=True):
    """The result of a check; ``details`` says what is to be done, if anything."""

    code: Code
    details: str | None = None


_WELL = Found(Code.SUCCESS)


def main(argv: Sequence[str] | None = None) -> int:
    """``freezer-manager-status``."""
    output = Output(program=_PROGRAM)
    given = _parser().parse_args(sys.argv[1:] if argv is None else argv)
    output.configure(Form.JSON if given.json else Form.HUMAN, debug=given.debug)
    return run(lambda: _check(given, output), output, logging.getLogger("freezer"))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(_PROGRAM, description="Say whether freezer-api is ready.", allow_abbrev=False)
    parser.add_argument("--config-file", action="append", metavar="FILE", help="read this file; may be repeated")
    parser.add_argument("--debug", action="store_true", help="show where an error comes from")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    parser.add_argument("group", choices=["upgrade"], help="what about")
    parser.add_argument("verb", choices=["check"], help="what to do")
    return parser


def _check(given: argparse.Namespace, output: Output) -> int:
    files = given.config_file or find_files(os.path.expanduser("~"), "/etc")
    results = _results(files)
    if given.json:
        output.result([{"check": name, "result": _word(found), "details": found.details} for name, found in results])
    else:
        output.text(_table(results))
    return max(found.code for _, found in results)


def _results(files: Sequence[str]) -> list[tuple[str, Found]]:
    try:
        settings = read_settings(files)
    except UsageError as error:
        return [("Configuration", Found(Code.FAILURE, _told(error)))]
    checks: tuple[tuple[str, Callable[[ApiSettings], Found]], ...] = (
        ("Configuration", _configuration),
        ("Authentication", _authentication),
        ("Policy File JSON to YAML Migration", _policy_form),
        ("Policy Rules", _policy_rules),
        ("Database", _database),
    )
    return [(name, check(settings)) for name, check in checks]


def _configuration(settings: ApiSettings) -> Found:
    if not settings.files:
        return Found(Code.WARNING, "there is no freezer-api.conf")
    return Found(Code.WARNING, "; ".join(settings.notices)) if settings.notices else _WELL


def _authentication(settings: ApiSettings) -> Found:
    from freezer.api.serve import check_exposure

    try:
        check_exposure(settings)
    except UsageError as error:
        return Found(Code.FAILURE, _told(error))
    return _WELL


def _policy_form(settings: ApiSettings) -> Found:
    from freezer.api.policy import Policy

    path = Policy(SystemClock(), settings.files, settings.policy_file or None).path
    if path is None or not path.endswith(".json"):
        return _WELL
    return Found(
        Code.FAILURE, f"{path} is JSON: turn it into YAML with oslopolicy-convert-json-to-yaml, and set policy_file"
    )


def _policy_rules(settings: ApiSettings) -> Found:
    from freezer.api.policy import Policy

    unknown = Policy(SystemClock(), settings.files, settings.policy_file or None).unknown()
    return Found(Code.WARNING, f"no rule is called {', '.join(unknown)}") if unknown else _WELL


def _database(settings: ApiSettings) -> Found:
    from freezer.api.server import open_tables

    try:
        store = open_tables(settings, SystemClock(), connections=1)
        store.check()
    except FreezerError as error:
        return Found(Code.FAILURE, _told(error))
    store.close()
    return _WELL


def _told(error: FreezerError) -> str:
    return f"{error.message} ({error.hint})" if error.hint else error.message


def _word(found: Found) -> str:
    return found.code.name.capitalize()


def _table(results: Sequence[tuple[str, Found]]) -> str:
    """As oslo.upgradecheck draws it."""
    cells = [["Upgrade Check Results"]]
    cells += [[f"Check: {name}", f"Result: {_word(found)}", f"Details: {found.details}"] for name, found in results]
    width = max(len(line) for cell in cells for line in cell)
    rule = f"+{'-' * (width + 2)}+\n"
    return rule + "".join("".join(f"| {line:{width}} |\n" for line in cell) + rule for cell in cells)
