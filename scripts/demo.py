"""The demonstration behind ``make demo``: three levels of a real tree, restored and compared.

The tree is a copy of Python's own standard library, edited between the levels. Everything happens below the directory
given as the only argument, which is emptied first.
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


def main() -> int:
    """Run it; 0 if every level came back exactly."""
    place = Path(sys.argv[1]).resolve()
    shutil.rmtree(place, ignore_errors=True)
    source, container = place / "source", place / "backups"
    library = Path(sysconfig.get_paths()["stdlib"])
    for name in PACKAGES:
        if (library / name).is_dir():
            shutil.copytree(library / name, source / name, symlinks=True)
    (place / "passphrase").write_text("demo passphrase\n")
    (place / "passphrase").chmod(0o600)
    common = ["--storage", "local", "--container", container, "--backup-name", "demo"]
    common += ["--encrypt-pass-file", place / "passphrase", "--log-file", place / "freezer.log"]
    # What changed within two seconds before a backup is stored again by the next one: it may have changed once more.
    time.sleep(2.1)
    expected = []
    for level, edit in enumerate((lambda _: None, first_edit, second_edit)):
        edit(source)
        agent("backup", "--path-to-backup", source, "--max-level", "5", *common)
        expected.append(describe(source))
        print(f"--- level {level} is stored\n", flush=True)
        time.sleep(1.1)
    agent("list", *common[:4])
    same = True
    for level, wanted in enumerate(expected):
        target = place / f"restored-{level}"
        agent("restore", "--restore-abs-path", target, "--restore-level", str(level), *common)
        got = describe(target)
        wrong = [path for path in sorted(wanted.keys() | got.keys()) if wanted.get(path) != got.get(path)]
        verdict = "identical in bytes and metadata" if not wrong else f"DIFFERENT: {wrong[:5]}"
        print(f"--- level {level}: {len(wanted)} items, {verdict}\n", flush=True)
        same = same and not wrong
    agent("check", "--read-data", *common[:4], *common[6:])
    print("Everything came back." if same else "Something is different.")
    return 0 if same else 1


def first_edit(source: Path) -> None:
    """Change, add, delete and rename a little."""
    with (source / "json" / "__init__.py").open("a") as file:
        file.write("# changed\n")
    (source / "json" / "tool.py").unlink()
    (source / "email").rename(source / "mail")
    (source / "new.txt").write_text("new at level 1\n")
    os.link(source / "new.txt", source / "hard-link.txt")


def second_edit(source: Path) -> None:
    """Break a hard link, turn a file into a directory, make a file with a hole."""
    (source / "hard-link.txt").unlink()
    (source / "hard-link.txt").mkdir(mode=0o2750)
    (source / "hard-link.txt" / "link").symlink_to("../new.txt")
    with (source / "sparse.bin").open("wb") as file:
        file.seek(64 << 20)
        file.write(b"end")


def agent(action: str, *arguments: object) -> None:
    """Run freezer-agent, showing the command."""
    command = [sys.executable, "-m", "freezer.cmd.agent", action, *map(str, arguments)]
    print("$", shlex.join(["freezer-agent", *command[3:]]), flush=True)
    subprocess.run(command, check=True)


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
