"""Runs the original's agent without a cloud: it asks for OpenStack clients even to back a directory up to a directory,
and gets stand-ins that it never uses. Runs in the original's own environment, not in ours."""

import importlib
import sys
from unittest import mock


def main() -> int:
    """The original's exit code."""
    clients = importlib.import_module("freezer.common.client_manager")
    program = importlib.import_module("freezer.main")
    with mock.patch.object(clients, "get_client_manager", return_value=mock.MagicMock()):
        return int(program.main() or 0)


if __name__ == "__main__":
    sys.argv[0] = "freezer-agent"
    sys.exit(main())
