"""Real source text: directories of the Linux kernel as Debian 12 packs its source (``linux-source-6.1``).

The package is fetched with ``apt-get download``, which verifies Debian's signatures and installs nothing, and kept for
the next run. On a machine without apt, without network or with another Debian, the text files that the machine has
below ``/usr`` take its place, and the result says so.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

PACKAGE = "linux-source-6.1"
TOTAL = 128 << 20
_DIRECTORIES = ("kernel", "mm", "lib", "fs", "net", "include", "sound", "scripts", "crypto", "block")
_FALLBACK = ("/usr/lib/python3", "/usr/include", "/usr/share/doc", "/usr/share/perl", "/usr/lib/python3.11")
_TEXT = (".c", ".h", ".py", ".pl", ".pm", ".rst", ".txt", ".hpp", ".html")


def make(folder: Path, scale: float, seed: int) -> str:  # noqa: ARG001 - real text follows from no seed
    """Write the first files of the package, as many as the scale asks for, with the times they have in it."""
    limit = int(TOTAL * scale)
    try:
        package = _download(folder.parent / "packages")
    except (OSError, subprocess.CalledProcessError) as error:
        return f"{_copy(folder, limit)} text files of this machine's /usr, because: {_reason(error)}"
    return f"{_extract(package, folder, limit)} files of {package.name}"


def _download(cache: Path) -> Path:
    cache.mkdir(parents=True, exist_ok=True)
    if not list(cache.glob("*.deb")):
        command = ["apt-get", "-q", "download", PACKAGE]
        subprocess.run(command, cwd=cache, check=True, capture_output=True, text=True)
    return max(cache.glob("*.deb"))


def _reason(error: OSError | subprocess.CalledProcessError) -> str:
    if isinstance(error, subprocess.CalledProcessError):
        lines = str(error.stderr or "").strip().splitlines()
        return lines[-1] if lines else f"apt-get exited with {error.returncode}"
    return str(error)


def _extract(package: Path, folder: Path, limit: int) -> int:
    count = 0
    with _kernel(package) as members:
        for member in members:
            parts = member.name.split("/")
            if len(parts) < 3 or parts[1] not in _DIRECTORIES or not member.isfile():
                continue
            content = members.extractfile(member)
            if content is None:
                continue
            path = folder.joinpath(*parts[1:])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content.read())
            os.utime(path, ns=(int(member.mtime * 10**9), int(member.mtime * 10**9) + count))
            count += 1
            limit -= member.size
            if limit <= 0:
                break
    return count


def _kernel(package: Path) -> tarfile.TarFile:
    """The kernel's tar file, which lies compressed in the package and is unpacked beside it once."""
    inner = package.with_suffix(".tar")
    if not inner.exists():
        command = 'dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "*/linux-source-*.tar.xz" | xz -dc > "$2.new"'
        subprocess.run(["bash", "-o", "pipefail", "-c", command, "-", package, inner], check=True)
        inner.with_name(inner.name + ".new").rename(inner)
    return tarfile.open(inner)


def _copy(folder: Path, limit: int) -> int:
    count = 0
    for path in _texts():
        target = folder / path.relative_to("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(path, target)
        count += 1
        limit -= target.stat().st_size
        if limit <= 0:
            break
    return count


def _texts() -> Iterator[Path]:
    for root in _FALLBACK:
        for directory, inner, names in os.walk(root):
            inner.sort()
            paths = (Path(directory, name) for name in sorted(names) if name.endswith(_TEXT))
            yield from (path for path in paths if path.is_file() and not path.is_symlink())
