"""Barriers of sessions: all members hold still at one time, so that one round is one point in time.

The state of a barrier is ``gathering`` (not all members have begun), ``preparing`` (all hold still, or are about to),
``released`` (all were ready: they may go on) or ``broken`` (they must let go, and have failed). It only goes forward.
That nobody holds still for too long is *not* decided here: each agent has a limit of its own, which needs nobody.

A member's ``held_at`` is when its source began to hold still, ``let_go_at`` when it stopped to; both by the clock of
this server, however wrong those of the nodes are. The *spread* is the time between the first and the last ``held_at``.
"""

from __future__ import annotations

from freezer.api.service.answers import Document
from freezer.model.sessions import HOLD_OFF, SessionBarrier

GATHERING, PREPARING, RELEASED, BROKEN = "gathering", "preparing", "released", "broken"
_SOONEST = 0.25
_PER_SECOND = 40
_ALLOWANCE = 30
"""Seconds beyond the hold-off for which others are waited for: jobs wait for a free place."""


def put_up(shown: Document, own: Document) -> None:
    """A round begins."""
    own.pop("attempts", None)
    for each in (shown.get("jobs") or {}).values():
        for key in ("phase", "held_at", "let_go_at"):
            each.pop(key, None)
    shown.pop("round", None)
    if shown.get("barrier"):
        shown["round"] = {"state": GATHERING, "reason": "", "released_at": None, "spread": None}


def told(shown: Document, own: Document, member: Document, wanted: SessionBarrier, now: float) -> Document:
    """A member tells how far it is; the barrier afterwards (``state``, ``reason``). ``own["attempts"]``: by which
    attempt each was ready."""
    here: Document | None = shown.get("round")
    if here is None:
        return {"state": RELEASED, "reason": ""}
    if member["status"] == "completed":
        return {"state": BROKEN, "reason": here["reason"] or "the part of this job in the round has ended"}
    if wanted.phase != "begun" and not _is_first(own, wanted):
        return {"state": BROKEN, "reason": "this job was ready before, at another point in time"}
    at = round(now - wanted.age, 3)
    if wanted.phase == "ready":
        if "held_at" not in member and here["state"] == RELEASED:
            return {"state": BROKEN, "reason": "the barrier was released before this job was ready"}
        member.setdefault("held_at", at)
        member.setdefault("phase", "ready")
    elif wanted.phase in ("passed", "late"):
        member["phase"] = wanted.phase
        member.setdefault("let_go_at", at)
    go_on(shown, now)
    return here


def _is_first(own: Document, wanted: SessionBarrier) -> bool:
    first: Document = own.setdefault("attempts", {})
    return bool(first.setdefault(wanted.job_id, wanted.attempt) == wanted.attempt)


def go_on(shown: Document, now: float) -> None:
    """Bring the barrier to the state that its members are in."""
    here = shown.get("round")
    if here is None:
        return
    waited_for = {id: each for id, each in (shown.get("jobs") or {}).items() if each["result"] != "skipped"}
    if here["state"] == GATHERING:
        absent = [id for id, each in waited_for.items() if each["status"] == ""]
        if not absent:
            here["state"] = PREPARING
        elif now > shown["time_start"] + int(shown.get("hold_off", HOLD_OFF)) + _ALLOWANCE:
            _break(here, f"{_jobs(absent)} did not begin in time")
    if here["state"] == PREPARING:
        _hold(shown, here, waited_for, now)


def _hold(shown: Document, here: Document, waited_for: Document, now: float) -> None:
    held = [float(each["held_at"]) for each in waited_for.values() if "held_at" in each]
    late = [id for id, each in waited_for.items() if each.get("phase") == "late"]
    missing = [id for id, each in waited_for.items() if "held_at" not in each]
    if late:
        _break(here, f"{_jobs(late)} let go, as others were not ready in time")
    elif held and now - min(held) > int(shown.get("barrier") or 0):
        _break(here, f"{_jobs(missing)} did not hold still in time" if missing else "not all held still in time")
    elif not missing:
        here.update(state=RELEASED, released_at=round(now, 3), spread=round(max(held) - min(held), 3))


def lost_one(shown: Document, result: str) -> None:
    """A member's part has ended: if the others still wait for it, they wait in vain."""
    here = shown.get("round")
    if here is not None and here["state"] in (GATHERING, PREPARING) and result != "skipped":
        members = (shown.get("jobs") or {}).items()
        ended = [id for id, each in members if each["status"] == "completed" and each["result"] != "skipped"]
        _break(here, f"{_jobs(ended)} ended before all were ready")


def is_broken(shown: Document) -> bool:
    """Whether the present round has no common point in time, although it should."""
    here = shown.get("round")
    return here is not None and here["state"] == BROKEN


def ask_again(shown: Document) -> float:
    """In how many seconds a member should ask again: all of them together about forty times a second."""
    return max(_SOONEST, len(shown.get("jobs") or {}) / _PER_SECOND)


def _break(here: Document, reason: str) -> None:
    here.update(state=BROKEN, reason=reason)


def _jobs(ids: list[str]) -> str:
    named = ", ".join(ids[:5])
    more = f" and {len(ids) - 5} more" if len(ids) > 5 else ""
    return f"job {named}{more}" if len(ids) == 1 else f"jobs {named}{more}"
