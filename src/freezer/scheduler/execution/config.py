"""The options of one action as a job file for the agent."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.errors import UsageError
from freezer.model.actions import FreezerAction
from freezer.options.table import BY_NAME


def config_of(action: FreezerAction) -> str:
    """The INI text, with one section. Keys are names of the option table and nothing else; lists are written as the
    agent reads them; a percent sign is doubled, as in files for OpenStack Freezer. UsageError for a value of several
    lines, which such a file cannot hold: it would be read as something else."""
    return "".join(["[action]\n", *(f"{name} = {_value(name, texts)}\n" for name, texts in action.given.items())])


def _value(name: str, texts: Sequence[str]) -> str:
    if BY_NAME[name].repeatable:
        return repr(list(texts)).replace("%", "%%")
    if len(texts) > 1:
        raise UsageError(f"{name} is given twice")
    if any(not each.isprintable() for each in texts[0] if not "\udc80" <= each <= "\udcff"):
        raise UsageError(f"{name} has a line break or another control character")
    return texts[0].replace("%", "%%")
