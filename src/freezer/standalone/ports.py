"""Ports and addresses of this machine."""

from __future__ import annotations

import socket

from freezer.errors import FreezerError

USUAL = 9090
_TEST_NET = ("192.0.2.1", 9)  # an address of documents, to which nothing is sent


def is_free(host: str, port: int) -> bool:
    """Whether a server may listen there."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return False
    return True


def choose(host: str, wanted: int | None) -> int:
    """The ``wanted`` port; without one the usual, or else any that is free. FreezerError if it is taken."""
    if wanted is not None:
        if not is_free(host, wanted):
            raise FreezerError(f"port {wanted} is taken by another program", hint="choose another one with --port")
        return wanted
    if is_free(host, USUAL):
        return USUAL
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


def answers(host: str, port: int) -> bool:
    """Whether somebody listens there."""
    try:
        with socket.create_connection((host, port), timeout=1):
            return True
    except OSError:
        return False


def own_address() -> str:
    """The address under which other machines see this one, as the routes say; FreezerError if there is none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(_TEST_NET)
            return str(probe.getsockname()[0])
        except OSError:
            hint = "say under which name or address others reach it: --listen NAME"
            raise FreezerError("this machine has no address that others could reach", hint=hint) from None
