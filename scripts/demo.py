"""The demonstration behind ``make demo``: ``freezer up`` for a real tree, a restore that is compared, and a drill.

The tree is a copy of some of Python's own standard library. Everything happens below the directory given as the only
argument, which is emptied first, and nothing is left running.
"""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import sys
import sysconfig
import time
from pathlib import Path

PACKAGES = ("asyncio", "email", "encodings", "http", "importlib", "json", "lib2to3", "logging", "unittest", "xml")
STARTED = time.monotonic()


def main() -> int:
    """Run it; 0 if everything came back exactly."""
    place = Path(sys.argv[1]).resolve()
    home = place / "home"
    if home.exists():
        freezer("down", "--home", home, check=False)
    shutil.rmtree(place, ignore_errors=True)
    source = make_tree(place / "documents")
    try:
        freezer("up", source, "--home", home)
        freezer("status", "--home", home)
        settings = home / "repository.conf"
        agent("list", "--config", settings)
        agent("restore", "--config", settings, "-N", source.name, "--restore-abs-path", place / "restored")
        same = compared(source, place / "restored")
        agent("drill", "--config", settings, "-N", source.name, "--sample", "100")
    finally:
        freezer("down", "--home", home, check=False)
    print("Everything came back." if same else "Something is different.", f"{time.monotonic() - STARTED:.0f} s")
    return 0 if same else 1


def make_tree(source: Path) -> Path:
    """Some of the standard library, with links, a hole and an odd name."""
    library = Path(sysconfig.get_paths()["stdlib"])
    for name in PACKAGES:
        if (library / name).is_dir():
            shutil.copytree(library / name, source / name, symlinks=True)
    (source / "new.txt").write_text("new\n")
    os.link(source / "new.txt", source / "hard-link.txt")
    (source / "link").symlink_to("new.txt")
    (source / "an odd\nname").mkdir(mode=0o750)
    with (source / "sparse.bin").open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")
    return source


def compared(source: Path, restored: Path) -> bool:
    """Whether both trees are the same in bytes and metadata."""
    wanted, got = describe(source), describe(restored)
    wrong = [path for path in sorted(wanted.keys() | got.keys()) if wanted.get(path) != got.get(path)]
    verdict = "identical in bytes and metadata" if not wrong else f"DIFFERENT: {wrong[:5]}"
    print(f"--- restored: {len(wanted)} items, {verdict}\n", flush=True)
    return not wrong


def freezer(*words: object, check: bool = True) -> None:
    """Run freezer, showing the command."""
    run("freezer.cmd.freezer", "freezer", *words, check=check)


def agent(*words: object) -> None:
    """Run freezer-agent, showing the command."""
    run("freezer.cmd.agent", "freezer-agent", *words, check=True)


def run(module: str, program: str, *words: object, check: bool) -> None:
    """Run a program of this environment, showing the command."""
    print("$", shlex.join([program, *map(str, words)]), flush=True)
    subprocess.run([sys.executable, "-m", module, *map(str, words)], check=check)
    print(flush=True)


def describe(root: Path) -> dict[str, tuple[object, ...]]:
    """Every item below ``root`` with all that a backup must keep."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in [".", *folders, *files]:
            path = Path(folder, name)
            state = path.lstat()
            content: object = None
            if stat.S_ISREG(state.st_mode):
                content = (hashlib.sha256(path.read_bytes()).hexdigest(), state.st_nlink)
            elif stat.S_ISLNK(state.st_mode):
                content = str(path.readlink())
            found[str(path.relative_to(root))] = (state.st_mode, state.st_uid, state.st_gid, state.st_mtime_ns, content)
    return found


if __name__ == "__main__":
    sys.exit(main())
