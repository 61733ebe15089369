"""The application under gunicorn, uWSGI and Apache, with the sample files of ``etc/``, by our import path and by those
of the original."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from servers import apache
from servers.environment import UnavailableError, environment
from servers.processes import HOST, answers, free_ports
from support.api import Person, fresh_database
from support.wsgi import OverHttp

pytestmark = pytest.mark.integration

_ROOT = Path(__file__).parents[2]
_ETC = _ROOT / "etc"
_REQUIREMENTS = _ROOT / "tests" / "servers" / "requirements-wsgi.txt"
_MODULES = os.pathsep.join([str(_ROOT / "compat" / "freezer-api-compat"), *(path for path in sys.path if path)])


@dataclass(frozen=True)
class Place:
    """Where a server runs, its port, and the application that it is to load."""

    folder: Path
    port: int
    application: str

    @property
    def env(self) -> dict[str, str]:
        return {
            **os.environ,
            "FREEZER_API_CONFIG": str(self.folder / "freezer-api.conf"),
            "PYTHONPATH": _MODULES,
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "numbers"),
        }


def _gunicorn(place: Place) -> list[object]:
    bin = environment(_REQUIREMENTS)
    return [bin / "gunicorn", "--config", _ETC / "gunicorn-freezer-api.conf.py", "--bind", f"{HOST}:{place.port}",
            place.application]  # fmt: skip


def _uwsgi(place: Place) -> list[object]:
    bin = environment(_REQUIREMENTS)
    sample = (_ETC / "uwsgi-freezer-api.ini").read_text()
    settings = place.folder / "uwsgi.ini"
    settings.write_text(
        sample.replace("0.0.0.0:9090", f"{HOST}:{place.port}").replace(
            "freezer.api.wsgi:application", place.application
        )
    )
    return [bin / "uwsgi", "--ini", settings]


def _uwsgi_by_hand(place: Place) -> list[object]:
    """The command of the original's first manual."""
    bin = environment(_REQUIREMENTS)
    return [bin / "uwsgi", "--http", f"{HOST}:{place.port}", "--need-app", "--master", "--die-on-term",
            "--module", place.application]  # fmt: skip


def _apache(place: Place) -> list[object]:
    script = (_ETC / "freezer-api.wsgi").read_text()
    named = f'import os\nos.environ["FREEZER_API_CONFIG"] = "{place.folder}/freezer-api.conf"\n'
    ours = script.replace("freezer.api.wsgi", place.application.partition(":")[0])
    (place.folder / "freezer-api.wsgi").write_text(ours.replace("from ", named + "from ", 1))
    sample = (_ETC / "apache-freezer-api.conf").read_text()
    rest = sample.replace("/usr/share/freezer", str(place.folder)).replace("9090", f"{HOST}:{place.port}")
    return apache.command(place.folder, rest.replace("*:", ""), _MODULES)


Make = Callable[[Place], list[object]]
_SERVERS: dict[str, tuple[Make, str]] = {
    "gunicorn": (_gunicorn, "freezer.api.wsgi:application"),
    "gunicorn, the original's path": (_gunicorn, "freezer_api.wsgi:application"),
    "uWSGI": (_uwsgi, "freezer.api.wsgi:application"),
    "uWSGI, the first manual's command": (_uwsgi_by_hand, "freezer_api.cmd.api:application"),
    "mod_wsgi": (_apache, "freezer_api.wsgi:application"),
}


@pytest.fixture
def folder() -> Iterator[Path]:
    """Sockets need a short path."""
    with tempfile.TemporaryDirectory(prefix="fz-") as made:
        yield Path(made)


def _numbers(call: OverHttp) -> list[str]:
    lines = call.send("GET", "/metrics").body.decode().splitlines()
    return [line for line in lines if line.startswith('freezer_api_requests_total{method="GET"') and "/jobs" in line]


@pytest.mark.parametrize("name", _SERVERS)
def test_it_serves(name: str, folder: Path) -> None:
    make, application = _SERVERS[name]
    place = Place(folder, free_ports(1)[0], application)
    (folder / "numbers").mkdir()
    log = folder / "api.log"
    (folder / "freezer-api.conf").write_text(
        f"[DEFAULT]\nlog_file = {log}\n[database]\nconnection = {fresh_database(folder)}\n[api]\nauth = none\n"
    )
    try:
        command = [str(word) for word in make(place)]
    except UnavailableError as error:
        pytest.skip(f"machine limit: {name}: {error}")
    url = f"http://{HOST}:{place.port}"
    with _program(command, place.env, folder) as process:
        _wait(process, url, folder)
        _use(OverHttp(url), chunks="uWSGI" not in name)  # it hands bodies in chunks on to nobody
        if name != "mod_wsgi":  # Apache gives no environment to its processes
            assert _numbers(OverHttp(url)) == [_COUNTED]
        process.send_signal(signal.SIGTERM)
        assert process.wait(150) == 0, (folder / "said").read_text()
    lines = log.read_text()
    assert re.search(r"freezer\.api\.access \[req-of-mine\] GET /v2/blue/jobs 200", lines), lines


_SLOW = """
import time, uwsgi
while uwsgi.worker_id() == 2:
    time.sleep(1)
from freezer.api.wsgi import application
"""


def test_uwsgi_ends_though_one_of_its_workers_is_still_loading(folder: Path) -> None:
    place = Place(folder, free_ports(1)[0], "slow:application")
    (folder / "numbers").mkdir()
    (folder / "slow.py").write_text(_SLOW)
    (folder / "freezer-api.conf").write_text(f"[database]\nconnection = {fresh_database(folder)}\n[api]\nauth = none\n")
    try:
        command = [str(word) for word in _uwsgi(place)]
    except UnavailableError as error:
        pytest.skip(f"machine limit: uWSGI: {error}")
    env = {**place.env, "PYTHONPATH": os.pathsep.join([str(folder), _MODULES])}
    with _program(command, env, folder) as process:
        _wait(process, f"http://{HOST}:{place.port}", folder)  # the other worker answers
        process.send_signal(signal.SIGTERM)
        assert process.wait(150) == 0, (folder / "said").read_text()


_COUNTED = 'freezer_api_requests_total{method="GET",route="/v2/{project_id}/jobs",status="200"} 4.0'


def _use(call: OverHttp, *, chunks: bool) -> None:
    """What is not the same under all servers: bodies of GET, chunks, headers."""
    blue = Person(call, "blue")
    blue.client()
    blue.job(description="x" * 200)
    for _ in range(3):
        found = blue.send("GET", "/jobs", {"match": [{"client_id": "node"}]}, X_OpenStack_Request_ID="req-of-mine")
        assert (len(found.json()["jobs"]), found.headers["x-openstack-request-id"]) == (1, "req-of-mine")
    assert blue.get("/jobs", {"match": [{"client_id": "other"}]}) == {"jobs": []}
    assert call.send("GET", "/").status == 300
    assert call.send("GET", "/healthcheck").status == 200
    if not chunks:
        return
    line = http.client.HTTPConnection(call.base.removeprefix("http://"), timeout=60)
    pieces = iter([b'{"client_id": ', json.dumps("chunked").encode(), b"}"])
    line.request("POST", "/v2/blue/clients", pieces, {"Content-Type": "application/json"}, encode_chunked=True)
    assert line.getresponse().status == 201
    line.close()


@contextmanager
def _program(command: list[str], env: Mapping[str, str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A server with all its processes, of which none stays behind."""
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(command, env=env, stdout=said, stderr=said, cwd=folder, start_new_session=True) as process,
    ):
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def _wait(process: subprocess.Popen[bytes], url: str, folder: Path) -> None:
    for _ in range(600):
        if answers(f"{url}/healthcheck"):
            return
        if process.poll() is not None:
            break
        _pause(process)
    logs = [path.read_text(errors="replace") for path in (folder / "said", folder / "error.log") if path.exists()]
    raise AssertionError("\n".join(logs))


def _pause(process: subprocess.Popen[bytes]) -> None:
    with suppress(subprocess.TimeoutExpired):
        process.wait(0.1)
