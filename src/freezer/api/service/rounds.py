"""Rounds of sessions as arithmetic on the session's document, and what makes one end.

``shown`` is that document, ``own`` its links: ``due`` is the instant that the present round is for. Everything here
may be repeated: what has been told twice has the effect of once.

A member's part in a round is open (``status`` empty or ``running``) or ``completed`` with a result: ``success``,
``fail``, ``aborted``, or ``skipped`` for one that was paused or stopped when the round began, for which nobody waits.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec

from freezer.api.refusals import bad_request
from freezer.api.service import barriers
from freezer.api.service.answers import Document
from freezer.model.sessions import SessionEnd, SessionStart

Absent = Callable[[], Collection[str]]
NEVER = -1
_WELL = frozenset({"success", "skipped"})


class Outcome(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of a session action, and the present round. ``result`` is ``success``, ``hold-off`` or
    ``out-of-sync``, of the barrier its state (:mod:`freezer.api.service.barriers`) with the ``reason``, and in how
    many seconds to ask ``again``. ``barrier``: for how many seconds a member may hold still, none if there is no
    barrier."""

    result: str
    session_tag: int
    barrier: int | None = None
    reason: str = ""
    again: float | None = None


def start(shown: Document, own: Document, now: int, wanted: SessionStart, absent: Absent) -> Outcome:
    """A member is about to start. Those who are ``absent`` are left out if that begins a round.

    By the original's rules rounds are told apart by when starts arrive. Whoever says what instant it starts for is told
    by that which round it belongs to, and may ask again, or late, with the same answer.
    """
    check_tag(shown, wanted.current_tag)
    member = member_of(shown, wanted.job_id)
    if wanted.due is None:
        return _start_now(shown, own, now, wanted, member, absent)
    present = int(own["due"] if "due" in own else shown["time_start"])
    if shown["time_start"] == NEVER or wanted.due > present + shown["hold_off"]:
        _begin(shown, own, now, wanted.due, {*absent()} - {wanted.job_id})
    elif wanted.due < present - shown["hold_off"]:
        return Outcome("out-of-sync", shown["session_tag"])
    return Outcome("success", shown["session_tag"], barrier=shown.get("barrier"))


def _start_now(
    shown: Document, own: Document, now: int, wanted: SessionStart, member: Document, absent: Absent
) -> Outcome:
    # On either side: clocks of several servers differ, and one may be set back.
    within = abs(now - shown["time_start"]) <= shown["hold_off"]
    latest = wanted.current_tag == shown["session_tag"]
    if within and latest:
        return Outcome("hold-off", shown["session_tag"])
    if not within and not latest:
        return Outcome("out-of-sync", shown["session_tag"])
    if not within:
        _begin(shown, own, now, now, {*absent()} - {wanted.job_id})
    runs(member, now)
    return Outcome("success", shown["session_tag"])


def _begin(shown: Document, own: Document, now: int, due: int, absent: Collection[str]) -> None:
    """Nobody has run in the new round yet, however the last one went."""
    own["due"] = due
    shown.update(session_tag=shown["session_tag"] + 1, time_start=now, status="running", result="")
    for id, each in shown["jobs"].items():
        each.update(status="", result="")
        if id in absent:
            each.update(status="completed", result="skipped")
    barriers.put_up(shown, own)


def runs(member: Document, now: int) -> None:
    """A member has begun."""
    member.update(status="running", result="", time_started=now, time_ended=NEVER)


def end(shown: Document, now: int, wanted: SessionEnd) -> Outcome:
    """A member says that it has ended."""
    member = member_of(shown, wanted.job_id)
    if wanted.current_tag < shown["session_tag"]:
        return Outcome("out-of-sync", shown["session_tag"])
    check_tag(shown, wanted.current_tag)
    has_ended(shown, member, wanted.result, now)
    settle(shown, now)
    return Outcome("success", shown["session_tag"])


def has_ended(shown: Document, member: Document, result: str, now: int) -> None:
    """A member's part in the present round is over."""
    member.update(status="completed", result=result, time_ended=now)
    barriers.lost_one(shown, result)


def settle(shown: Document, now: int) -> None:
    """End the round if every member has ended: with ``fail`` if one of them did not succeed."""
    members = (shown.get("jobs") or {}).values()
    if shown["status"] != "running" or any(each["status"] != "completed" for each in members):
        return
    well = all(each["result"] in _WELL for each in members) and not barriers.is_broken(shown)
    shown["result"] = "success" if well else "fail"
    shown["status"] = "completed"
    shown["time_end"] = now


def check_tag(shown: Document, tag: int) -> None:
    """400 for a round that has not begun."""
    if tag > shown["session_tag"]:
        raise bad_request(f"requested tag value too high. Session Tag: {shown['session_tag']} Job Tag: {tag}")


def member_of(shown: Document, job_id: str) -> Document:
    """The part of a job in the present round; 400."""
    member = (shown.get("jobs") or {}).get(job_id)
    if member is None:
        raise bad_request("job_id not found in session")
    found: Document = member
    return found
