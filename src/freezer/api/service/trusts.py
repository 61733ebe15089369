"""What lets a central scheduler act for the user whose job it runs.

A job of a client that serves every project holds a *trust* of the user who made it: Keystone then gives the
scheduler's user a token for that user's project, with few roles, for a limited time. A unit cannot ask Keystone,
because it may be done again; it raises :class:`TrustWanted`, and is done again once there is one.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec.structs import replace

from freezer.api.refusals import refused
from freezer.api.scope import Scope
from freezer.api.service.answers import Document, links, text
from freezer.api.service.caller import Caller, Delegation
from freezer.api.service.standing import TRUST, WITHDRAWN
from freezer.api.service.uses import job_terms
from freezer.api.store.contract import Kind, Query, Record, Unit
from freezer.api.store.terms import linked, term
from freezer.api.store.trusts import State, Trust
from freezer.errors import FreezerError

_AT_ONCE = 100


class TrustWanted(FreezerError):
    """The change needs a trust of the caller in the project, and there is none yet."""

    def __init__(self, project_id: str, delegation: Delegation) -> None:
        super().__init__(f"project {project_id}: a trust is wanted")
        self.project_id = project_id
        self.delegation = delegation


def entrust(unit: Unit, caller: Caller, project_id: str, own: Document, client: Record) -> None:
    """Let ``own``, the links of a job, name the trust that its client needs; none if it needs none.

    One that works stays, whoever it is from. Otherwise the caller's own is taken; TrustWanted if there is none.
    """
    told = caller.delegation
    own.pop(WITHDRAWN, None)
    if told is None:
        return
    if not (client.own["central"] or told.always):
        own.pop(TRUST, None)
        return
    if own.get(TRUST) and works(unit.trusts.get(own[TRUST]), told, caller.now):
        return
    margin = caller.now + told.days * 86_400 // 3
    found = unit.trusts.suitable(project_id, caller.identity.user_id, told.trustee, told.roles, margin)
    if found is None:
        raise TrustWanted(project_id, told)
    own[TRUST] = found.id


def withdraw(own: Document) -> None:
    """Let a job act for nobody, until somebody saves it for its client anew."""
    if own.pop(TRUST, None):
        own[WITHDRAWN] = True


def check_not_withdrawn(job: Record) -> None:
    """409 if whoever a job acted for has taken that back."""
    if links(job).get(WITHDRAWN):
        raise refused(
            "withdrawn",
            f"job {job.id} acts for nobody: its trust was taken back",
            hint="name its client_id in a change of it, and it acts for whoever makes that change",
        )


def works(trust: Trust | None, told: Delegation, now: int) -> bool:
    """Whether a scheduler can use the trust, and it gives no more than is told now."""
    return (
        trust is not None
        and trust.state is State.ACTIVE
        and bool(trust.trust_id)
        and not trust.problem
        and trust.expires > now
        and (trust.trustee, trust.roles) == (told.trustee, told.roles)
    )


def released(unit: Unit, before: Document, after: Document) -> None:
    """Let go of the trust that a job does not use any more, if it was the last one that did."""
    id = before.get(TRUST)
    if not id or after.get(TRUST) == id:
        return
    trust = unit.trusts.get(id)
    if trust is not None and not users(unit, id, 1):
        unit.trusts.update(replace(trust, state=State.LEAVING))


def users(unit: Unit, id: str, limit: int = _AT_ONCE) -> Sequence[Record]:
    """Jobs that use a trust."""
    return unit.find(Kind.JOB, Scope(None), Query(terms=(term(linked(TRUST), id),), limit=limit)).records


def hand_over(unit: Unit, caller: Caller, before: Trust, after: Trust) -> None:
    """Let every job that uses one trust use another, and let go of the first.

    If somebody else was faster, the second is let go of instead.
    """
    known = unit.trusts.get(before.id)
    if known is None or known.state is not State.ACTIVE:
        unit.trusts.update(replace(after, state=State.LEAVING))
        return
    unit.trusts.update(after)
    while found := users(unit, before.id):
        for each in found:
            job = unit.get(Kind.JOB, Scope(each.project_id), each.id, lock=True)
            if job is not None:
                moved = replace(job, links=text({**links(job), TRUST: after.id}))
                unit.update(moved, job_terms(unit, caller, moved))
    unit.trusts.update(replace(known, state=State.LEAVING))
