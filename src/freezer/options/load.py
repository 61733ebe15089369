"""The way in: from the program's arguments and surroundings to an action with its settings."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

import msgspec

from freezer.errors import UsageError
from freezer.options.commandline import CommandLine, parse
from freezer.options.configuration import find_files, read_environment, read_files
from freezer.options.ini import JobFile, read_job_file
from freezer.options.resolve import Settings, resolve
from freezer.options.rules import IncrementalDecision, check, decide_incremental, expand_backup_name
from freezer.options.table import BY_NAME, main_spelling
from freezer.options.values import Assignment, convert


class HelpRequest(msgspec.Struct, frozen=True):
    """Help was asked for: print ``text`` and end with ``exit_code`` (1 if it was shown for want of any argument)."""

    text: str
    exit_code: int


class VersionRequest(msgspec.Struct, frozen=True):
    """The version was asked for."""


class Invocation(msgspec.Struct, frozen=True):
    """What to do.

    ``backup_name`` is the name with its variables filled in; ``settings.text("backup_name")`` is the raw one, which
    19.0.0 uses in storage paths. ``incremental`` concerns backups. ``notices`` are lines for standard error.
    ``upstream_form``: called as 19.0.0's scheduler calls the agent, ``--metadata-out - --config FILE`` and nothing
    else.
    """

    action: str
    settings: Settings
    backup_name: str
    incremental: IncrementalDecision
    notices: tuple[str, ...]
    upstream_form: bool


def load(
    argv: Sequence[str],
    *,
    program: str,
    environ: Mapping[str, str],
    home: str,
    hostname: str,
    etc: str = "/etc",
) -> Invocation | HelpRequest | VersionRequest:
    """Read options from everywhere they can be given.

    ``argv`` comes without the program's name, which is ``program`` (a path will do); ``home`` is the home directory,
    ``hostname`` this host's name, ``etc`` where the system's configuration files are. UsageError, or NotBuiltError,
    if it cannot be done.
    """
    if not argv:
        return _help(None, 1)
    line = parse(argv)
    if line.version:
        return VersionRequest()
    if line.help:
        return _help(_action_typed(line), 0)
    name = os.path.splitext(os.path.basename(program))[0]
    job = _job_file(line, home)
    configuration = read_files(
        find_files(home, etc, _paths(line, "config_file", home), _paths(line, "config_dir", home))
    )
    layers = [*configuration.layers, read_environment(environ), job.assignments, line.assignments]
    settings = resolve(layers, home, hostname, job.storages)
    action = settings.optional_text("action") or "backup"
    notices = [
        *configuration.notices,
        *_older_names(layers, name),
        *_assumed_zones(settings, action),
        *check(settings, action, home),
    ]
    return Invocation(
        action=action,
        settings=settings,
        backup_name=expand_backup_name(settings),
        incremental=decide_incremental(settings, name),
        notices=tuple(dict.fromkeys(notices)),
        upstream_form=_upstream_form(line),
    )


def _help(action: str | None, exit_code: int) -> HelpRequest:
    from freezer.options.help import action_help, overview

    return HelpRequest(action_help(action) if action else overview(), exit_code)


def _action_typed(line: CommandLine) -> str | None:
    typed = [each for each in line.assignments if each.option.name == "action"]
    words = {str(convert(each, "")) for each in typed}
    if len(words) > 1:
        raise UsageError(f"{' and '.join(sorted(words))}: only one action can be given")
    return words.pop() if words else None


def _job_file(line: CommandLine, home: str) -> JobFile:
    """The file of the last ``--config``."""
    _action_typed(line)
    paths = _paths(line, "config", home)
    return read_job_file(paths[-1]) if paths else JobFile((), ())


def _paths(line: CommandLine, name: str, home: str) -> list[str]:
    found = [convert(each, home) for each in line.assignments if each.option.name == name]
    return [path for path in found if isinstance(path, str)]


def _older_names(layers: Sequence[Sequence[Assignment]], program: str) -> list[str]:
    """A notice for each older name of an option, unless the program is the older one too."""
    if program == "freezerc":
        return []
    return [
        f"{each.spelling} is an older name of {each.option.spelling}"
        for layer in layers
        for each in layer
        if each.alias
    ]


def _assumed_zones(settings: Settings, action: str) -> list[str]:
    return [
        f"{main_spelling(name)} has no offset and is taken as UTC"
        for name in ("restore_from_date", "remove_before_date", "remove_from_date")
        if BY_NAME[name].belongs_to(action) and (date := settings.date(name)) is not None and date.assumed_utc
    ]


def _upstream_form(line: CommandLine) -> bool:
    typed = {each.option.name: each.text for each in line.assignments}
    return set(typed) == {"metadata_out", "config"} and typed["metadata_out"] == "-"
