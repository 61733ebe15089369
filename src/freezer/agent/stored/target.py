"""Where a restore writes: what it may find there, and the sandbox that it writes through."""

from __future__ import annotations

import os

from freezer.agent.context import Context
from freezer.errors import TargetError
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Sandbox


def check_target(context: Context, target: bytes) -> None:
    """Upstream's rule: an existing target must be empty, or ``--overwrite`` given."""
    settings = context.settings
    if settings.flag("overwrite") or settings.is_set("overwrite_policy"):
        return
    try:
        occupied = bool(os.listdir(target))
    except FileNotFoundError:
        return
    except OSError as error:
        raise TargetError(f"{os.fsdecode(target)} cannot be restored to: {os.strerror(error.errno or 0)}") from None
    if occupied:
        raise TargetError(
            f"{os.fsdecode(target)} is not empty",
            hint="give --overwrite, another --restore-abs-path, or an --overwrite-policy",
        )


def open_sandbox(context: Context, target: bytes) -> Sandbox:
    """What writes below ``target``, as the options want it."""
    settings = context.settings
    return Sandbox(
        target,
        policy=Policy(settings.optional_text("overwrite_policy") or "always"),
        devices=True,
        same_owner=None if settings.flag("same_owner") else False,
        numeric_owner=settings.flag("numeric_owner"),
        clock=context.clock,
    )
