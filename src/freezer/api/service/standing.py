"""How a trust stands, and what the answer about a job says of it."""

from __future__ import annotations

from typing import Any

from freezer.api.store.trusts import Trust

TRUST, WITHDRAWN = "trust", "trust_withdrawn"
"""What the links of a job have: the id of its trust; that it was taken back."""

STANDINGS = ("valid", "expiring", "expired", "broken", "unreadable", "missing", "withdrawn")
"""How a trust may stand."""

NONE_ANY_MORE = {"credential": {"state": "withdrawn", "expires_at": None}}
"""What the answer about a job says whose trust was taken back."""


def shown(trust: Trust | None, now: int) -> dict[str, Any]:
    """What the answer about a job says of its trust: as the original (nested), as its plan, and how it stands."""
    if trust is None:
        return {"credential": {"state": "missing", "expires_at": None}}
    standing: dict[str, Any] = {"state": standing_of(trust, now), "expires_at": trust.expires}
    if trust.problem:
        standing["problem"] = trust.problem
    ids = {"trust_id": trust.trust_id, "trustor_user_id": trust.trustor}
    return {"user_credentials": ids, **ids, "credential": standing}


def standing_of(trust: Trust, now: int) -> str:
    """``valid``, ``expiring`` (less than a third of its life is left), ``expired``, ``broken`` or ``unreadable``."""
    if trust.trust_id is None:
        return "unreadable"
    if trust.problem:
        return "broken"
    if trust.expires <= now:
        return "expired"
    return "expiring" if trust.expires < renewal(trust) + now else "valid"


def renewal(trust: Trust) -> int:
    """How long before its end a trust is replaced, in seconds."""
    return (trust.expires - trust.made_at) // 3
