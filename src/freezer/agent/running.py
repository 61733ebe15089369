"""The actions ``exec`` and ``check-storage``."""

from __future__ import annotations

import msgspec

from freezer.agent import commands
from freezer.agent.context import Context
from freezer.agent.result import Result, Table
from freezer.agent.storages import open_storage
from freezer.errors import StorageError, UsageError
from freezer.storage.check import run_checks
from freezer.units import format_duration


def exec_action(context: Context) -> Result:
    """Run ``--command`` without a shell."""
    settings = context.settings
    if settings.flag("disable_exec"):
        raise UsageError("the action exec is disabled on this host (disable_exec)")
    result = commands.run_pipeline(settings.text("command"), clock=context.clock)
    document = {
        "programs": list(result.programs),
        "exit_status": result.status,
        "killed_by": result.killed[1] if result.killed is not None else None,
        "output": result.output,
        "output_bytes": result.stdout_size,
        "errors": result.errors,
        "errors_bytes": result.stderr_size,
    }
    return Result(
        document=document,
        lines=result.output.splitlines(),
        asides=result.errors.splitlines(),
        warnings=_shortened(result),
        error=commands.failure(result),
    )


def _shortened(result: commands.CommandResult) -> list[str]:
    sizes = {"standard output": result.stdout_size, "standard error": result.stderr_size}
    return [
        f"of the {size:,} bytes that the command wrote to {stream}, only the last {commands.KEPT:,} are shown"
        for stream, size in sizes.items()
        if size > commands.KEPT
    ]


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
    error = StorageError(f"{len(failed)} of {len(results)} promises are not kept") if failed else None
    return Result(
        document=[msgspec.to_builtins(one) for one in results],
        table=Table(("", "promise", "took", "detail"), rows),
        lines=[] if failed else [f"{storage.describe()} keeps all promises."],
        error=error,
    )
