"""The options as ``oslo-config-generator --namespace freezer`` wants them.

Options that oslo.log and oslo.config register themselves are left to their own namespaces, as in 19.0.0:
``oslo-config-generator --namespace freezer --namespace oslo.log``. What names a file of options has no place in one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, TypedDict

from freezer.options.spec import Kind, Option
from freezer.options.table import OPTIONS
from freezer.options.values import TRUE_WORDS

if TYPE_CHECKING:
    from oslo_config.cfg import DeprecatedOpt, Opt


class _Shared(TypedDict):
    """What every kind of oslo option is given."""

    help: str
    secret: bool
    deprecated_opts: Sequence[DeprecatedOpt]


def list_opts() -> list[tuple[str, list[Opt]]]:
    """``(section, options)`` pairs: the entry point ``oslo.config.opts``."""
    sections: dict[str, list[Opt]] = {}
    for option in OPTIONS:
        if not option.origin and not option.command_line_only:
            sections.setdefault(option.section, []).append(_oslo_option(option))
    return list(sections.items())


def _oslo_option(option: Option) -> Opt:
    from oslo_config import cfg, types

    text = option.help + (f" ({option.unit})" if option.unit else "")
    text += f"; default: {option.default_note}" if option.default_note else ""
    name = option.name if option.section == "DEFAULT" else option.name.removeprefix(option.section + "_")
    old = [cfg.DeprecatedOpt(alias.name) for alias in {alias.name: alias for alias in option.aliases}.values()]
    shared: _Shared = {
        "help": text,
        "secret": option.secret,
        "deprecated_opts": old,
    }
    if option.repeatable:
        return cfg.MultiStrOpt(name, default=[], **shared)
    if option.kind in {Kind.FLAG, Kind.SWITCH}:
        default = None if option.default is None else option.default in TRUE_WORDS
        return cfg.BoolOpt(name, default=default, **shared)
    if option.kind is Kind.INTEGER:
        number = None if option.default is None else int(option.default)
        return cfg.IntOpt(name, default=number, min=option.minimum, max=option.maximum, **shared)
    if option.kind is Kind.DAYS:
        return cfg.FloatOpt(name, min=option.minimum, **shared)
    choices = types.String(choices=option.choices) if option.choices else types.String()
    return cfg.Opt(name, type=choices, default=option.default, **shared)
