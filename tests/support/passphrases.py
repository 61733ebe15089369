"""Pass files."""

from __future__ import annotations

from pathlib import Path


def make_pass_file(path: Path, text: str) -> Path:
    """A file with a passphrase that only its owner can read."""
    path.write_text(f"{text}\n")
    path.chmod(0o600)
    return path
