"""What dead writers left in a container on a server."""

from __future__ import annotations

import posixpath
from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass

from freezer.storage.files.names import LOST_AND_FOUND, is_temp


@dataclass(frozen=True, slots=True)
class Found:
    """Something below a container, last touched at ``modified`` (seconds since 1970; None: unknown). What is neither a
    file nor a folder is a link, or stranger."""

    path: bytes
    is_file: bool
    is_folder: bool
    modified: float | None


@dataclass(frozen=True, slots=True)
class Goes:
    """Something that can be removed."""

    path: bytes
    is_folder: bool

    def shown(self, root: bytes) -> str:
        """Its path below ``root``, a folder's with ``/`` at its end."""
        return self.path[len(root) + 1 :].decode("utf-8", "surrogateescape") + ("/" if self.is_folder else "")


def plan_sweep(found: Iterable[Found], root: bytes, older_than: float, spared: Collection[bytes]) -> list[Goes]:
    """What of ``found`` below ``root`` can go, what is in a folder before the folder.

    Those are temporaries last touched before ``older_than``, except those ``spared``, and old folders that are empty
    once everything else that can go is gone. Links are left alone, and so is what is behind them.
    """
    below: dict[bytes, list[Found]] = defaultdict(list)
    for each in sorted(found, key=lambda each: each.path):
        below[posixpath.dirname(each.path)].append(each)
    plan: list[Goes] = []

    def goes(each: Found, *, in_temp: bool) -> bool:
        temporary = in_temp or is_temp(posixpath.basename(each.path))
        old = each.modified is not None and each.modified < older_than
        if not each.is_folder:
            dead = temporary and old and each.is_file and each.path not in spared
            if dead:
                plan.append(Goes(each.path, is_folder=False))
            return dead
        if each.path == root + b"/" + LOST_AND_FOUND:
            return False
        mark = len(plan)
        empties = [goes(child, in_temp=temporary) for child in below[each.path]]
        if all(empties) and old:
            plan.append(Goes(each.path, is_folder=True))
            return True
        if temporary:
            del plan[mark:]  # a tree that grows is spared as a whole
        return False

    for each in below[root]:
        goes(each, in_temp=False)
    return plan
