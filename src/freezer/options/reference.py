"""The reference page of the documentation, made from the table.

``python -m freezer.options.reference FILE`` writes it; a test compares the page in ``docs/`` with the table.
"""

from __future__ import annotations

import sys

from freezer.options.help import usage
from freezer.options.spec import Kind, Option
from freezer.options.table import GROUPS, OPTIONS, RETIRED

_INTRODUCTION = """\
# Options of freezer-agent

<!-- Made from the option table by `python -m freezer.options.reference docs/reference/options.md`. -->

`freezer-agent ACTION …` and `freezer-agent --action ACTION …` are the same.

**Where options come from**, later ones winning: their defaults; the configuration files `freezer.conf` and
`freezer-agent.conf` in `~/.freezer`, `~`, `/etc/freezer` or `/etc` (section `[DEFAULT]`), or those that
`--config-file` and `--config-dir` name; the environment (`OS_DEFAULT__MAX_LEVEL` for `max_level`); the job file
of `--config`; the command line.

**Names.** On the command line dashes and underscores are alike, and a long option may be shortened while it
stays unique; every abbreviation that release 19.0.0 accepts keeps its meaning. A flag takes no value, or `true`
or `false`; `--nosync` and `--no-sync` switch one off. In files the key is the option's name with underscores or
dashes, in any letter case; the names of the command line and the older names are known there too.

**Job files** (`--config`) are INI files or JSON documents. In an INI file the sections `[storage:NAME]` each
describe one storage, and all others are merged, later ones winning. `None` and an empty value mean "not set",
and so does `False` for anything but a flag. `%` is an ordinary character, and `%%` is read as one `%`. A key
given twice in one section is an error.

**Values.** Sizes and rates are bytes, or a number with `K`, `M`, `G`, `T` or `P` (powers of 1024). Dates are
ISO 8601; one without an offset is UTC, and the output says so.
"""

_WIDE = "all"


def reference_markdown() -> str:
    """The whole page."""
    parts = [_INTRODUCTION]
    for group, title in GROUPS.items():
        rows = [_row(option) for option in OPTIONS if option.group == group]
        parts.append(f"## {title}\n\n| option | value | actions | meaning |\n|---|---|---|---|\n" + "".join(rows))
    retired = "".join(f"| `{name}` | {_cell(instead)} |\n" for name, instead in RETIRED.items())
    parts.append(f"## Names that are gone\n\n| name | instead |\n|---|---|\n{retired}")
    return "\n".join(parts)


def _row(option: Option) -> str:
    return f"| {_names(option)} | {_cell(_value(option))} | {_actions(option)} | {_meaning(option)} |\n"


def _names(option: Option) -> str:
    name = option.name.removeprefix(option.section + "_")
    shown = f"`{usage(option)}`" if not option.config_only else f"`{name}` in `[{option.section}]`"
    if option.short:
        shown = f"`-{option.short}`, {shown}"
    if option.name != option.spelling[2:].replace("-", "_"):
        shown += f"; in files `{option.name}`"
    older = dict.fromkeys(alias.name for alias in option.aliases)
    if older:
        shown += "; also " + ", ".join(f"`{name}`" for name in older)
    return shown


def _value(option: Option) -> str:
    kind = " ".join(f"`{choice}`" for choice in option.choices) or option.kind.value
    if option.kind in {Kind.FLAG, Kind.SWITCH} and option.default is None:
        return kind
    if option.default_note:
        return f"{kind}; default: {option.default_note}"
    return f"{kind}; default `{option.default}`" if option.default is not None else kind


def _actions(option: Option) -> str:
    return ", ".join(option.actions) if option.actions else _WIDE


def _meaning(option: Option) -> str:
    text = _cell(option.help)
    if option.modes:
        text += f" (mode {', '.join(option.modes)})"
    if option.engines:
        text += f" (engine {', '.join(option.engines)})"
    if not option.upstream:
        text += " *New: 19.0.0 does not know it.*"
    missing = [f"`{choice}`" for choice in option.unbuilt_choices]
    if option.unbuilt:
        text += " **Not in this build yet.**"
    elif missing:
        text += f" **Not in this build yet: {', '.join(missing)}.**"
    return text


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")


def write_reference(path: str) -> None:
    """Write the page to ``path``."""
    with open(path, "w", encoding="utf-8") as file:
        file.write(reference_markdown())


if __name__ == "__main__":
    write_reference(sys.argv[1])
