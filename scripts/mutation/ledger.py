"""What became of mutants, kept so that a run that was broken off goes on where it was.

A line for each, as soon as it is known. Lines count for the package and the tests as they were; whoever changes either
begins anew.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

from scripts.mutation.operators import Mutant


class Ledger:
    """The lines of ``file`` that count for ``state`` (:func:`state_of`); others are dropped."""

    def __init__(self, file: Path, state: str) -> None:
        self._file = file
        self._state = state
        lines = file.read_text().splitlines() if file.exists() else []
        file.write_text("".join(f"{line}\n" for line in lines if json.loads(line)["state"] == state))

    def note(self, mutant: Mutant, fate: str) -> None:
        """From any process: lines are short enough to be appended whole."""
        with self._file.open("a") as file:
            file.write(json.dumps({"state": self._state, "mutant": _key(mutant), "fate": fate}) + "\n")

    def fates(self, mutants: list[Mutant]) -> dict[Mutant, str]:
        """Of those of ``mutants`` that have been tried."""
        known = {line["mutant"]: line["fate"] for line in map(json.loads, self._file.read_text().splitlines())}
        return {mutant: known[_key(mutant)] for mutant in mutants if _key(mutant) in known}


def state_of(*folders: Path) -> str:
    """A digest of all Python files below ``folders``."""
    digest = hashlib.sha256()
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            digest.update(f"{path.relative_to(folder)}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\0".encode())
    return digest.hexdigest()[:16]


def _key(mutant: Mutant) -> str:
    return hashlib.sha256(f"{mutant.file}\0{mutant.source}".encode()).hexdigest()[:16]
