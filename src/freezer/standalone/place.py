"""Where the repository is: a directory, or one on a machine that is reached by SSH."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

import msgspec

from freezer.errors import FreezerError, UsageError
from freezer.standalone import files
from freezer.standalone.home import Home

_FORCED = 'restrict,command="internal-sftp"'


class Place(msgspec.Struct, frozen=True):
    """``container`` on this machine, or on ``host`` if that is not empty."""

    container: str
    host: str = ""
    port: int = 22
    user: str = ""


def read_place(text: str) -> Place:
    """``/mnt/disk/backups`` or ``ssh://user@host:port/path``; UsageError for anything else."""
    if "://" not in text:
        return Place(os.path.abspath(os.path.expanduser(text)))
    parts = urlsplit(text)
    try:
        port = parts.port or 22
    except ValueError:
        port = 0
    path = unquote(parts.path)
    if parts.scheme != "ssh" or not parts.hostname or not port or len(path) < 2 or parts.password or parts.query:
        raise UsageError(
            f"{text} is no place for backups", hint="a directory, or ssh://user@host/path, with :port behind the host"
        )
    return Place(path, parts.hostname, port, unquote(parts.username or ""))


def settled(text: str) -> str:
    """The same place, wherever the program is called from; UsageError if it is none."""
    place = read_place(text)
    return text if place.host else place.container


def options(place: Place, home: Home) -> dict[str, str]:
    """The options by which an agent finds it."""
    if not place.host:
        return {"storage": "local", "container": place.container}
    found = {
        "storage": "ssh",
        "container": place.container,
        "ssh_host": place.host,
        "ssh_port": str(place.port),
        "ssh_key": _key(home),
        "ssh_accept_new_host_key": "true",
        "ssh_known_hosts": home.at("ssh", "known_hosts"),
    }
    return {**found, **({"ssh_username": place.user} if place.user else {})}


def authorized_line(home: Home, client: str) -> str:
    """The line for ``authorized_keys`` on the other machine that lets this one keep files there, and nothing else; the
    key is made if there is none."""
    key = _key(home)
    files.make_folder(os.path.dirname(key))
    if not os.path.exists(f"{key}.pub"):
        _make_key(key, f"freezer-{client}")
    public = files.read(f"{key}.pub") or ""
    return f"{_FORCED} {public.strip()}"


def _key(home: Home) -> str:
    return home.at("ssh", "id_ed25519")


def _make_key(path: str, comment: str) -> None:
    if os.path.exists(path):
        os.unlink(path)  # of an attempt that ended before it had both halves
    command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", comment, "-f", path]
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise FreezerError("there is no ssh-keygen on this machine", hint="install OpenSSH's client") from None
    if done.returncode:
        raise FreezerError(f"ssh-keygen could not make {path}: {done.stderr.strip()}")


def document(place: Place, home: Home) -> Mapping[str, object]:
    """The same options as they stand in the action of a job."""
    found: dict[str, object] = dict(options(place, home))
    if place.host:
        found |= {"ssh_port": place.port, "ssh_accept_new_host_key": True}
    return found
