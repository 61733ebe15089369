"""What is told of every restore, whichever engine made the backup."""

from __future__ import annotations

from collections.abc import Sequence

from freezer.engine.contract import Restored
from freezer.model.items import ItemFailure
from freezer.units import counted, format_duration, format_size


def document_of(
    result: Restored, problems: Sequence[ItemFailure], *, backup: str, levels: int, never_stored: int
) -> dict[str, object]:
    """For programs. ``backup``: its id; ``never_stored``: items that could not be read when it was made."""
    return {
        "backup": backup,
        "levels": levels,
        "files": result.files,
        "directories": result.directories,
        "others": result.others,
        "bytes": result.bytes,
        "skipped": result.skipped,
        "deleted": result.deleted,
        "failed_items": [{"path": item.path, "reason": item.reason} for item in problems],
        "never_stored": never_stored,
        "partial": bool(problems),
    }


def summary_of(result: Restored, seconds: float, *, backup: str) -> dict[str, object]:
    """For people. ``backup``: which one it is, in words; ``seconds``: how long it took, not zero."""
    restored = [
        counted(result.files, "file"),
        counted(result.directories, "directory", "directories"),
        counted(result.others, "other"),
        format_size(result.bytes),
    ]
    return {
        "backup": backup,
        "restored": ", ".join(restored),
        "kept as they were": result.skipped,
        "duration": f"{format_duration(seconds)} ({format_size(result.bytes / seconds)}/s)",
    }
