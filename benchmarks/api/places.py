"""A MariaDB of our own, and on it the two servers, each on a database of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2] / "tests"))

from servers.databases import MariaDB
from servers.processes import free_ports
from support.cache import cache, environment

HERE = Path(__file__).parent
REQUIREMENTS = HERE / "requirements-upstream.txt"
PROCESSES, THREADS = 2, 2
"""Of both servers; those of the original's own configuration of uWSGI."""
HEADERS = {
    "X-Identity-Status": "Confirmed",
    "X-User-Id": "bench",
    "X-Project-Id": "bench",
    "X-Roles": "member,reader",
}
ROOT = "/v2/bench"

_ORIGINAL = """
[DEFAULT]
log_dir = {folder}
[paste_deploy]
config_file = {folder}/paste.ini
[storage]
driver = sqlalchemy
backend = sqlalchemy
[database]
connection = {database}
"""
# The original's pipeline without authentication: it takes the identity from headers then, as ours does.
_PASTE = """
[composite:main]
use = egg:Paste#urlmap
/ = api
[pipeline:api]
pipeline = http_proxy_to_wsgi versionsNegotiator context backupapp
[filter:http_proxy_to_wsgi]
paste.filter_factory = oslo_middleware:HTTPProxyToWSGI.factory
[filter:versionsNegotiator]
paste.filter_factory = freezer_api.api.versions:VersionNegotiator.factory
[filter:context]
paste.filter_factory = freezer_api.api.common.middleware:ContextMiddleware.factory
[composite:backupapp]
paste.composite_factory = freezer_api.service:root_app_factory
/: api_versions
/v2: appv2
[app:api_versions]
paste.app_factory = freezer_api.api.versions:api_versions
[app:appv2]
paste.app_factory = freezer_api.service:freezer_appv2_factory
"""


class LargeMariaDB(MariaDB):
    """With memory for a million backups."""

    def _sizes(self) -> list[str]:
        return ["--innodb-log-file-size=512M", "--innodb-buffer-pool-size=2G", "--secure-file-priv="]


@dataclass(frozen=True)
class Served:
    """A server: its first process, its port, and the URL of its database."""

    name: str
    process: int
    port: int
    database: str


@contextmanager
def mariadb() -> Iterator[LargeMariaDB]:
    """A server that durably keeps what it is given."""
    folder = Path(tempfile.mkdtemp(prefix="freezer-bench-"))
    server = LargeMariaDB(folder, durable=True)
    try:
        server.make()
        yield server
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def ours(database: str, folder: Path, more: str = "") -> Iterator[Served]:
    """freezer-api of this checkout, as it is installed, with its log."""
    port = free_ports(1)[0]
    config = folder / "ours.conf"
    config.write_text(
        f"[DEFAULT]\nlog_file = {folder}/ours.log\n[database]\nconnection = {database}\n[api]\nauth = none\n"
        f"bind_port = {port}\nworkers = {PROCESSES}\nthreads = {THREADS}\n{more}"
    )
    bin = Path(sys.executable).parent
    subprocess.run([bin / "freezer-manage", "--config-file", config, "db", "sync"], check=True, capture_output=True)
    with _running([bin / "freezer-api", "--config-file", config], port, folder / "ours.out") as process:
        yield Served("Freezer", process, port, database)


@contextmanager
def theirs(database: str, folder: Path) -> Iterator[Served]:
    """freezer-api 19.0.0 under uWSGI, as its own configuration has it."""
    bin = environment(cache("interop"), REQUIREMENTS, "freezer-api", importing="freezer_api")
    port = free_ports(1)[0]
    config = folder / "freezer-api.conf"
    config.write_text(_ORIGINAL.format(folder=folder, database=database.replace("mysql:", "mysql+pymysql:")))
    (folder / "paste.ini").write_text(_PASTE)
    subprocess.run([bin / "freezer-manage", "--config-file", config, "db", "sync"], check=True, capture_output=True)
    command = [bin / "uwsgi", "--http-socket", f"127.0.0.1:{port}", "--master", "--lazy-apps", "--enable-threads",
               "--processes", PROCESSES, "--threads", THREADS, "--thunder-lock", "--die-on-term",
               "--add-header", "Connection: close", "--buffer-size", 65535,
               "--module", "freezer_api.wsgi:application", "--pyargv", f"--config-file {config}"]  # fmt: skip
    with _running(command, port, folder / "theirs.out") as process:
        yield Served("OpenStack freezer-api 19.0.0", process, port, database)


@contextmanager
def _running(command: Sequence[object], port: int, log: Path) -> Iterator[int]:
    env = {**os.environ, "PYTHONWARNINGS": "ignore"}
    with (
        log.open("wb") as said,
        subprocess.Popen([str(word) for word in command], stdout=said, stderr=said, env=env) as process,
    ):
        try:
            for _ in range(600):
                if _answers(port):
                    break
                if process.poll() is not None:
                    raise RuntimeError(log.read_text())
                time.sleep(0.1)
            yield process.pid
        finally:
            process.terminate()
            process.wait(60)


def _answers(port: int) -> bool:
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5)
    except urllib.error.HTTPError:
        return True  # a list of versions is 300
    except OSError:
        return False
    return True
