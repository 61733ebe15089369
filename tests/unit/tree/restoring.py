"""What the tests of the sandbox share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from freezer.tree.attributes import Attributes
from freezer.tree.policy import Policy
from freezer.tree.sandbox import Outcome, Sandbox

MTIME = 1_700_000_000_123_456_789


def attributes(mode: int = 0o644, **changes: Any) -> Attributes:
    """Of an owner who can be restored by whoever runs the tests."""
    values: dict[str, Any] = {"mode": mode, "uid": os.geteuid(), "gid": os.getegid(), "mtime_ns": MTIME, **changes}
    return Attributes(**values)


def sandbox(target: Path, policy: Policy = Policy.ALWAYS, **options: Any) -> Sandbox:
    return Sandbox(os.fsencode(target), policy=policy, devices=options.pop("devices", True), **options)


def put(box: Sandbox, path: bytes, content: bytes = b"new", **changes: Any) -> Outcome:
    """A regular file with this content and attributes."""
    return box.write_file(path, attributes(**changes), len(content), [(0, content)])


def reasons(box: Sandbox) -> dict[str, str]:
    """The failures, by path."""
    return {failure.path: failure.reason for failure in box.failures}


def leftovers(root: Path) -> list[str]:
    """Temporary files below ``root``."""
    return [name for _, _, files in os.walk(root) for name in files if name.startswith(".freezer-tmp-")]
