"""Who only looks, or tries a run dry, has storages that refuse every change."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.agent.context import Context
from freezer.agent.places.opening import opened
from freezer.clock import SystemClock
from freezer.errors import PermissionDenied
from freezer.options.load import load
from freezer.progress import NoProgress


def context(container: Path, *words: str) -> Context:
    line = [*words, "--storage", "local", "-C", str(container)]
    home = str(container.parent)
    invocation = load(line, program="freezer-agent", environ={}, home=home, hostname="h", etc=home)
    return Context(invocation, SystemClock(), NoProgress(), lambda _: None, "")


BACKUP = ("backup", "-F", "/etc/hostname")


@pytest.mark.parametrize(
    "words", [("list",), ("info",), ("show",), (*BACKUP, "--dry-run"), ("admin", "--keep-last", "1", "--dry-run")]
)
def test_looking_is_refused_every_change(tmp_path, words):
    found = context(tmp_path, *words)
    with opened(found, found.settings.storages) as places:
        assert places[0].storage.list() == []
        with pytest.raises(PermissionDenied, match="it is open for reading only"):
            places[0].storage.put("object", b"x")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [BACKUP, ("admin", "--keep-last", "1")])
def test_working_is_not(tmp_path, words):
    found = context(tmp_path, *words)
    with opened(found, found.settings.storages) as places:
        places[0].storage.put("object", b"x")
        assert places[0].storage.get("object") == b"x"
