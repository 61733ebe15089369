"""What these tests compare with, fetched once and kept: OpenStack Freezer 19.0.0 and the GNU tar of Debian 13.

Both go into the cache (``$FREEZER_INTEROP_CACHE``, otherwise ``.cache/interop`` of the checkout), under a name that
changes with what is asked for. Several test processes may ask at once; one makes it, the others wait.
``python environments.py`` fetches both and prints where they are.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements-upstream.txt"
NEWER_SUITE = "trixie"
NEWER_PACKAGES = ("tar", "libc6", "libacl1", "libselinux1", "libpcre2-8-0")


class UnavailableError(Exception):
    """It could not be fetched; the text says why."""


def cache() -> Path:
    return Path(os.environ.get("FREEZER_INTEROP_CACHE") or HERE.parents[1] / ".cache" / "interop")


def upstream_python() -> Path:
    """The Python of an environment that has OpenStack Freezer 19.0.0."""
    pinned = hashlib.sha256(REQUIREMENTS.read_bytes()).hexdigest()[:12]
    return _made(f"upstream-{pinned}-py{sys.version_info[0]}.{sys.version_info[1]}", _make_upstream) / "bin" / "python"


def system_tar() -> Path:
    """The folder of this system's GNU tar."""
    found = shutil.which("tar")
    if not found:
        raise UnavailableError("there is no tar in PATH")
    return Path(found).parent


def newer_tar() -> Path:
    """A folder whose only program is GNU tar 1.35: the system's, or that of Debian 13, with the libraries it needs."""
    if version_of(system_tar()) == "1.35":
        return system_tar()
    return _made(f"tar-{NEWER_SUITE}-{platform.machine()}", _make_newer_tar) / "bin"


def version_of(folder: Path) -> str:
    """The version of GNU tar in ``folder``, such as 1.34."""
    said = _run([str(folder / "tar"), "--version"])
    found = re.match(r"tar \(GNU tar\) (\S+)", said)
    if not found:
        raise UnavailableError(f"{folder}/tar is not GNU tar: {said[:80]!r}")
    return found[1]


def _made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache, made by ``make`` unless an earlier run has finished it.

    It is made where it stays, because virtual environments cannot be moved; a mark says that it is complete.
    """
    folder = cache() / name
    complete = folder / ".complete"
    with _locked(cache() / f"{name}.lock"):
        if not complete.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True)
            make(folder)
            complete.touch()
    return folder


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make_upstream(folder: Path) -> None:
    _run([sys.executable, "-m", "venv", str(folder)])
    # Everything is pinned, so nothing is resolved; most modules are never imported, so nothing is compiled in advance.
    quick = ("--no-deps", "--no-compile", "--disable-pip-version-check", "--quiet")
    _run([str(folder / "bin" / "python"), "-m", "pip", "install", *quick, "-r", str(REQUIREMENTS)])
    _run([str(folder / "bin" / "python"), "-c", "import freezer.main"])


def _make_newer_tar(folder: Path) -> None:
    """Fetch the packages with an apt that knows the newer suite only, and wrap tar so that it finds its libraries."""
    sources = folder / "newer.sources"
    sources.write_text("\n\n".join(newer_sources(Path("/etc/apt"), _codename())) + "\n")
    for part in ("lists/partial", "archives/partial", "packages"):
        (folder / part).mkdir(parents=True)
    settings = {
        "Dir::Etc::sourcelist": sources, "Dir::Etc::sourceparts": "/dev/null", "Dir::State::lists": folder / "lists",
        "Dir::Cache": folder, "Acquire::Languages": "none", "APT::Sandbox::User": "", "APT::Update::Error-Mode": "any",
    }  # fmt: skip
    apt = ["apt-get", "-q", *(word for key, value in settings.items() for word in ("-o", f"{key}={value}"))]
    _run([*apt, "update"])
    _run([*apt, "download", *NEWER_PACKAGES], cwd=folder / "packages")
    for package in (folder / "packages").glob("*.deb"):
        _run(["dpkg-deb", "-x", str(package), str(folder)])
    shutil.rmtree(folder / "lists")
    _wrap(folder)


def _wrap(folder: Path) -> None:
    """``folder/bin/tar``, which runs the fetched tar with the fetched loader and libraries."""
    loader = next(folder.glob("usr/lib/*/ld-linux*"), None)
    if not loader:
        raise UnavailableError(f"no program loader in {folder}")
    script = folder / "bin" / "tar"
    script.parent.mkdir()
    script.write_text(
        f"#!/bin/sh\nexec '{loader}' --library-path '{loader.parent}' --argv0 tar '{folder}/usr/bin/tar' \"$@\"\n"
    )
    script.chmod(0o755)
    if version_of(script.parent) != "1.35":
        raise UnavailableError(f"{NEWER_SUITE} has GNU tar {version_of(script.parent)}, not 1.35")


def _codename() -> str:
    try:
        return platform.freedesktop_os_release()["VERSION_CODENAME"]
    except (OSError, KeyError) as error:
        raise UnavailableError(f"this system does not say which Debian it is ({error})") from error


def newer_sources(apt: Path, codename: str) -> list[str]:
    """This machine's package sources of the suite ``codename`` (not its updates), with the newer suite in its place.

    As stanzas of the deb822 form (sources.list(5)); the one-line form is understood too.
    """
    stanzas = []
    for path in sorted(apt.glob("sources.list.d/*.sources")):
        for stanza in re.split(r"\n\s*\n", path.read_text()):
            fields = re.sub(r"^#.*\n?", "", stanza, flags=re.MULTILINE).strip()
            suites = re.search(r"^Suites:(.*)$", fields, re.MULTILINE | re.IGNORECASE)
            if suites and codename in suites[1].split():
                stanzas.append(fields.replace(suites[0], f"Suites: {NEWER_SUITE}"))
    for path in sorted([apt / "sources.list", *apt.glob("sources.list.d/*.list")]):
        lines = path.read_text().splitlines() if path.exists() else []
        for line in lines:
            found = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+(.+)", line.strip())
            if found and found[3] == codename:
                stanza = f"Types: deb\nURIs: {found[2]}\nSuites: {NEWER_SUITE}\nComponents: {found[4]}"
                signed = re.search(r"signed-by=(\S+)", found[1] or "")
                stanzas.append(stanza + (f"\nSigned-By: {signed[1]}" if signed else ""))
    if not stanzas:
        raise UnavailableError(f"no package source of {codename} in {apt}")
    return stanzas


def _run(command: list[str], cwd: Path | None = None) -> str:
    """What ``command`` prints, in English."""
    env = os.environ | {"LC_ALL": "C", "PYTHONWARNINGS": "ignore"}
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(f"{' '.join(command)}: {error}") from error
    if done.returncode:
        raise UnavailableError(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()[-500:]}")
    return done.stdout


if __name__ == "__main__":
    print(upstream_python())
    print(newer_tar())
