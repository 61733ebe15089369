"""The file of ``--config``: an INI job file as 19.0.0's scheduler writes it, or a JSON job document.

Sections ``[storage:NAME]`` each describe one storage; all others, whatever their names, are merged, later ones win.
``key = value`` or ``key: value``; indented lines continue a value; lines that begin with ``#`` or ``;`` are comments.
Values are read by the rules of :mod:`freezer.options.document`. ``%`` means itself; ``%%`` is read as ``%``, because
19.0.0's parser interpolates and needs it doubled.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from freezer.errors import UsageError
from freezer.options.document import assign, read_job, split_repeated
from freezer.options.names import find_key
from freezer.options.values import Assignment

_STORAGE = "storage:"


class JobFile(msgspec.Struct, frozen=True):
    """The assignments of a job file, and those of each of its ``[storage:NAME]`` sections by NAME."""

    assignments: Sequence[Assignment]
    storages: Sequence[tuple[str, Sequence[Assignment]]]


def read_job_file(path: str) -> JobFile:
    """Read ``path``; UsageError with file, line or key for what cannot be understood."""
    text = read_text(path, "configuration file")
    if text.lstrip().startswith("{"):
        return JobFile(read_job(text, path), ())
    return parse_ini(text, path)


def read_text(path: str, what: str) -> str:
    """The text of a file of settings; bytes that are no UTF-8 stay what they are in file names."""
    try:
        with open(path, encoding="utf-8-sig", errors="surrogateescape") as file:
            return file.read()
    except OSError as error:
        raise UsageError(f"{what} {path} cannot be read: {error.strerror}") from None


def parse_ini(text: str, source: str) -> JobFile:
    """The job file with this ``text``; ``source`` is its name for errors."""
    merged: list[Assignment] = []
    storages: list[tuple[str, Sequence[Assignment]]] = []
    for section, pairs in read_sections(text, source):
        found = assign(pairs, source)
        if section.lower().startswith(_STORAGE):
            storages.append((section[len(_STORAGE) :].strip(), _storage_keys(found, section, source)))
        else:
            merged.extend(found)
    return JobFile(merged, storages)


def _storage_keys(found: list[Assignment], section: str, source: str) -> list[Assignment]:
    for each in found:
        if not each.option.storage_key:
            raise UsageError(f"{source}: {each.spelling} has no place in [{section}]")
    return found


def read_sections(text: str, source: str) -> list[tuple[str, list[tuple[str, str]]]]:
    """The sections of an INI text in order, each with its ``(key, text)`` pairs; repeated values are split."""
    from configparser import (
        ConfigParser,
        DuplicateOptionError,
        DuplicateSectionError,
        MissingSectionHeaderError,
        ParsingError,
    )

    parser = ConfigParser(interpolation=None, default_section="\0", comment_prefixes=("#", ";"))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    try:
        parser.read_string(text, source)
    except DuplicateOptionError as error:
        raise UsageError(f"{source}: line {error.lineno}: {error.option} is given twice") from None
    except DuplicateSectionError as error:
        raise UsageError(f"{source}: line {error.lineno}: there are two sections [{error.section}]") from None
    except MissingSectionHeaderError as error:
        raise UsageError(f"{source}: line {error.lineno} stands before the first [section]") from None
    except ParsingError as error:
        raise UsageError(f"{source}: line {error.errors[0][0]} is neither a [section] nor key = value") from None
    return [
        (name, [pair for key, value in parser[name].items() for pair in _pairs(key, value)])
        for name in parser.sections()
    ]


def _pairs(key: str, value: str) -> list[tuple[str, str]]:
    text = value.replace("%%", "%")
    found = find_key(key)
    if found is None:
        return [(key, text)]
    return [(key, each) for each in split_repeated(found[0], text.strip())]
