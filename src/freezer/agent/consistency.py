"""``--consistency-check``: the sum of a source, taken before anything of it is stored."""

from __future__ import annotations

import os
from collections.abc import Callable

from freezer.agent.context import Context
from freezer.engine.contract import Tree
from freezer.model.failures import Failures


def checksum_of(
    context: Context, tree: Tree, *, follow_links: bool, excluded: Callable[[bytes], bool] | None
) -> tuple[str, Failures]:
    """The sum, empty if none is asked for, and what could not be read for it."""
    if not context.settings.flag("consistency_check"):
        return "", Failures()
    from freezer.tree.checksum import compute

    context.progress.phase("checksum")
    failures = Failures()
    full = tree.path if tree.name is None else os.path.join(tree.path, tree.name)
    total = compute(full, follow_links=follow_links, excluded=excluded, failures=failures)
    return total, failures


def add_unread(failures: Failures, unread: Failures) -> None:
    """Add what only the check could not read."""
    known = {item.path for item in failures}
    failures.extend(item for item in unread if item.path not in known)
    failures.left_out += unread.left_out
