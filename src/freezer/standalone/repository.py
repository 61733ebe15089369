"""The repository of a home: made once, by an agent, and known to open with the home's passphrase."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence

from freezer.errors import EXIT_OK, FreezerError
from freezer.standalone import files
from freezer.standalone.home import Home
from freezer.standalone.place import Place, options

_DROPPED = ("OS_", "FREEZER_")


def environment(home: Home) -> dict[str, str]:
    """The variables of whatever is started for a home: this process's, but for those that say where an API or a
    storage is; what agents remember and may forget is kept in the home."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_DROPPED)}
    # Agents are looked for beside this program first: whoever calls it need not have it on the path.
    path = os.pathsep.join([os.path.dirname(sys.executable), kept.get("PATH", os.defpath)])
    return {**kept, "PATH": path, "XDG_STATE_HOME": home.at("state"), "XDG_CACHE_HOME": home.at("cache")}


def arguments(place: Place, home: Home) -> list[str]:
    """What an agent is told about the repository."""
    told = {**options(place, home), "encrypt_pass_file": home.passphrase, "log_file": home.log("agent")}
    words: list[str] = []
    for name, value in told.items():
        words.append(f"--{name.replace('_', '-')}")
        if value != "true":
            words.append(value)
    return words


def ready_repository(home: Home, place: Place) -> None:
    """Make the repository if there is none; FreezerError if that of the place is somebody else's."""
    if has_repository(home):
        return
    refused = _agent(home, ["init", *arguments(place, home)])
    # An attempt before this one may have ended behind it: then the passphrase opens what is there.
    if refused is not None and _agent(home, ["key", "list", *arguments(place, home)]) is not None:
        raise refused
    files.write(home.at("repository.made"), "")


def has_repository(home: Home) -> bool:
    """Whether it was made already."""
    return os.path.exists(home.at("repository.made"))


def _agent(home: Home, words: Sequence[str]) -> FreezerError | None:
    """Why an agent could not do that; None if it has done it."""
    command = [sys.executable, "-m", "freezer.cmd.agent", *words, "--json"]
    done = subprocess.run(
        command, env=environment(home), capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL
    )
    if done.returncode == EXIT_OK:
        return None
    try:
        error = json.loads(done.stdout)["error"]
    except (ValueError, LookupError, TypeError):
        said = done.stderr.strip()[-200:] or f"exit code {done.returncode}"
        return FreezerError(f"freezer-agent {words[0]} has failed: {said}")
    return FreezerError(str(error["message"]), hint=error.get("hint"))
