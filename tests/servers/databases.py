"""PostgreSQL and MariaDB, from the packages of the system, each in a folder that is thrown away.

Neither wants to be root, so root runs them as the users of their packages. ``python databases.py serve FOLDER`` (as
``postgresql.py`` or ``mariadb.py``) is the server that all tests of a run share: it forgets everything if the machine
stops, which makes it quick.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from servers import shared
from servers.environment import UnavailableError, run
from servers.processes import HOST, free_ports

_USER = "freezer"
_START = 120.0
_POSTGRESQL = Path("/usr/lib/postgresql")


class DatabaseServer:
    """One server with its files in ``folder``. ``durable``: what is committed survives the end of the machine."""

    owner = ""
    scheme = ""

    def __init__(self, folder: Path, *, durable: bool) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.port = free_ports(1)[0]
        self.durable = durable
        self._running: subprocess.Popen[bytes] | None = None

    def make(self) -> None:
        """The files of a new server, and its first start."""
        self.folder.mkdir(parents=True, exist_ok=True)
        self.folder.chmod(0o755)
        self.data.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            shutil.chown(self.folder, self.owner, self.owner)
            shutil.chown(self.data, self.owner, self.owner)
        self._initialise()
        self.start()
        self._let_in()

    def start(self) -> None:
        """Run it, and return when it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._running = subprocess.Popen(
                self._as_owner(self._command()), stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder,
                start_new_session=True,
            )  # fmt: skip
        deadline = time.monotonic() + _START
        while not self._answers():
            if self._running.poll() is not None or time.monotonic() > deadline:
                said = (self.folder / "server.log").read_text(errors="replace")[-3000:]
                raise UnavailableError(f"{self.scheme} did not start: {said}")
            time.sleep(0.05)

    def kill(self) -> None:
        """End all its processes at once, as a power cut would."""
        assert self._running is not None
        victims = [self._running.pid, *_children(self._running.pid)]
        for victim in victims:
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
        self._running.wait()
        while any(_alive(victim) for victim in victims):
            time.sleep(0.01)

    def revive(self) -> None:
        """Start it again if it has ended by itself."""
        assert self._running is not None
        if not self._answers():
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._running.wait(2)
            if self._running.poll() is not None:
                self.start()

    def stop(self) -> None:
        """Let it end by itself."""
        if self._running is not None and self._running.poll() is None:
            self._running.send_signal(self._ending())
            try:
                self._running.wait(30)
            except subprocess.TimeoutExpired:
                self.kill()

    def new_database(self) -> str:
        """The URL of a database with nothing in it."""
        name = f"test_{uuid.uuid4().hex}"
        self.order(f"CREATE DATABASE {name}")
        return self.url(name)

    def url(self, name: str) -> str:
        return f"{self.scheme}://{_USER}@{HOST}:{self.port}/{name}"

    def order(self, *statements: str) -> None:
        """Let an administrator do something."""
        with self._administrator() as connection, connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

    def ask(self, statement: str) -> Sequence[Sequence[Any]]:
        """What an administrator is answered."""
        with self._administrator() as connection, connection.cursor() as cursor:
            cursor.execute(statement)
            found: Sequence[Sequence[Any]] = cursor.fetchall()
            return found

    def cut(self) -> int:
        """End every connection that a program has; how many there were."""
        raise NotImplementedError

    def read_only(self, *, on: bool) -> None:
        """Refuse to write, or take it again."""
        raise NotImplementedError

    def _as_owner(self, command: Sequence[object]) -> list[str]:
        words = [str(word) for word in command]
        if os.geteuid() != 0:
            return words
        return ["setpriv", f"--reuid={self.owner}", f"--regid={self.owner}", "--clear-groups", *words]

    def _answers(self) -> bool:
        try:
            self.ask("SELECT 1")
        except Exception:
            return False
        return True

    def _initialise(self) -> None:
        raise NotImplementedError

    def _let_in(self) -> None:
        raise NotImplementedError

    def _command(self) -> Sequence[object]:
        raise NotImplementedError

    def _ending(self) -> int:
        return signal.SIGTERM

    def _administrator(self) -> contextlib.AbstractContextManager[Any]:
        raise NotImplementedError


class PostgreSQL(DatabaseServer):
    owner = "postgres"
    scheme = "postgresql"

    def _initialise(self) -> None:
        options = ["--auth=trust", "--username=admin", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
        run(self._as_owner([_postgresql("initdb"), "-D", self.data, *options]))

    def _let_in(self) -> None:
        self.order(f"CREATE ROLE {_USER} LOGIN CREATEDB")

    def new_database(self) -> str:
        name = f"test_{uuid.uuid4().hex}"
        self.order(f"CREATE DATABASE {name} OWNER {_USER}")
        return self.url(name)

    def _command(self) -> Sequence[object]:
        quick = [] if self.durable else ["fsync=off", "full_page_writes=off", "synchronous_commit=off"]
        settings = [f"port={self.port}", f"listen_addresses={HOST}", "unix_socket_directories=", *quick,
                    "max_connections=400", "shared_buffers=64MB", "max_wal_size=64MB", "min_wal_size=32MB",
                    "wal_keep_size=0", "deadlock_timeout=50ms", "dynamic_shared_memory_type=mmap"]  # fmt: skip
        return [_postgresql("postgres"), "-D", self.data, *(word for each in settings for word in ("-c", each))]

    def _ending(self) -> int:
        return signal.SIGINT  # at once, whoever is connected

    @contextmanager
    def _administrator(self) -> Iterator[Any]:
        import psycopg

        address = f"host={HOST} port={self.port} user=admin dbname=postgres connect_timeout=5"
        with psycopg.connect(address, autocommit=True) as connection:
            yield connection

    def cut(self) -> int:
        ended = self.ask(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{_USER}'")
        return len(ended)

    def read_only(self, *, on: bool) -> None:
        self.order(f"ALTER SYSTEM SET default_transaction_read_only = {'on' if on else 'off'}",
                   "SELECT pg_reload_conf()")  # fmt: skip


class MariaDB(DatabaseServer):
    owner = "mysql"
    scheme = "mysql"

    def _initialise(self) -> None:
        if not shutil.which("mariadb-install-db") or not shutil.which("mariadbd", path=_search_path()):
            raise UnavailableError("MariaDB is not installed (Debian: mariadb-server)")
        user = [f"--user={self.owner}"] if os.geteuid() == 0 else []
        options = ["--auth-root-authentication-method=normal", "--skip-test-db", "--skip-name-resolve", *user]
        run(["mariadb-install-db", "--no-defaults", f"--datadir={self.data}", *options, *self._sizes()])

    def _let_in(self) -> None:
        who = f"'{_USER}'@'{HOST}'"
        self.order(f"CREATE USER {who}", f"GRANT ALL ON `test\\_%`.* TO {who}")

    def _sizes(self) -> list[str]:
        return ["--innodb-log-file-size=16M", "--innodb-buffer-pool-size=64M"]

    def _command(self) -> Sequence[object]:
        quick = [] if self.durable else ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0"]
        settings = [f"--datadir={self.data}", f"--port={self.port}", f"--bind-address={HOST}", "--skip-log-bin",
                    f"--socket={self._socket}", f"--pid-file={self.folder}/server.pid", "--skip-name-resolve",
                    "--max-connections=400", "--performance-schema=OFF", *self._sizes(), *quick]  # fmt: skip
        return [shutil.which("mariadbd", path=_search_path()) or "mariadbd", "--no-defaults", *settings]

    def _answers(self) -> bool:
        # PyMySQL does not close what it cannot connect.
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                probe.connect(self._socket)
            except OSError:
                return False
        return super()._answers()

    @property
    def _socket(self) -> str:
        return str(self.folder / "s")

    @contextmanager
    def _administrator(self) -> Iterator[Any]:
        import pymysql

        connection = pymysql.connect(unix_socket=self._socket, user="root", autocommit=True, connect_timeout=5)
        try:
            yield connection
        finally:
            connection.close()

    def cut(self) -> int:
        found = self.ask(f"SELECT id FROM information_schema.processlist WHERE user = '{_USER}'")
        for (id,) in found:
            with contextlib.suppress(Exception):  # it has ended by itself
                self.order(f"KILL CONNECTION {id}")
        return len(found)

    def read_only(self, *, on: bool) -> None:
        self.order(f"SET GLOBAL read_only = {int(on)}")


SERVERS = {"postgresql": PostgreSQL, "mariadb": MariaDB}


def serve(kind: str, place: Path) -> None:
    """In the process of the server that tests share."""

    def start(folder: Path, ending: ExitStack) -> dict[str, Any]:
        server = SERVERS[kind](folder, durable=False)
        ending.callback(server.stop)
        server.make()
        return {"port": server.port, "folder": str(server.folder)}

    shared.host(place, start)


def running(kind: str, about: dict[str, Any]) -> DatabaseServer:
    """The server that tests share, as ``about`` describes it."""
    server = SERVERS[kind](Path(about["folder"]), durable=False)
    server.port = about["port"]
    return server


def _postgresql(program: str) -> Path:
    found = sorted(_POSTGRESQL.glob(f"*/bin/{program}"), key=lambda path: float(path.parts[-3]))
    if not found:
        raise UnavailableError("PostgreSQL is not installed (Debian: postgresql)")
    return found[-1]


def _search_path() -> str:
    return os.environ.get("PATH", "") + ":/usr/sbin"


def _children(parent: int) -> list[int]:
    try:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except FileNotFoundError:
        return []
    return [int(word) for word in text.split()]


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
