"""A tree and edits that GNU tar's own levels survive.

The original's levels are GNU tar's, and GNU tar alone damages some trees when it restores what it wrote itself: it
writes through hard links, takes a reused inode for a rename, and drops set-id bits of files that are stored again
(test_what_the_original_loses.py). What is restored by the original from its own levels must be free of these.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from support import trees

_FRAGILE = ("hard", "types", "modes/m4755", "modes/m2755")


def make_tree(root: Path) -> None:
    trees.make_tree(root, 1)
    for name in _FRAGILE:
        path = root / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    (root / "linked").mkdir()
    (root / "linked" / "a").write_text("one inode")
    os.link(root / "linked" / "a", root / "linked" / "b")
    for name in ("re-made", "travels", "keeps"):
        (root / name / "inner").mkdir(parents=True)
        (root / name / "inner" / "file").write_text(name)


def edit_tree(root: Path, round_: int) -> None:
    """Change every kind of thing; ``round_`` numbers the edits from 1."""
    data = root / "data"
    with (data / "append").open("ab") as file:
        file.write(b"more\n" * 200)
    os.truncate(data / "truncate", 3000 // round_)
    (data / "modify").write_bytes(os.urandom(5000))
    (data / f"new-{round_}").write_bytes(os.urandom(700))
    (data / f"new-{round_ - 1}").unlink(missing_ok=True)
    (data / "delete").unlink(missing_ok=True)
    (root / "modes" / "chmod-only").chmod(0o600 + round_)
    os.utime(data / "touch-only", (1_000_000_000 + round_, 1_000_000_000 + round_))
    (root / "links" / "retarget").unlink()
    (root / "links" / "retarget").symlink_to(f"new-{round_}")
    os.link(root / "linked" / "a", root / "linked" / f"c{round_}")
    _edit_directories(root, round_)


def _edit_directories(root: Path, round_: int) -> None:
    """Make one again, let one travel into another and out, remove an old one and make a new one."""
    # The new one exists before the old one goes, so it cannot have the old one's inode.
    (root / "aside").mkdir()
    (root / "aside" / f"file-{round_}").write_text("made again")
    shutil.rmtree(root / "re-made")
    (root / "aside").rename(root / "re-made")
    home, away = root / "travels", root / "keeps" / f"visitor-{round_}"
    last = root / "keeps" / f"visitor-{round_ - 1}"
    (last.rename(home) if last.exists() else home.rename(away)).joinpath(f"seen-{round_}").touch()
    (root / f"new-{round_}").mkdir()
    (root / f"new-{round_}" / "file").write_text("new")
    if (root / f"new-{round_ - 1}").exists():
        shutil.rmtree(root / f"new-{round_ - 1}")
