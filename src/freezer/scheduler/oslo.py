"""The scheduler's options as ``oslo-config-generator --namespace freezer-scheduler`` wants them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from freezer.scheduler.keys import KEYS, Key

if TYPE_CHECKING:
    from oslo_config.cfg import Opt


def list_opts() -> list[tuple[str, list[Opt]]]:
    """``(section, options)`` pairs: the entry point ``oslo.config.opts``."""
    sections: dict[str, list[Opt]] = {}
    for key in KEYS:
        sections.setdefault(key.section, []).append(_oslo_option(key))
    return list(sections.items())


def _oslo_option(key: Key) -> Opt:
    from oslo_config import cfg

    text = key.help + (f"; default: {key.note}" if key.note else "") + (f"; no effect: {key.idle}" if key.idle else "")
    shared: dict[str, Any] = {
        "help": text,
        "secret": key.secret,
        "deprecated_opts": [cfg.DeprecatedOpt(old, group="DEFAULT") for old in key.old],
    }
    if key.kind == "flag":
        return cfg.BoolOpt(key.key, default=False, **shared)
    if key.kind == "number":
        return cfg.IntOpt(key.key, default=int(key.default or 0), min=key.least, max=key.most, **shared)
    if key.kind == "list":
        return cfg.ListOpt(key.key, **shared)
    if key.kind == "choice":
        return cfg.StrOpt(key.key, choices=key.choices, default=key.default, **shared)
    return cfg.StrOpt(key.key, default=key.default, **shared)
