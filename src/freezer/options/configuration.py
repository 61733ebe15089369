"""oslo.config's ways of configuring a machine: configuration files and environment variables, read without oslo.config.

Files: ``freezer.conf`` and ``freezer-agent.conf``, each from the first of ``~/.freezer``, ``~``, ``/etc/freezer`` and
``/etc`` that has it; then the ``*.conf`` files of ``freezer.conf.d`` and ``freezer-agent.conf.d`` in the same way.
``--config-file`` takes the place of the files, ``--config-dir`` that of the directories. Options stand in
``[DEFAULT]``; a key given twice has its last value, as oslo.config has it; other sections are other programs'.
``freezer.conf`` is shared with the scheduler, so a key that no option has is not an error but a notice. Environment:
``OS_DEFAULT__MAX_LEVEL`` for ``max_level``; it wins over the files.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence

import msgspec

from freezer.errors import UsageError
from freezer.options.document import normal_text, split_repeated
from freezer.options.ini import read_text
from freezer.options.names import find_key
from freezer.options.table import OPTIONS
from freezer.options.values import Assignment

_NAMES = ("freezer", "freezer-agent")
_PREFIX = "OS_DEFAULT__"


class Configuration(msgspec.Struct, frozen=True):
    """One layer for each file, in order of reading, and notices about keys that no option has."""

    layers: Sequence[Sequence[Assignment]]
    notices: Sequence[str]


def find_files(
    home: str, etc: str, files: Sequence[str], directories: Sequence[str], names: Sequence[str] = _NAMES
) -> list[str]:
    """The configuration files to read, in order; ``files`` and ``directories`` are those given by options, ``names``
    what the usual ones are called."""
    places = [os.path.join(home, ".freezer"), home, os.path.join(etc, "freezer"), etc]
    if not files:
        files = [found for name in names for found in _first(places, name + ".conf", os.path.isfile)]
    if not directories:
        directories = [found for name in names for found in _first(places, name + ".conf.d", os.path.isdir)]
    return [*files, *(path for directory in directories for path in _conf_files(directory))]


def _first(places: Sequence[str], name: str, is_there: Callable[[str], bool]) -> list[str]:
    return [path for path in (os.path.join(place, name) for place in places) if is_there(path)][:1]


def _conf_files(directory: str) -> list[str]:
    try:
        names = sorted(os.listdir(directory))
    except OSError as error:
        raise UsageError(f"configuration directory {directory} cannot be read: {error.strerror}") from None
    return [os.path.join(directory, name) for name in names if name.endswith(".conf")]


def read_files(paths: Sequence[str]) -> Configuration:
    """Read configuration files."""
    layers: list[Sequence[Assignment]] = []
    notices: list[str] = []
    for path in paths:
        layer: list[Assignment] = []
        for section, key, text, number in read_lines(read_text(path, "configuration file"), path):
            found = find_key(key if section == "DEFAULT" else f"{section}_{key}")
            if found is not None and found[0].section == section and not found[0].command_line_only:
                option, alias = found
                meant = normal_text(option, text)
                for value in [None] if meant is None else split_repeated(option, meant):
                    layer.append(Assignment(option, value, key, path, alias))
            elif section == "DEFAULT":
                notices.append(f"{path}: line {number}: {key} is no option of the agent and has no effect")
        layers.append(layer)
    return Configuration(layers, notices)


def read_lines(text: str, path: str) -> Iterator[tuple[str, str, str, int]]:
    """``(section, key, value, line number)`` of each assignment of a file in oslo.config's syntax.

    Unlike job files these may give a key several times, and quote a whole value.
    """
    section, key, value, start = "", "", "", 0
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if line[:1].isspace() and stripped and key:
            value += "\n" + stripped
            continue
        if key:
            yield section, key, _unquoted(value), start
            key = ""
        if not stripped or stripped[0] in "#;":
            continue
        if stripped.startswith("[") and stripped.endswith("]"):
            section = stripped[1:-1].strip()
            continue
        place = min((at for at in (line.find("="), line.find(":")) if at > 0), default=0)
        if not place or not section:
            what = "is neither a [section] nor key = value" if not place else "stands before the first [section]"
            raise UsageError(f"{path}: line {number} {what}")
        key, value, start = line[:place].strip(), line[place + 1 :].strip(), number
    if key:
        yield section, key, _unquoted(value), start


def _unquoted(value: str) -> str:
    return value[1:-1] if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'" else value


def read_environment(environ: Mapping[str, str]) -> list[Assignment]:
    """The assignments of ``OS_DEFAULT__…`` variables."""
    layer: list[Assignment] = []
    for option in OPTIONS:
        variable = _PREFIX + option.name.upper()
        if variable in environ and not option.command_line_only:
            layer.append(Assignment(option, normal_text(option, environ[variable]), variable, "environment"))
    return layer
