"""Packs that a check has found damaged, or missing."""

from __future__ import annotations

from freezer.progress import Notice
from freezer.repository.cache import Cache
from freezer.repository.documents import Check, State
from freezer.repository.names import Folder, Kind
from freezer.repository.protocol import records
from freezer.repository.store import Repository


def load(repository: Repository, cache: Cache | None, notice: Notice) -> frozenset[str]:
    """The packs that any check ever found not to be intact. A later one that finds nothing does not change that: what
    such a pack holds is stored again by the next backup that has it, and no clock need say which check was the last."""
    checks = records.read_all(repository, cache, Folder.CHECKS, Kind.CHECK, Check, notice).values()
    return frozenset(pack for check in checks for pack, state in check.document.packs if state is not State.INTACT)
