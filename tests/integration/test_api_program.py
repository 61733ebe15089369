"""The programs: freezer-manage makes the tables, freezer-api serves them and stops when it is told to."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freezer.api.store.sql.migrate import HEAD
from support.wsgi import OverHttp

pytestmark = pytest.mark.integration


def _run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, check=False)


def _program(name: str) -> str:
    return str(Path(sys.executable).parent / name)


def _free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
    assert isinstance(port, int)
    return port


def _wait(call: OverHttp, process: subprocess.Popen[bytes]) -> None:
    for _ in range(600):
        assert process.poll() is None, "the server has ended"
        try:
            call.send("GET", "/healthcheck")
        except OSError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError("the server does not answer")


def test_the_tables_are_made_served_and_taken_back(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/api.db"
    config = tmp_path / "freezer-api.conf"
    port = _free_port()
    config.write_text(f"[database]\nconnection = {url}\n[api]\nauth = none\nbind_port = {port}\n")
    made = _run(_program("freezer-manage"), "--config-file", str(config), "db", "sync")
    assert (made.returncode, made.stdout) == (0, f"{HEAD}\n"), made.stderr
    with subprocess.Popen(
        [_program("freezer-api"), "--config-file", str(config)], stderr=subprocess.DEVNULL
    ) as process:
        try:
            call = OverHttp(f"http://127.0.0.1:{port}")
            _wait(call, process)
            assert call.send("GET", "/").status == 300
            client = call.send("POST", "/v2/default/clients", {"client_id": "node"})
            assert client.status == 201
            listed = call.send("GET", "/v2/default/clients/?limit=10&offset=0").json()
            assert [each["client"]["client_id"] for each in listed["clients"]] == ["node"]
            assert call.send("GET", "/healthcheck").json() == {"detailed": False, "reasons": ["OK"]}
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(60)
    down = _run(_program("freezer-manage"), "--config-file", str(config), "db", "downgrade", "base")
    assert (down.returncode, down.stdout) == (0, "none\n"), down.stderr
    early = _run(_program("freezer-api"), "--config-file", str(config))
    assert early.returncode == 1
    assert "freezer-manage db sync" in early.stderr
    again = _run(_program("freezer-db-init"), url)
    assert (again.returncode, again.stdout) == (0, f"{HEAD}\n"), again.stderr


def test_a_server_makes_the_tables_of_an_empty_file_itself_and_says_so(tmp_path: Path) -> None:
    port = _free_port()
    command = [_program("freezer-api"), "--auth", "none", "--port", str(port)]
    url = f"sqlite:///{tmp_path}/api.db"
    with subprocess.Popen([*command, "--database", url], stderr=subprocess.PIPE, text=True) as process:
        try:
            _wait(OverHttp(f"http://127.0.0.1:{port}"), process)
        finally:
            process.send_signal(signal.SIGTERM)
            said = process.communicate(timeout=180)[1]
    assert f"freezer-api: {url} was empty: its tables have been made" in said
    assert _run(_program("freezer-manage"), "--database", url, "db", "version").stdout == f"{HEAD}\n"


def test_a_server_that_may_change_nothing_makes_no_tables(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/api.db"
    refused = _run(
        _program("freezer-api"), "--auth", "none", "--port", str(_free_port()), "--database", url, "--read-only"
    )
    assert (refused.returncode, "freezer-manage db sync" in refused.stderr) == (1, True), refused.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["freezer-api", "--auth", "none", "0.0.0.0"], "does not listen on 0.0.0.0"),
        (["freezer-manage", "--database", "nonsense", "db", "sync"], "[database] connection"),
    ],
)
def test_a_mistake_is_one_line_and_an_exit_code(arguments: list[str], said: str, tmp_path: Path) -> None:
    config = tmp_path / "empty.conf"
    config.touch()
    done = _run(_program(arguments[0]), "--config-file", str(config), *arguments[1:])
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
