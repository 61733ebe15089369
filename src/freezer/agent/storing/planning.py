"""What the next backup of a set will be: its level, its cipher and compression, and what it stands on.

Each storage decides for itself, by what it holds. Storages that hold the same base (same chain, level, time and SHA-256
of its state) get the same bytes, in one *pass* over the source; one that has fallen behind, or is new, needs a pass of
its own. A full backup that is due in one begins a chain in all, so that they fall into step again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import msgspec

from freezer.agent.context import Context
from freezer.agent.places.place import Place, each
from freezer.agent.sealing import Sealing, keeps_chain, load_passphrase, make_sealing, refuse_downgrade, wanted_cipher
from freezer.agent.stored.archive import Archive
from freezer.container.catalogue import Catalogue
from freezer.container.document import CFB, Base, Record
from freezer.container.layout import BackupKey, SetId
from freezer.container.levels import LevelDecision, LevelRules, next_level, next_time
from freezer.crypto.passphrase import Passphrase
from freezer.engine.contract import Tree
from freezer.engine.tar.archive import snapshot
from freezer.errors import DataError, PassphraseError
from freezer.stream.compression import Codec
from freezer.stream.digest import Digest

ENGINE = "tar"

Catalogues = Sequence[tuple[Place, Catalogue]]
_States = dict[str, snapshot.Snapshot]  # by the SHA-256 of what was stored; large, so none is kept twice


class Plan(msgspec.Struct, frozen=True):
    """One level to be made: where it goes, what it stands on, and how it is stored."""

    key: BackupKey
    decision: LevelDecision
    base: Base | None
    sealing: Sealing
    codec: Codec

    @property
    def warnings(self) -> tuple[str, ...]:
        """What the user should know of this backup's weaknesses."""
        if self.sealing.cipher != CFB:
            return ()
        return (f"{CFB} is not authenticated: a change that somebody makes to this backup will not be noticed",)


class Pass(msgspec.Struct, frozen=True):
    """One level and the places that get it. ``known``: what the base has, large and not needed for long."""

    plan: Plan
    places: list[Place]
    known: list[snapshot.Snapshot]

    def take_known(self) -> snapshot.Snapshot | None:
        """What the base has, once."""
        return self.known.pop() if self.known else None


def make_passes(context: Context, catalogues: Catalogues, set_id: SetId, tree: Tree, now: float) -> list[Pass]:
    """Decide level, cipher and compression for every place, and read what the increments stand on."""
    held = dict(catalogues)
    time = max((next_time(catalogue, set_id, now) for catalogue in held.values()), default=int(now))
    decided = _together(dict(each(held, lambda place: _decide(context, held[place], set_id, now))))
    states: _States = {}
    passes: list[Pass] = []
    for place, plan in each(
        decided, lambda place: _plan(context, held[place], set_id, tree, decided[place], time, states)
    ):
        for one in passes:
            if _same(one.plan, plan):
                one.places.append(place)
                break
        else:
            # a time of its own, so that different backups never have the same name, wherever they are copied
            own = time + len(passes)
            known = [states[plan.base.state_sha256]] if plan.base is not None else []
            key = _key(set_id, plan.decision, own)
            passes.append(Pass(msgspec.structs.replace(plan, key=key), [place], known))
    return passes


def _together(decided: dict[Place, LevelDecision]) -> dict[Place, LevelDecision]:
    """The decisions, but where a full backup is due in one place it is made in all."""
    due = [place for place, decision in decided.items() if decision.due]
    if not due or len(due) == len(decided):
        return decided
    reason = f"a full backup is due in {due[0].name}, and all begin a chain together"
    return dict.fromkeys(decided, LevelDecision(0, None, None, reason))


def _same(one: Plan, other: Plan) -> bool:
    """Whether the two make the same bytes out of the same source."""

    def what(plan: Plan) -> tuple[object, ...]:
        return plan.decision.zero, plan.decision.level, plan.base, plan.codec, plan.sealing.cipher

    return what(one) == what(other)


def _decide(context: Context, catalogue: Catalogue, set_id: SetId, now: float) -> LevelDecision:
    settings, incremental = context.settings, context.invocation.incremental
    if not incremental.incremental:
        return LevelDecision(0, None, None, incremental.reason, due=True)
    rules = LevelRules(
        incremental=True,
        max_level=settings.optional_integer("max_level"),
        always_level=settings.optional_integer("always_level"),
        restart_always_level=settings.optional_number("restart_always_level"),
    )
    return next_level(catalogue, set_id, rules, now)


def _plan(
    context: Context,
    catalogue: Catalogue,
    set_id: SetId,
    tree: Tree,
    decision: LevelDecision,
    time: int,
    states: _States,
) -> Plan:
    settings = context.settings
    passphrase = load_passphrase(context)
    cipher = wanted_cipher(context, passphrase)
    codec = Codec(settings.text("compression"))
    base, below = None, None
    if decision.base is not None:
        below = catalogue.record(decision.base)
        assert below is not None
        asked = settings.text("encryption") != "auto"
        reason = keeps_chain(below, cipher, asked=asked)
        if reason is None:
            base, reason = _read_base(catalogue, decision, passphrase, states)
        if reason is None:
            reason = _other_source(below, decision, catalogue, tree, context)
        if reason is None:
            cipher, codec = below.cipher, _kept_codec(context, below, codec)
        else:
            decision, base, below = LevelDecision(0, None, None, reason), None, None
    refuse_downgrade(context, catalogue, set_id, cipher)
    return Plan(_key(set_id, decision, time), decision, base, make_sealing(cipher, passphrase, below), codec)


def _key(set_id: SetId, decision: LevelDecision, time: int) -> BackupKey:
    return BackupKey(set_id, time if decision.zero is None else decision.zero, decision.level, time)


def _read_base(
    catalogue: Catalogue, decision: LevelDecision, passphrase: Passphrase | None, states: _States
) -> tuple[Base | None, str | None]:
    """The digest that binds this level to the state it builds on, which is now in ``states``; or why there is none."""
    backup = decision.base
    assert backup is not None
    try:
        archive = Archive(catalogue, backup, passphrase)
        stored = archive.stored_state()
        digest = Digest()
        digest.update(stored)
        sha256 = digest.hexdigest()
        if sha256 not in states:
            states[sha256] = snapshot.decode(archive.open_state(stored))
    except PassphraseError:
        raise
    except DataError as error:
        return None, f"the newest level cannot be built on: {error.message}"
    return Base(level=backup.key.level, time=backup.key.time, state_sha256=sha256), None


def _other_source(
    below: Record, decision: LevelDecision, catalogue: Catalogue, tree: Tree, context: Context
) -> str | None:
    """Why the level below was made of something else; None as far as can be told."""
    assert decision.base is not None
    if below.freezer is None:
        return None
    before = Archive(catalogue, decision.base, load_passphrase(context)).names().source
    now = source_text(tree)
    return f"the newest level was made of {before}, this one is of {now}" if before and before != now else None


def _kept_codec(context: Context, below: Record, wished: Codec) -> Codec:
    """A chain keeps its compression."""
    kept = Codec(below.compression or Codec.NONE)
    if kept != wished and context.settings.given("compression"):
        context.notice(
            f"the chain is compressed with {kept}; --compression {wished} applies from the next full backup on"
        )
    return kept


def source_text(tree: Tree) -> str:
    full = tree.path if tree.name is None else os.path.join(tree.path, tree.name)
    return full.decode("utf-8", "backslashreplace")
