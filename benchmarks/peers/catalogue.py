"""All peers, and which of them this machine has."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

from benchmarks.peers import borg, ours, restic, tar, upstream
from benchmarks.peers.contract import Peer

_LOCAL = (*ours.peers(), *tar.peers(), *restic.peers(), *borg.peers())
NAMES = (*(peer.name for peer in _LOCAL), "upstream", "upstream-encrypted")


def find(names: tuple[str, ...], agent: Path | None, environment: Path) -> tuple[list[Peer], list[str]]:
    """The wanted peers in the order of :data:`NAMES`, and one line for each that is not here, with how to get it.

    ``agent`` is the original's program; without it, it is installed into ``environment``.
    """
    peers = [peer for peer in _LOCAL if peer.name in names]
    missing = [f"{peer.name} is left out: {_remedy(peer)}" for peer in peers if not shutil.which(peer.version[0])]
    found = [peer for peer in peers if shutil.which(peer.version[0])]
    if any(name.startswith("upstream") for name in names):
        try:
            found += [peer for peer in upstream.peers(agent or upstream.install(environment)) if peer.name in names]
        except (OSError, subprocess.CalledProcessError) as error:
            missing.append(f"upstream is left out: {error}")
    return found, missing


def _remedy(peer: Peer) -> str:
    package = {"borg": "borgbackup"}.get(peer.name, peer.version[0])
    return f"there is no {peer.version[0]}; apt-get install {package}"
