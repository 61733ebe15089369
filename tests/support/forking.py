"""Runs a program again and again without paying for its start each time.

:func:`serve` answers every line on standard input, a JSON object ``{"argv": [...], "cwd": ..., "env": {...}, "out":
FILE, "err": FILE}``, with one line ``{"code": N}``: a child ran the program's ``main`` with these arguments, its output
went into the two files. A child that a signal ended has the negative code of that signal. If the object has ``"gate"``
too, a FIFO, the first answer is ``{"process": N}``, and the child waits until somebody opens the FIFO for writing:
time to attach a tracer to it.

:func:`serve_many` lets any number of children run at once: such an object is answered with ``{"process": N}``, and the
order ``{"wait": N}`` with ``{"code": N}`` once that child has ended. Until then its process number is nobody else's.

``python forking.py ours|upstream`` serves one of the two agents. OpenStack Freezer is unmodified except that it asks
no Keystone for a token, which it otherwise does even for a local backup. Its environment has nothing of ours: only the
standard library and that program are there. ``python forking.py freezerclient|openstackclient`` serves the original's
command lines, unmodified, in the same way.
"""

from __future__ import annotations

import contextlib
import gc
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


def load_freezerclient() -> Callable[[], int]:
    from freezerclient import shell  # type: ignore[import-not-found]
    from freezerclient.v2 import client  # type: ignore[import-not-found]  # noqa: F401

    _load_plugins("cliff.formatter.list", "cliff.formatter.show", "keystoneauth1.plugin")
    return lambda: shell.main(sys.argv[1:])  # type: ignore[no-any-return]


def load_openstackclient() -> Callable[[], int]:
    from freezerclient.v2 import client  # type: ignore[import-not-found]  # noqa: F401
    from openstackclient import shell  # type: ignore[import-not-found]
    from openstackclient.common import clientmanager  # type: ignore[import-not-found]  # noqa: F401

    _load_plugins("cliff.formatter.list", "cliff.formatter.show", "keystoneauth1.plugin", "openstack.cli.base")
    _load_plugins("openstack.cli.extension", "openstack.backup.v2")
    return lambda: shell.main(sys.argv[1:])  # type: ignore[no-any-return]


def _load_plugins(*groups: str) -> None:
    """What each run would look for and load anew."""
    from importlib.metadata import entry_points

    from stevedore import ExtensionManager  # type: ignore[import-not-found]

    for group in groups:
        ExtensionManager(group)
        for point in entry_points(group=group):
            with contextlib.suppress(Exception):
                point.load()


def serve(main: Callable[[], int]) -> None:
    """Answer orders until standard input ends; ``main`` finds its arguments in ``sys.argv``."""
    gc.freeze()  # a child need not look through all that is loaded when it ends
    for line in sys.stdin:
        order = json.loads(line)
        child = os.fork()
        if child == 0:
            _become(order)
            sys.exit(main())
        if "gate" in order:
            print(json.dumps({"process": child}), flush=True)
        _, status = os.waitpid(child, 0)
        print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)


def serve_many(main: Callable[[], int]) -> None:
    """The same for children that run at once."""
    gc.freeze()
    for line in sys.stdin:
        order = json.loads(line)
        if "wait" in order:
            _, status = os.waitpid(order["wait"], 0)
            print(json.dumps({"code": os.waitstatus_to_exitcode(status)}), flush=True)
            continue
        child = os.fork()
        if child == 0:
            _become(order)
            code = main()
            sys.stdout.flush()
            os._exit(code)  # the interpreter's own end takes longer than many a program, and is not what is tested
        print(json.dumps({"process": child}), flush=True)


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
    if "gate" in order:
        with open(order["gate"], "rb"):
            pass


if __name__ == "__main__":
    programs = {
        "ours": load_ours,
        "upstream": load_upstream,
        "freezerclient": load_freezerclient,
        "openstackclient": load_openstackclient,
    }
    serve(programs[sys.argv[1]]())
