"""A proof that a backup can be restored: some of it, or all, is restored to a scratch directory and compared with what
the trees say."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random

import msgspec

from freezer.browse.opened import Opened
from freezer.browse.selecting import Selection
from freezer.browse.walking import walk
from freezer.clock import Clock
from freezer.engine.dedup.restore.run import restore
from freezer.engine.dedup.restore.verifying import Checks, verify
from freezer.model.failures import Failures
from freezer.progress import Progress
from freezer.repository.documents import Root
from freezer.repository.trees import Entry, Type
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox
from freezer.tree.system import geteuid

_ONLY_FOR_ROOT = (Type.CHARACTER_DEVICE, Type.BLOCK_DEVICE)


class Drilled(msgspec.Struct, frozen=True):
    """How many items were restored and compared, the bytes of the files among them, and what was not as in the
    backup."""

    items: int
    bytes: int
    failures: Failures

    @property
    def proved(self) -> bool:
        """Whether something was compared, and all of it as recorded."""
        return bool(self.items) and not self.failures


def sample(opened: Opened, root: Root, count: int, random: Random) -> Selection:
    """``count`` items of the backup, or everything if it has no more, each as likely as any other. Directories are
    chosen by what is in them; what this user cannot restore is not chosen."""
    chosen: list[bytes] = []
    number, everything = -1, True
    left_out = () if geteuid() == 0 else _ONLY_FOR_ROOT
    for path, entry in _entries(opened, root):
        if entry.type in left_out:
            everything = False
            continue
        number += 1
        if number < count:
            chosen.append(path)
        elif (place := random.randrange(number + 1)) < count:
            chosen[place] = path
    return Selection() if everything and number < count else Selection(chosen, literal=True)


def drill(
    opened: Opened, root: Root, scratch: bytes, selection: Selection, progress: Progress, clock: Clock
) -> Drilled:
    """Restore what ``selection`` chooses to the directory ``scratch``, which is the caller's to remove, and compare it.

    Without the rights of root, owners are neither restored nor compared.
    """
    is_root = geteuid() == 0
    progress.phase("restore")
    with Sandbox(scratch, policy=Policy.ALWAYS, devices=True, clock=clock) as sandbox:
        try:
            restored = restore(opened, root, sandbox, selection, progress)
        finally:
            sandbox.finish()
    progress.complete()
    items = restored.files + restored.directories + restored.others
    progress.phase("verify", total_bytes=restored.bytes, total_items=items)
    found = verify(opened, root, scratch, selection, progress, Checks(owners=is_root))
    progress.complete()
    failures = Failures(restored.failures)
    failures.extend(found.failures)
    return Drilled(found.items, found.bytes, failures)


def _entries(opened: Opened, root: Root) -> Iterator[tuple[bytes, Entry]]:
    """Every item but for directories, with its path."""
    for visit in walk(opened, root, Selection()):
        base = visit.path + b"/" if visit.path else b""
        for entry in visit.items:
            yield base + entry.name, entry
