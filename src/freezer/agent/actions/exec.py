"""The action ``exec``: one command, run without a shell."""

from __future__ import annotations

from freezer.agent import commands
from freezer.agent.context import Context
from freezer.agent.result import Result
from freezer.errors import UsageError


def run(context: Context) -> Result:
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
