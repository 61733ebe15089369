"""FTP servers on loopback, for the user who runs the test: vsftpd, in clear and with TLS, and pyftpdlib with TLS.

``python tests/servers/ftpd.py "vsftpd with TLS"`` runs one until Ctrl-C and says how to use it.

Where vsftpd is missing a test is skipped, in CI it fails. A server ends with the process that started it, however that
ends.
"""

from __future__ import annotations

import functools
import os
import pwd
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from freezer.secret import Secret
from freezer.storage.ftp import Server, Tls
from servers.environment import environment
from servers.processes import HOST, free_ports
from servers.tls import make_certificates

HERE = Path(__file__).parent
KINDS = ("vsftpd", "vsftpd with TLS", "pyftpdlib with TLS")
PASSWORD = "canary-of-ftp"
STARTING_SECONDS = 20.0
_WATCH = 'folder=$1; shift; "$@" & echo $!; read -r _; kill $!; wait; [ -z "$folder" ] || rm -rf "$folder"'
_SETTINGS = """
listen=YES
listen_address={host}
listen_port={port}
background=NO
run_as_launching_user=YES
seccomp_sandbox=NO
xferlog_enable=NO
ftp_username={user}
local_enable=NO
anonymous_enable=YES
secure_email_list_enable=YES
email_password_file={folder}/passwords
anon_root=/
anon_umask=077
anon_world_readable_only=NO
write_enable=YES
anon_upload_enable=YES
anon_mkdir_write_enable=YES
anon_other_write_enable=YES
delay_failed_login=0
"""
_TLS = """
ssl_enable=YES
allow_anon_ssl=YES
force_anon_logins_ssl=YES
force_anon_data_ssl=YES
require_ssl_reuse=YES
ssl_ciphers=HIGH
rsa_cert_file={folder}/server.pem
rsa_private_key_file={folder}/server.pem
"""


@dataclass(frozen=True)
class Ftpd:
    """A running server with its own files in ``folder``; it shows all of this machine's. ``watch`` ends it with us."""

    watch: subprocess.Popen[bytes]
    pid: int
    folder: Path
    port: int
    tls: bool
    user: str

    @property
    def authority(self) -> Path:
        """What vouches for its certificate."""
        return self.folder / "authority.pem"

    def server(self, **changed: Any) -> Server:
        """How to log in, but for what is ``changed``."""
        tls = Tls(trust=str(self.authority)) if self.tls else None
        login = {
            "host": HOST,
            "port": self.port,
            "username": self.user,
            "password": Secret.from_text(PASSWORD),
            "tls": tls,
        }
        return Server(**(login | changed))

    def words(self) -> tuple[str, ...]:
        """The agent's options that lead here; the password is in :meth:`environment`."""
        place = ("--storage", "ftps", "--ftp-authority", str(self.authority)) if self.tls else ("--storage", "ftp")
        return (*place, "--ftp-host", HOST, "--ftp-port", str(self.port), "--ftp-username", self.user)

    def environment(self) -> dict[str, str]:
        return os.environ | {"OS_DEFAULT__FTP_PASSWORD": PASSWORD}

    def drop_connections(self) -> None:
        """End every connection, as a broken line would; the server itself stays. For vsftpd only."""
        for child in _children(self.pid):
            for each in (*_children(child), child):
                with _gone():
                    os.kill(each, signal.SIGKILL)

    def stop(self) -> None:
        self.watch.communicate()


@functools.cache
def shared_ftpd(kind: str) -> Ftpd:
    """One server of this kind for all tests of this process, which ends, and is cleared away, with the process."""
    return _start(kind, Path(tempfile.mkdtemp(prefix="freezer-ftpd-")), (), clear=True)


@contextmanager
def running_ftpd(kind: str, folder: Path, *lines: str) -> Iterator[Ftpd]:
    """A server with its files in ``folder`` and, if it is a vsftpd, ``lines`` after its ordinary configuration."""
    server = _start(kind, folder, lines, clear=False)
    try:
        yield server
    finally:
        server.drop_connections()
        server.stop()


def _start(kind: str, folder: Path, lines: Sequence[str], *, clear: bool) -> Ftpd:
    folder.mkdir(parents=True, exist_ok=True)
    tls = kind.endswith("with TLS")
    user = "anonymous" if kind.startswith("vsftpd") else "backup"  # vsftpd has no others without files in /etc
    make_certificates(folder)
    (folder / "passwords").write_text(f"{PASSWORD}\n")
    for port in free_ports(20):
        if kind.startswith("vsftpd"):
            command = _vsftpd(folder, port, tls, lines)
        else:
            python, program = environment(HERE / "requirements-ftp.txt") / "python", HERE / "plugins" / "tls_ftpd.py"
            command = [str(python), str(program), str(port), str(folder / "server.pem"), user, PASSWORD]
        with (folder / "log").open("ab") as log:
            watch = subprocess.Popen(
                ["sh", "-c", _WATCH, "watch", folder if clear else "", *command],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert watch.stdout is not None
        server = Ftpd(watch, int(watch.stdout.readline()), folder, port, tls, user)
        if _answers(server):
            return server
        server.stop()
    pytest.fail(f"{kind} does not start: {(folder / 'log').read_text()[-500:]}")


def _vsftpd(folder: Path, port: int, tls: bool, lines: Sequence[str]) -> list[str]:
    program = shutil.which("vsftpd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        reason = "vsftpd is not installed (Debian: vsftpd)"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    values = {"host": HOST, "port": port, "folder": folder, "user": pwd.getpwuid(os.getuid()).pw_name}
    config = folder / "vsftpd.conf"
    config.write_text((_SETTINGS + (_TLS if tls else "")).format(**values) + "\n".join(lines) + "\n")
    config.chmod(0o600)
    return [program, str(config)]


def _answers(server: Ftpd) -> bool:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline and os.path.exists(f"/proc/{server.pid}/exe"):
        try:
            with socket.create_connection((HOST, server.port), 1.0) as connection:
                return connection.recv(3) == b"220"
        except OSError:
            time.sleep(0.02)
    return False


def _children(pid: int) -> list[int]:
    path = Path(f"/proc/{pid}/task/{pid}/children")
    with _gone():
        return [int(child) for child in path.read_text().split()]
    return []


@contextmanager
def _gone() -> Iterator[None]:
    """What is about a process that may have ended by itself."""
    with suppress(ProcessLookupError, FileNotFoundError):
        yield


def main(words: list[str]) -> None:
    kind = " ".join(words) or KINDS[0]
    if kind not in KINDS:
        raise SystemExit(f"usage: ftpd.py KIND, which is one of: {', '.join(KINDS)}")
    with tempfile.TemporaryDirectory() as place, running_ftpd(kind, Path(place)) as server:
        print(f"export OS_DEFAULT__FTP_PASSWORD={PASSWORD}")
        print(shlex.join(("freezer-agent", "list", *server.words(), "-C", f"{place}/backups")))
        print("# Ctrl-C ends it", flush=True)
        with suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main(sys.argv[1:])
