"""What a scheduler that serves every project does for them, whatever their jobs ask for.

The API refuses such jobs where they are made. This is looked at again by the scheduler before it starts an agent and by
the agent before it begins: a job may be older than the rules, and an API may be the original's.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from freezer.errors import DocumentError
from freezer.model.actions import FreezerAction, read_freezer_action
from freezer.model.clients import ASPECTS, CAPABILITIES
from freezer.model.execution import foreign

CINDER_NATIVE: Mapping[str, tuple[str, ...]] = {
    "supported_actions": ("backup", "restore"),
    "supported_modes": ("cindernative",),
    "supported_storages": ("swift",),
    "supported_engines": (),
}
"""What a central scheduler does unless it is told otherwise: it backs volumes up inside of the cloud, and nothing of
its own machine. The original's can do everything."""

EVERYTHING = "all"


class CentralPolicy(msgspec.Struct, frozen=True):
    """``home``: the project that the scheduler itself is of; ``capabilities``: as its client tells them
    (``supported_modes``); ``options``: what other projects may set besides what is meant for them."""

    home: str
    capabilities: Mapping[str, tuple[str, ...]]
    options: frozenset[str] = frozenset()

    def refusal(self, project: str, action: FreezerAction) -> str | None:
        """Why ``action`` is not done for a job of ``project``; None if it is."""
        for aspect, values in action.needs().items():
            allowed = self.capabilities[ASPECTS[aspect]]
            for value in values:
                if value not in allowed:
                    return f"this scheduler does not support {aspect}: {value}"
        return foreign(action, self.options) if project != self.home else None

    def refusal_of(self, job: Mapping[str, object]) -> str | None:
        """Why nothing of a job of the API is done; None if all of it is."""
        listed = job.get("job_actions")
        for place, entry in enumerate(listed if isinstance(listed, list) else []):
            wanted = entry.get("freezer_action") if isinstance(entry, dict) else None
            try:
                reason = self.refusal(str(job.get("project_id", "")), read_freezer_action(wanted, ("freezer_action",)))
            except DocumentError as error:
                reason = error.message
            if reason is not None:
                return f"action {place}: {reason}"
        return None


def capabilities(told: Mapping[str, Sequence[str] | None], *, central: bool) -> dict[str, tuple[str, ...]]:
    """What a scheduler supports, given what its settings say of each (None: nothing; ``all``: whatever there is)."""
    usual = CINDER_NATIVE if central else CAPABILITIES
    found = {}
    for key, everything in CAPABILITIES.items():
        values = told.get(key)
        chosen = usual[key] if values is None else tuple(values)
        found[key] = everything if EVERYTHING in chosen else chosen
    return found
