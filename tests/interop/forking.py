"""Runs one of the two programs again and again without paying for its start each time.

``python forking.py ours|upstream`` imports the program once, then answers every line on standard input, a JSON object
``{"argv": [...], "cwd": ..., "env": {...}, "out": FILE, "err": FILE}``, with one line ``{"code": N}``: a child ran the
program's ``main`` with these arguments, its output went into the two files. A child that a signal ended has the
negative code of that signal. OpenStack Freezer is unmodified except that it asks no Keystone for a token, which it
otherwise does even for a local backup.

Started by the Python of the program's environment: only the standard library and that program are there.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from typing import Any
from unittest import mock


def load_ours() -> Callable[[], int]:
    from freezer.cmd import agent

    return lambda: agent.main(sys.argv[1:])


def load_upstream() -> Callable[[], int]:
    from freezer.common import client_manager  # type: ignore[import-not-found]

    client_manager.get_client_manager = lambda *_args, **_options: mock.MagicMock()
    from freezer import main  # type: ignore[attr-defined]

    return main.main  # type: ignore[no-any-return]


def serve(main: Callable[[], int]) -> None:
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
            sys.exit(main())
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


def _become(order: dict[str, Any]) -> None:
    """Make this child look as if it had been started with the order's arguments, directory and output."""
    os.chdir(order["cwd"])
    os.environ.clear()
    os.environ.update(order["env"])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC
    for descriptor, file, how in ((0, os.devnull, os.O_RDONLY), (1, order["out"], flags), (2, order["err"], flags)):
        opened = os.open(file, how, 0o600)
        os.dup2(opened, descriptor)
        os.close(opened)
    sys.argv = ["freezer-agent", *order["argv"]]


if __name__ == "__main__":
    serve({"ours": load_ours, "upstream": load_upstream}[sys.argv[1]]())
