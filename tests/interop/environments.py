"""What these tests compare with, fetched once and kept: OpenStack Freezer 19.0.0 and the GNU tar of Debian 13.

Both go into the cache (``$FREEZER_INTEROP_CACHE``, otherwise ``.cache/interop`` of the checkout), under a name that
changes with what is asked for. ``python environments.py`` fetches both and prints where
they are.
"""

from __future__ import annotations

import platform
import re
import shutil
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support.cache import UnavailableError, cache, environment, made, run

REQUIREMENTS = Path(__file__).with_name("requirements-upstream.txt")
NEWER_SUITE = "trixie"
NEWER_PACKAGES = ("tar", "libc6", "libacl1", "libselinux1", "libpcre2-8-0")


def upstream_python() -> Path:
    """The Python of an environment that has OpenStack Freezer 19.0.0."""
    return environment(cache("interop"), REQUIREMENTS, "upstream", importing="freezer.main") / "python"


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
    return made(cache("interop") / f"tar-{NEWER_SUITE}-{platform.machine()}", _make_newer_tar) / "bin"


def version_of(folder: Path) -> str:
    """The version of GNU tar in ``folder``, such as 1.34."""
    said = run([str(folder / "tar"), "--version"])
    found = re.match(r"tar \(GNU tar\) (\S+)", said)
    if not found:
        raise UnavailableError(f"{folder}/tar is not GNU tar: {said[:80]!r}")
    return found[1]


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
    run([*apt, "update"])
    run([*apt, "download", *NEWER_PACKAGES], cwd=folder / "packages")
    for package in (folder / "packages").glob("*.deb"):
        run(["dpkg-deb", "-x", str(package), str(folder)])
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


if __name__ == "__main__":
    print(upstream_python())
    print(newer_tar())
