"""What a run of a program gave back."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Run:
    """How a run ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def errors(self) -> list[str]:
        """The errors that ``freezer-agent`` told of, one line each."""
        return [line for line in self.err.splitlines() if line.startswith("freezer-agent: error: ")]

    @property
    def error(self) -> str:
        """The text of the one error that a failed run tells."""
        assert self.told_clearly(), self.err
        return self.errors[0].removeprefix("freezer-agent: error: ")

    def told_clearly(self) -> bool:
        """Whether a failure is one line that makes sense to a human."""
        return len(self.errors) == 1 and "internal error" not in self.err and "Traceback" not in self.err
