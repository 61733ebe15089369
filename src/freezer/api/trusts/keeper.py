"""Who sees to it that jobs have the trusts they need, and that nobody has one that no job needs."""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from freezer.api.refusals import Refusal
from freezer.api.scope import Identity, Scope
from freezer.api.service.caller import Caller, Delegation, new_id
from freezer.api.service.standing import renewal
from freezer.api.service.trusts import TrustWanted, hand_over, users
from freezer.api.store.contract import Exists, Store, Unit
from freezer.api.store.trusts import State, Trust
from freezer.api.trusts.keystone import Keystone, KeystoneAway, KeystoneRefuses
from freezer.clock import Clock
from freezer.errors import FreezerError

_LOG = logging.getLogger(__name__)
T = TypeVar("T")
_DAY = 86_400
_AT_ONCE = 50
_LOOK_SECONDS = 60.0
_UNDER_WAY_SECONDS = 60
_UNUSED_SECONDS = 3600
_CHECK_SECONDS = _DAY
_MOST_REMEMBERED = 10_000
_RETRY_SECONDS = "5"


class Delegated(msgspec.Struct, frozen=True):
    """What the configuration says: which roles users delegate, for how long, and whether for every job."""

    roles: tuple[str, ...] = ("member",)
    days: int = 90
    always: bool = False


class Keeper:
    """Looks after the trusts in ``store``, with ``keystone``."""

    def __init__(self, store: Store, keystone: Keystone, delegated: Delegated, clock: Clock) -> None:
        self._store = store
        self._keystone = keystone
        self._delegated = delegated
        self._clock = clock
        self._trustee = ""
        self._looked: dict[str, float] = {}
        self._lock = threading.Lock()

    def delegation(self) -> Delegation:
        """What a job's maker delegates; 503 while Keystone cannot be asked who the server is."""
        if not self._trustee:
            self._trustee = _kept(self._keystone.trustee)
        told = self._delegated
        return Delegation(self._trustee, tuple(sorted(told.roles)), told.days, told.always)

    def make(self, identity: Identity, wanted: TrustWanted) -> None:
        """Make the trust that a change needs; 422 if Keystone refuses, 503 if it is away."""
        try:
            trust = _kept(lambda: self._made(identity, self._intention(identity, wanted)))
        except KeystoneRefuses as error:
            hint = "a token from an application credential cannot delegate; the user needs the delegated roles there"
            roles = ", ".join(wanted.delegation.roles)
            message = f"the scheduler of this client needs a trust with the role {roles}: {error.message}"
            raise Refusal(422, "Missing required credentials", message, hint=hint) from None
        self._store.write(lambda unit: unit.trusts.update(trust))

    def _intention(self, identity: Identity, wanted: TrustWanted) -> Trust:
        now, told = int(self._clock.now()), wanted.delegation
        return Trust(
            id=new_id(),
            project_id=wanted.project_id,
            trustor=identity.user_id,
            trustee=told.trustee,
            roles=told.roles,
            state=State.PENDING,
            expires=now + told.days * _DAY - random.SystemRandom().randrange(_DAY // 2),
            made_at=now,
            checked_at=now,
        )

    def _made(self, identity: Identity, intention: Trust) -> Trust:
        """The trust that was intended, made, but not yet written down as such."""
        self._write_down(intention)
        try:
            trust_id = self._keystone.create(identity.token, intention)
        except KeystoneRefuses:
            self._forget(intention)
            raise
        return replace(intention, state=State.ACTIVE, trust_id=trust_id)

    def _write_down(self, intention: Trust) -> None:
        try:
            self._store.write(lambda unit: unit.trusts.insert(intention))
        except Exists:
            message = "another trust of this user is being made"
            raise Refusal(503, "Service Unavailable", message, headers={"Retry-After": "1"}) from None

    def attend(self, identity: Identity, *, at_once: bool = False) -> None:
        """Do what only a request of the trustor makes possible: remove and replace its trusts.

        Looks once a minute for each user, or ``at_once``. Nothing that fails here concerns the request.
        """
        if not identity.token or identity.client is not None or not (at_once or self._due(identity.user_id)):
            return
        now = int(self._clock.now())
        soon = now + self._delegated.days * _DAY // 3
        try:
            for each in self._store.read(lambda unit: unit.trusts.needy(identity.user_id, soon, _AT_ONCE)):
                self._attend(identity, each, now)
        except FreezerError as error:
            _LOG.warning("trusts of user %s: %s", identity.user_id, error.message)

    def _due(self, user_id: str) -> bool:
        now = self._clock.monotonic()
        with self._lock:
            if now - self._looked.get(user_id, -_LOOK_SECONDS) < _LOOK_SECONDS:
                return False
            if len(self._looked) >= _MOST_REMEMBERED:
                self._looked.clear()
            self._looked[user_id] = now
        return True

    def _attend(self, identity: Identity, trust: Trust, now: int) -> None:
        if trust.state is not State.ACTIVE:
            self._remove(identity.token, trust, now)
        elif trust.trust_id is not None and trust.expires < renewal(trust) + now:
            self._replace(identity, trust, now)

    def _replace(self, identity: Identity, old: Trust, now: int) -> None:
        told = self.delegation()
        new = self._made(identity, self._intention(identity, TrustWanted(old.project_id, told)))
        caller = Caller(identity, Scope(None), now)
        self._store.write(lambda unit: hand_over(unit, caller, old, new))
        self._remove(identity.token, replace(old, state=State.LEAVING), now)

    def _remove(self, token: str, trust: Trust, now: int) -> None:
        """Remove a trust that no job uses, or that nobody knows to have been made."""
        if trust.state is State.PENDING and now - trust.made_at < _UNDER_WAY_SECONDS:
            return
        trust_id = trust.trust_id or self._keystone.find(token, trust)
        if trust_id:
            self._keystone.delete(token, trust_id)
        self._forget(trust)

    def _forget(self, trust: Trust) -> None:
        self._store.write(lambda unit: unit.trusts.remove(trust.id))

    def housekeep(self) -> Sequence[Trust]:
        """Do what needs no trustor: queued removals, trying trusts; the trusts of whose end somebody should hear."""
        now = int(self._clock.now())
        self._clear(now)
        for each in self._store.read(lambda unit: unit.trusts.unchecked(now - _CHECK_SECONDS, _AT_ONCE)):
            self._check(each, now)
        return self._ending(now)

    def _clear(self, now: int) -> None:
        waiting = self._store.read(lambda unit: unit.trusts.leaving(_AT_ONCE))
        token = self._keystone.admin_token() if waiting else None
        for each in waiting:
            if each.expires <= now:
                self._forget(each)
            elif token is not None:
                self._remove(token, each, now)

    def _check(self, trust: Trust, now: int) -> None:
        unused = now - trust.made_at > _UNUSED_SECONDS and not self._store.read(lambda unit: users(unit, trust.id, 1))
        problem = self._keystone.problem(trust.trust_id) if trust.trust_id and not unused else ""

        def note(unit: Unit) -> None:
            known = unit.trusts.get(trust.id)
            if known is None or known.state is not State.ACTIVE:
                return
            state = State.LEAVING if unused and not users(unit, trust.id, 1) else known.state
            unit.trusts.update(replace(known, state=state, problem=problem, checked_at=now))

        self._store.write(note)

    def _ending(self, now: int) -> Sequence[Trust]:
        soon = now + self._delegated.days * _DAY // 3
        found = self._store.read(lambda unit: unit.trusts.ending(soon, _AT_ONCE))

        def tell(unit: Unit) -> None:
            for each in found:
                known = unit.trusts.get(each.id)
                if known is not None:
                    unit.trusts.update(replace(known, told=True))

        if found:
            self._store.write(tell)
        return found


def _kept(ask: Callable[[], T]) -> T:
    """What ``ask`` returns; 503 while Keystone is away."""
    try:
        return ask()
    except KeystoneAway as error:
        headers = {"Retry-After": _RETRY_SECONDS}
        raise Refusal(503, "Service Unavailable", error.message, headers=headers) from None
