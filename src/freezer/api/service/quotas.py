"""Quotas, as they are answered."""

from __future__ import annotations

from freezer.api.service.caller import Caller
from freezer.api.store.contract import Unit


def shown(unit: Unit, caller: Caller) -> dict[str, object]:
    """What the caller's project has of each resource, the limit that holds, and the one without its own."""
    found = unit.quotas.of(caller.project_id)
    told = {each.resource: {"used": each.used, "limit": each.limit, "default": each.default} for each in found}
    return {"project_id": caller.project_id, "quotas": told}
