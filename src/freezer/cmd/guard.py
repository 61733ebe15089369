"""The program that lets go of what an agent made hold still (:mod:`freezer.agent.guard`). Agents start it."""

from __future__ import annotations

import sys

from freezer.agent.guard import serve
from freezer.clock import SystemClock


def main() -> int:
    """A guard on standard input and output."""
    serve(sys.stdin.buffer, sys.stdout.buffer, SystemClock())
    return 0


if __name__ == "__main__":
    sys.exit(main())
