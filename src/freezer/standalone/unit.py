"""The unit by which systemd starts a home with the machine, or with its user's session."""

from __future__ import annotations

from freezer.standalone import files
from freezer.standalone.background import supervising
from freezer.standalone.home import Home

NAME = "freezer-up.service"


def write_unit(home: Home) -> str:
    """The path of the unit, written anew."""
    path = home.at(NAME)
    command = " ".join(_quoted(word) for word in supervising(home))
    files.write(path, _UNIT.format(command=command, home=home.path.replace("%", "%%")))
    return path


def _quoted(word: str) -> str:
    escaped = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%").replace("$", "$$")
    return f'"{escaped}"'


_UNIT = """\
# Written by freezer up. An agent that runs outlives a restart: the next scheduler takes it over.
[Unit]
Description=Freezer in {home}
After=network-online.target
Wants=network-online.target

[Service]
Type=exec
ExecStart={command}
Restart=on-failure
RestartSec=60
KillMode=process
TimeoutStopSec=100
UMask=0077
NoNewPrivileges=yes

[Install]
WantedBy=default.target
"""
