"""Virtual environments and jars of servers, made once and kept below ``.cache/servers`` of the checkout;
``$FREEZER_SERVERS_CACHE`` names another place. ``python environment.py`` makes them all and prints where they are.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from support import cache as caches
from support.cache import UnavailableError, locked, run

HERE = Path(__file__).parent
__all__ = ["UnavailableError", "cache", "environment", "locked", "made", "run"]


def cache() -> Path:
    return caches.cache("servers")


def environment(requirements: Path) -> Path:
    """The folder of programs of a virtual environment with these pinned requirements."""
    return caches.environment(cache(), requirements, requirements.stem)


def made(name: str, make: Callable[[Path], None]) -> Path:
    """The folder ``name`` of the cache, made by ``make`` unless an earlier run has finished it."""
    return caches.made(cache() / name, make)


if __name__ == "__main__":
    for requirements in sorted(HERE.glob("requirements-*.txt")):
        print(environment(requirements))
    from servers.opensearch import classes

    print(classes())
