"""What dead writers left in a container."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection

from freezer.storage.local.durable import is_temp
from freezer.storage.ssh.publish import parent
from freezer.storage.ssh.session import Session
from freezer.storage.ssh.walk import Walk
from freezer.storage.ssh.wire import Attributes


def plan_sweep(session: Session, root: bytes, older_than: float, spared: Collection[bytes]) -> list[tuple[bytes, bool]]:
    """What can go, what is in a folder before the folder: its path, and whether it is a folder.

    Those are temporaries last touched before ``older_than``, except those ``spared``, and old folders that are empty
    once everything else that can go is gone. Links are left alone, and so is what is behind them.
    """
    below: dict[bytes, list[tuple[bytes, Attributes]]] = defaultdict(list)
    lost_and_found = root + b"/lost+found"
    for path, attributes in Walk(session, root, lambda path: path == lost_and_found).entries():
        below[parent(path)].append((path, attributes))
    plan: list[tuple[bytes, bool]] = []

    def goes(path: bytes, attributes: Attributes, *, in_temp: bool) -> bool:
        temporary = in_temp or is_temp(path.rpartition(b"/")[2])
        old = attributes.modified is not None and attributes.modified < older_than
        if not attributes.is_folder:
            dead = temporary and old and path not in spared
            if dead:
                plan.append((path, False))
            return dead
        if path == lost_and_found:
            return False
        mark = len(plan)
        empties = [goes(*child, in_temp=temporary) for child in sorted(below[path], key=lambda child: child[0])]
        if all(empties) and old:
            plan.append((path, True))
            return True
        if temporary:
            del plan[mark:]  # a tree that grows is spared as a whole
        return False

    for child in sorted(below[root], key=lambda child: child[0]):
        goes(*child, in_temp=False)
    return plan


def carry_out(session: Session, path: bytes, *, is_folder: bool) -> bool:
    """Remove one; whether it went."""
    try:
        if is_folder:
            session.rmdir(path)
        else:
            session.remove(path)
    except FileNotFoundError:
        return False
    except OSError:
        if is_folder:
            return False  # somebody filled it meanwhile
        raise
    return True
