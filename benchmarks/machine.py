"""What the figures were measured on."""

from __future__ import annotations

import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.peers.contract import Peer

_KIB_PER_GIB = 1 << 20


def describe(work: Path) -> dict[str, str]:
    """Processor, memory, kernel, system, Python, and the file system that everything lay on."""
    load = os.getloadavg()[0]
    return {
        "processor": f"{_field('/proc/cpuinfo', 'model name')}, {os.cpu_count()} cores",
        "memory": f"{int(_field('/proc/meminfo', 'MemTotal').split()[0]) / _KIB_PER_GIB:.0f} GiB",
        "kernel": f"{platform.system()} {platform.release()}",
        "system": platform.freedesktop_os_release().get("PRETTY_NAME", "unknown"),
        "Python": platform.python_version(),
        "file system": _file_system(work),
        "load before the run": f"{load:.1f}",
    }


def versions(peers: Sequence[Peer]) -> dict[str, str]:
    """The first line that each program says of its version, by the peer (or compressor) that brought it up."""
    commands = {peer.version: peer.name for peer in reversed(peers)}
    commands |= {("gzip", "--version"): "gzip", ("zstd", "--version"): "zstd"}
    said = {}
    for command, name in commands.items():
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        said[name] = output.splitlines()[0].strip("* ")
    return said


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _file_system(work: Path) -> str:
    """Type of the file system with the longest mount point above ``work``."""
    mounts: Mapping[str, str] = {
        parts[1]: parts[2] for parts in (line.split() for line in Path("/proc/mounts").read_text().splitlines())
    }
    folder = work.resolve()
    above = [str(path) for path in (folder, *folder.parents)]
    return next((mounts[path] for path in above if path in mounts), "unknown")
