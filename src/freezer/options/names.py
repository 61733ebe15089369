"""Which option a name means: on the command line with prefixes, in files without."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

import msgspec

from freezer.errors import UsageError
from freezer.options.spec import Generation, Kind, Option
from freezer.options.table import OPTIONS, RETIRED


class Spelling(msgspec.Struct, frozen=True):
    """A long spelling of the command line, with leading dashes.

    ``negated``: it means "no" (``--nosync``). ``alias``: an older name. ``upstream``: 19.0.0 knows exactly this
    spelling.
    """

    text: str
    option: Option
    negated: bool = False
    alias: bool = False
    upstream: bool = False


@cache
def spellings() -> tuple[Spelling, ...]:
    """Every long spelling, those of 19.0.0 first."""
    found: dict[str, Spelling] = {}
    for spelling in sorted(_all_spellings(), key=lambda each: (not each.upstream, each.negated)):
        found.setdefault(spelling.text, spelling)
    return tuple(found.values())


def _all_spellings() -> Iterable[Spelling]:
    for option in OPTIONS:
        name = option.spelling
        known = option.upstream and not option.config_only
        main = "--shell_completion" if option.name == "shell_completion" else name
        yield Spelling(main, option, upstream=known)
        yield Spelling(_dashed(main), option)
        yield Spelling("--" + option.name.replace("_", "-"), option)
        if (option.kind is Kind.FLAG or option.implied) and not option.name.startswith("no_"):
            yield Spelling("--no" + name[2:], option, negated=True, upstream=known)
            yield Spelling("--no-" + name[2:], option, negated=True)
        for alias in option.aliases:
            old = alias.generation is not Generation.UPSTREAM
            if alias.literal:
                yield Spelling(alias.literal, option, upstream=True)
            yield Spelling("--" + alias.name.replace("_", "-"), option, alias=old)


def _dashed(text: str) -> str:
    return "--" + text[2:].replace("_", "-")


@cache
def _exact() -> Mapping[str, Spelling]:
    return {spelling.text: spelling for spelling in spellings()}


HELP = "--help"
VERSION = "--version"


def find_spelling(text: str) -> Spelling | str:
    """What ``text``, a long option as typed, means; :data:`HELP` or :data:`VERSION` for those two; else UsageError.

    Exact spellings first, dashes and underscores alike. Then prefixes: one that means a single option in 19.0.0 keeps
    that meaning, whatever has been added since; otherwise it has to be unique among all.
    """
    dashed = _dashed(text)
    if dashed in {HELP, VERSION}:
        return dashed
    exact = _exact().get(text) or _exact().get(dashed)
    if exact is not None:
        return exact
    for typed in dict.fromkeys((text, dashed)):
        old = [each for each in spellings() if each.upstream and each.text.startswith(typed)]
        fixed = [name for name in (HELP, VERSION) if name.startswith(typed)]
        if len(_meanings(old)) + len(fixed) == 1:
            return fixed[0] if fixed else old[0]
    matches = [each for each in spellings() if each.text.startswith(dashed)]
    fixed = [name for name in (HELP, VERSION) if name.startswith(dashed)]
    if len(_meanings(matches)) == 1 and not fixed:
        return matches[0]
    if matches or fixed:
        candidates = sorted({*(each.text for each in matches if not each.alias), *fixed} or {e.text for e in matches})
        raise UsageError(f"{text} is ambiguous: it can mean {', '.join(candidates)}")
    raise unknown_option(text)


def _meanings(found: Iterable[Spelling]) -> set[tuple[str, bool]]:
    return {(each.option.name, each.negated) for each in found}


@cache
def short_options() -> Mapping[str, Option]:
    """Options by their letter."""
    return {option.short: option for option in OPTIONS if option.short}


@cache
def _keys() -> Mapping[str, tuple[Option, bool]]:
    keys: dict[str, tuple[Option, bool]] = {}
    for option in OPTIONS:
        for alias in option.aliases:
            keys[alias.name] = (option, alias.generation is not Generation.UPSTREAM)
    for option in OPTIONS:
        keys[option.spelling[2:].replace("-", "_")] = (option, False)
    for option in OPTIONS:
        keys[option.name] = (option, False)
    return keys


def find_key(key: str) -> tuple[Option, bool] | None:
    """The option that a key of a file or document names, and whether by an older name; None if there is none.

    Letter case, and dashes or underscores, make no difference; option names and names of the command line are both
    known.
    """
    return _keys().get(key.strip().lower().replace("-", "_"))


def unknown_key(key: str, source: str) -> UsageError:
    """The error for a key that no option has.

    What follows a blank is not repeated: the ``=`` may have been forgotten, and that is then a value, or a password.
    """
    key = key.split(maxsplit=1)[0] if key.strip() else key
    name = key.strip().lower().replace("-", "_")
    return UsageError(f"{source}: {key} is {_no_option(name, '', _keys())}")


def unknown_option(text: str) -> UsageError:
    """The error for a command-line option that does not exist."""
    name = text.lstrip("-").replace("-", "_")
    known = [each.text[2:].replace("-", "_") for each in spellings()]
    return UsageError(f"{text} is {_no_option(name, '--', known)}", hint="freezer-agent --help lists all options")


def _no_option(name: str, dashes: str, known: Iterable[str]) -> str:
    if name in RETIRED:
        return f"no option any more: {RETIRED[name]}"
    from difflib import get_close_matches

    close = get_close_matches(name, list(known), n=1)
    if not close:
        return "no option"
    return f"no option; did you mean {dashes}{close[0].replace('_', '-') if dashes else close[0]}?"
