"""The actions ``exec`` and ``check-storage``."""

from __future__ import annotations

import msgspec

from freezer.agent import commands
from freezer.agent.context import Context
from freezer.agent.result import Result, Table
from freezer.agent.storages import open_storage
from freezer.errors import CommandError, StorageError, UsageError
from freezer.storage.check import run_checks
from freezer.units import format_duration


def exec_action(context: Context) -> Result:
    """Run ``--command`` without a shell."""
    settings = context.settings
    if settings.flag("disable_exec"):
        raise UsageError("the action exec is disabled on this host (disable_exec)")
    result = commands.run_pipeline(settings.text("command"), clock=context.clock)
    commands.check(result)
    document = {
        "programs": list(result.programs),
        "exit_status": result.status,
        "output": result.output,
        "errors": result.stderr.decode("utf-8", "backslashreplace"),
    }
    return Result(document=document, lines=result.output.splitlines())


def check_storage(context: Context) -> Result:
    """Run the storage contract against the container, without touching what is in it."""
    storage = open_storage(context)
    try:
        results = run_checks(storage, context.progress, clock=context.clock)
    finally:
        storage.close()
    rows = [("ok" if one.ok else "FAILED", one.name, format_duration(one.seconds), one.detail) for one in results]
    failed = [one for one in results if not one.ok]
    if failed and len(results) == 1:
        raise StorageError(failed[0].detail)
    if failed:
        raise CommandError(
            f"{len(failed)} of {len(results)} promises are not kept: {failed[0].name}: {failed[0].detail}"
        )
    return Result(
        document=[msgspec.to_builtins(one) for one in results],
        table=Table(("", "promise", "took", "detail"), rows),
        lines=[f"{storage.describe()} keeps all promises."],
    )
