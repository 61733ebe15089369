"""``python -m freezer.cmd.scheduler``."""

import sys

from freezer.cmd.scheduler import main

if __name__ == "__main__":
    sys.exit(main())
