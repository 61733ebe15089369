"""What the next backup of a set will be: its level, its cipher and compression, and what it stands on."""

from __future__ import annotations

import os

import msgspec

from freezer.agent.archive import Archive
from freezer.agent.context import Context
from freezer.agent.sealing import Sealing, keeps_chain, load_passphrase, make_sealing, refuse_downgrade, wanted_cipher
from freezer.container.catalogue import Catalogue
from freezer.container.chain import StoredBackup
from freezer.container.document import CFB, Base, Record
from freezer.container.layout import BackupKey, SetId
from freezer.container.levels import LevelDecision, LevelRules, next_level, next_time
from freezer.crypto.passphrase import Passphrase
from freezer.engine.contract import Tree
from freezer.engine.tar import snapshot
from freezer.errors import DataError, PassphraseError
from freezer.stream.compression import Codec
from freezer.stream.digest import Digest

ENGINE = "tar"


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


def make_plan(
    context: Context, catalogue: Catalogue, set_id: SetId, tree: Tree, now: float
) -> tuple[Plan, snapshot.Snapshot | None]:
    """Decide level, cipher and compression, and read what an increment stands on.

    The snapshot is no part of the plan because it is large and not needed for long.
    """
    settings = context.settings
    passphrase = load_passphrase(context)
    cipher = wanted_cipher(context, passphrase)
    incremental = context.invocation.incremental
    rules = LevelRules(
        incremental.incremental,
        settings.optional_integer("max_level"),
        settings.optional_integer("always_level"),
        settings.optional_number("restart_always_level"),
    )
    decision = next_level(catalogue, set_id, rules, now)
    if not incremental.incremental:
        decision = LevelDecision(0, None, None, incremental.reason)
    codec = Codec(settings.text("compression"))
    base, known, below = None, None, None
    if decision.base is not None:
        below = catalogue.record(decision.base)
        assert below is not None
        asked = settings.text("encryption") != "auto"
        reason = keeps_chain(below, cipher, asked=asked)
        if reason is None:
            known, base, reason = _read_base(catalogue, decision.base, passphrase)
        if reason is None:
            reason = _other_source(below, decision, catalogue, tree, context)
        if reason is None:
            cipher, codec = below.cipher, _kept_codec(context, below, codec)
        else:
            decision, base, known, below = LevelDecision(0, None, None, reason), None, None, None
    refuse_downgrade(context, catalogue, set_id, cipher)
    time = next_time(catalogue, set_id, now)
    zero = time if decision.zero is None else decision.zero
    key = BackupKey(set_id, zero, decision.level, time)
    return Plan(key, decision, base, make_sealing(cipher, passphrase, below), codec), known


def _read_base(
    catalogue: Catalogue, backup: StoredBackup, passphrase: Passphrase | None
) -> tuple[snapshot.Snapshot | None, Base | None, str | None]:
    """The state to build on and the digest that binds this level to it, of the same bytes; or why neither can be."""
    try:
        archive = Archive(catalogue, backup, passphrase)
        stored = archive.stored_state()
        known = snapshot.decode(archive.open_state(stored))
    except PassphraseError:
        raise
    except DataError as error:
        return None, None, f"the newest level cannot be built on: {error.message}"
    digest = Digest()
    digest.update(stored)
    return known, Base(level=backup.key.level, time=backup.key.time, state_sha256=digest.hexdigest()), None


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
