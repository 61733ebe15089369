"""Ours and the original, side by side. What cannot be fetched is skipped with the reason; in CI it is a failure."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import environments
import pytest
from peers import Program

from support.fetching import fetched
from support.served import FORKING, Server, served


@pytest.fixture(scope="session")
def _our_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with served([sys.executable, FORKING, "ours"], tmp_path_factory.mktemp("ours")) as server:
        yield server


@pytest.fixture(scope="session")
def _upstream_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    python = fetched("OpenStack Freezer 19.0.0", environments.upstream_python)
    with served([python, "-I", FORKING, "upstream"], tmp_path_factory.mktemp("upstream")) as server:
        yield server


@pytest.fixture
def ours(_our_server: Server, tmp_path: Path) -> Program:
    """Our program, on a container that both share."""
    return _program("ours", _our_server, tmp_path)


@pytest.fixture
def upstream(_upstream_server: Server, tmp_path: Path) -> Program:
    """OpenStack Freezer 19.0.0, on a container that both share."""
    return _program("upstream", _upstream_server, tmp_path)


def _program(name: str, server: Server, folder: Path) -> Program:
    home = folder / f"home-{name}"
    home.mkdir()
    return Program(name, server, home, folder / "container")


@pytest.fixture(params=["system", "1.35"])
def tar_folder(request: pytest.FixtureRequest) -> Path:
    """The folder of one GNU tar after the other: this system's, and 1.35."""
    if request.param == "system":
        return fetched("the system's GNU tar", environments.system_tar)
    return fetched("GNU tar 1.35", environments.newer_tar)


@pytest.fixture(scope="session")
def newer_tar() -> Path:
    """The folder of GNU tar 1.35."""
    return fetched("GNU tar 1.35", environments.newer_tar)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A source of two files."""
    folder = tmp_path / "source"
    folder.mkdir()
    (folder / "one").write_text("first")
    (folder / "two").write_text("second")
    return folder


@pytest.fixture
def pass_file(tmp_path: Path) -> Path:
    """A passphrase that only its owner may read."""
    path = tmp_path / "pass"
    path.write_text("correct horse\n")
    path.chmod(0o600)
    return path
