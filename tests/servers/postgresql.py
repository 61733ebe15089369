"""The ``postgresql`` that the tests of a run share; see :mod:`servers.databases`."""

from __future__ import annotations

import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from servers.databases import serve

if __name__ == "__main__":
    serve("postgresql", Path(sys.argv[2]))
