"""``freezer-api`` as a process: what it says when it listens, TLS, several processes, and how it ends."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from servers.processes import free_ports
from servers.tls import make_certificates
from support.api import fresh_database
from support.wsgi import OverHttp

pytestmark = pytest.mark.integration

_PATIENCE = 180.0
Start = Callable[..., "Served"]


class Served:
    """A server with its configuration in ``folder``."""

    def __init__(self, folder: Path, settings: str, *words: str) -> None:
        self.port = free_ports(1)[0]
        config = folder / "freezer-api.conf"
        database = f"[database]\nconnection = {fresh_database(folder)}\n"
        config.write_text(f"{database}[api]\nauth = none\nbind_host = 127.0.0.1\nbind_port = {self.port}\n{settings}")
        self._said = folder / "stderr"
        program = Path(sys.executable).parent / "freezer-api"
        with self._said.open("wb") as stderr:
            command = [program, "--config-file", config, *words]
            self.process = subprocess.Popen(command, stderr=stderr, start_new_session=True)

    @property
    def said(self) -> str:
        return self._said.read_text()

    @property
    def call(self) -> OverHttp:
        return OverHttp(f"http://127.0.0.1:{self.port}")

    def until(self, words: str) -> Served:
        """Return when it has said that."""
        deadline = time.monotonic() + _PATIENCE
        while words not in self.said:
            assert self.process.poll() is None, self.said
            assert time.monotonic() < deadline, self.said
            time.sleep(0.02)
        return self

    def end(self, number: int = signal.SIGTERM) -> int:
        self.process.send_signal(number)
        return self.process.wait(_PATIENCE)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Served] = []

    def begin(settings: str = "", *words: str) -> Served:
        started.append(Served(tmp_path, settings, *words))
        return started[-1].until("listening on")

    yield begin
    for each in started:
        with suppress(ProcessLookupError):  # whoever of its processes is left
            os.killpg(each.process.pid, signal.SIGKILL)
        each.process.wait()


def test_it_says_in_one_line_that_it_listens_and_ends_with_0(start: Start, tmp_path: Path) -> None:
    server = start("access_log = false\n")
    expected = (
        rf"freezer-api: listening on http://127\.0\.0\.1:{server.port}, authentication: none, database: \w+://\S+\n"
    )
    assert server.call.send("GET", "/").status == 300
    assert re.fullmatch(expected, server.said), server.said
    assert server.end() == 0
    assert re.fullmatch(expected, server.said), server.said


def test_a_server_on_a_search_server_says_what_is_not_there(start: Start, tmp_path: Path) -> None:
    url = fresh_database(tmp_path, "opensearch").replace("://", "://me:secret@")
    server = start("access_log = false\nworkers = 2\n", "--database", url)
    first, second = server.said.splitlines()
    assert re.search(r"the store is Elasticsearch at http://\S+, index \S+ \(experimental\): runs by lease", first)
    assert "database: Elasticsearch at http" in second
    assert "secret" not in server.said
    for number in range(8):
        body = json.dumps({"client_id": f"node{number}"}).encode()
        assert server.call("POST", "/v2/p/clients", {"Content-Type": "application/json"}, body).status == 201
    assert len(server.call.send("GET", "/v2/p/clients").json()["clients"]) == 8
    assert server.end() == 0


def test_the_line_has_no_password(tmp_path: Path) -> None:
    from freezer.api.store.sql.engine import shown

    said = shown("mysql://freezer:s3cret@db.example:3307/freezer?ssl_key=/k&password=s3cret")
    assert said == "mysql://freezer@db.example:3307/freezer"


def test_two_servers_on_one_port_are_one_too_many(start: Start, tmp_path: Path) -> None:
    first = start()
    config = tmp_path / "freezer-api.conf"
    program = Path(sys.executable).parent / "freezer-api"
    second = subprocess.run(
        [program, "--config-file", config], capture_output=True, text=True, timeout=180, check=False
    )
    assert second.returncode == 1
    assert f"127.0.0.1:{first.port}" in second.stderr
    assert "Traceback" not in second.stderr


def _halves(port: int) -> tuple[socket.socket, bytes]:
    """A request of which half has been sent, and the other half."""
    body = json.dumps({"client_id": "slow", "description": "x" * 200}).encode()
    head = f"POST /v2/p/clients HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    line = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
    line.sendall(head.encode() + body[:100])
    return line, body[100:]


def _listens(port: int) -> bool:
    with socket.socket() as line:
        line.settimeout(5)
        return line.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_requests_in_flight_are_finished(start: Start, number: int) -> None:
    server = start()
    line, rest = _halves(server.port)
    server.call.send("GET", "/")  # the half has been taken in by now
    server.process.send_signal(number)
    deadline = time.monotonic() + _PATIENCE
    while _listens(server.port):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    assert server.process.poll() is None
    line.sendall(rest)
    assert line.recv(20).startswith(b"HTTP/1.1 201")
    line.close()
    assert server.process.wait(_PATIENCE) == 0


def test_a_request_that_never_ends_is_given_up(start: Start) -> None:
    server = start("stop_seconds = 1\n")
    line, _ = _halves(server.port)
    server.call.send("GET", "/")
    begun = time.monotonic()
    assert server.end() == 0
    assert 0.5 < time.monotonic() - begun < 30
    line.close()


def test_a_worker_that_dies_is_replaced(start: Start) -> None:
    server = start()
    worker = int(subprocess.check_output(["pgrep", "-P", str(server.process.pid)], text=True).split()[0])
    os.kill(worker, signal.SIGKILL)
    deadline = time.monotonic() + _PATIENCE
    while True:
        try:
            assert server.call.send("GET", "/").status == 300
            break
        except OSError:
            assert time.monotonic() < deadline
            time.sleep(0.1)
    assert server.end() == 0


def test_connections_that_are_kept_keep_nobody_out(start: Start) -> None:
    server = start("threads = 2\n")
    kept = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=_PATIENCE) for _ in range(50)]
    for line in kept:
        line.request("GET", "/healthcheck")
        assert line.getresponse().read() == b"OK"
    late = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    late.request("GET", "/healthcheck")
    assert late.getresponse().read() == b"OK"
    for line in (*kept, late):
        line.close()


def test_several_processes_count_together(start: Start, tmp_path: Path) -> None:
    server = start("workers = 2\n")
    for _ in range(30):
        server.call.send("GET", "/v2/p/jobs")
    for _ in range(3):  # whichever process answers
        lines = server.call.send("GET", "/metrics").body.decode().splitlines()
        found = [line for line in lines if line.startswith("freezer_api_requests_total") and "/jobs" in line]
        assert found == ['freezer_api_requests_total{method="GET",route="/v2/{project_id}/jobs",status="200"} 30.0']
    assert server.end() == 0


def test_the_log_is_json_with_ids_and_the_listening_line_comes_once(start: Start, tmp_path: Path) -> None:
    log = tmp_path / "api.log"
    server = start(f"[DEFAULT]\nuse_json = true\nlog_file = {log}\n")
    server.call.send("GET", "/v2/p/jobs", X_OpenStack_Request_ID="req-of-mine")
    assert server.end() == 0
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["status"] for line in lines if line.get("request_id") == "req-of-mine"] == [200]
    assert sum("listening on" in line["message"] for line in lines) == 1
    assert server.said.count("\n") == 1


def _get(port: int, context: ssl.SSLContext) -> int:
    line = http.client.HTTPSConnection("127.0.0.1", port, context=context, timeout=_PATIENCE)
    try:
        line.request("GET", "/", headers={"Accept": "application/json"})
        return line.getresponse().status
    finally:
        line.close()


def _trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def test_tls_with_certificates_of_both(start: Start, tmp_path: Path) -> None:
    certificate, authority = make_certificates(tmp_path)
    server = start(f"tls_certificate = {certificate}\ntls_key = {certificate}\ntls_client_ca = {authority}\n")
    assert f"listening on https://127.0.0.1:{server.port}" in server.said
    with pytest.raises(ssl.SSLError):
        _get(server.port, _trusting(authority))
    shown = _trusting(authority)
    shown.load_cert_chain(certificate)
    assert _get(server.port, shown) == 300
    old = _trusting(authority)
    old.load_cert_chain(certificate)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    assert _get(server.port, old) == 300
    assert server.end() == 0


def test_old_tls_is_refused_where_it_is_not_wanted(start: Start, tmp_path: Path) -> None:
    certificate, authority = make_certificates(tmp_path)
    server = start(f"tls_certificate = {certificate}\ntls_key = {certificate}\ntls_minimum = 1.3\n")
    old = _trusting(authority)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    with pytest.raises(ssl.SSLError):
        _get(server.port, old)
    assert _get(server.port, _trusting(authority)) == 300


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ("tls_certificate = /nowhere/a\n", "tls_certificate and tls_key belong together"),
        ("tls_certificate = /nowhere/a\ntls_key = /nowhere/b\n", "/nowhere/a, tls_key /nowhere/b: No such file"),
        ("tls_certificate = {junk}\ntls_key = {junk}\n", "tls_certificate"),
        ("tls_client_ca = {junk}\n", "is for a server with tls_certificate"),
    ],
)
def test_wrong_certificates_are_one_line(tmp_path: Path, settings: str, said: str) -> None:
    junk = tmp_path / "junk"
    junk.write_text("junk")
    server = Served(tmp_path, settings.format(junk=junk))
    assert server.process.wait(_PATIENCE) == 2
    assert said in server.said
    assert "Traceback" not in server.said
