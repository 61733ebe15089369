"""The scheduler's program, with agents of another command if one is named: ``FILE [COMMAND…]``."""

from __future__ import annotations

import sys
from functools import partial

from freezer.cmd.scheduler.program import main
from freezer.scheduler import assembly

if __name__ == "__main__":
    if sys.argv[2:]:
        assembly.assemble = partial(assembly.assemble, agent=tuple(sys.argv[2:]))  # type: ignore[assignment]
    sys.exit(main(["--config-file", sys.argv[1], "start"]))
