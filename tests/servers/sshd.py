"""OpenSSH's server: on loopback, with its own keys and configuration, for the user who runs the test.

``python tests/servers/sshd.py`` runs one until Ctrl-C and says how to use it.

Where sshd is missing a test is skipped, in CI it fails. A server ends with the process that started it, however that
ends.
"""

from __future__ import annotations

import contextlib
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
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

from freezer.storage.ssh import Server
from servers.processes import HOST, free_ports

STARTING_SECONDS = 10.0
_WATCH = 'folder=$1; shift; "$@" & echo $!; read -r _; kill $!; wait; [ -z "$folder" ] || rm -rf "$folder"'


@dataclass(frozen=True)
class Sshd:
    """A running server. ``known_hosts`` knows its host key; ``key`` may log in. ``watch`` ends it with us."""

    watch: subprocess.Popen[bytes]
    pid: int
    folder: Path
    port: int
    user: str

    @property
    def key(self) -> Path:
        return self.folder / "id"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    def environment(self) -> dict[str, str]:
        """The variables in which ``ssh`` reads this server's files instead of the user's own."""
        return os.environ | {"PATH": f"{self.folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}

    def server(self, **changed: Any) -> Server:
        """How to log in, but for what is ``changed``."""
        words = {"host": HOST, "port": self.port, "username": self.user, "key": str(self.key)}
        return Server(**(words | changed))

    def words(self) -> tuple[str, ...]:
        """The agent's options that lead here."""
        login = ("--ssh-username", self.user, "--ssh-key", str(self.key))
        return ("--storage", "ssh", "--ssh-host", HOST, "--ssh-port", str(self.port), *login)

    def drop_connections(self) -> None:
        """End every connection, as a broken line would; the server itself stays."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        for child in children.read_text().split() if children.exists() else ():
            with contextlib.suppress(ProcessLookupError):  # it ended by itself meanwhile
                os.kill(int(child), signal.SIGKILL)

    def stop(self) -> None:
        self.watch.communicate()


@functools.cache
def shared_sshd() -> Sshd:
    """One server for all tests of this process, which ends, and is cleared away, with the process."""
    return _start(Path(tempfile.mkdtemp(prefix="freezer-sshd-")), (), (), clear=True)


@contextmanager
def running_sshd(folder: Path, *lines: str, wrapper: tuple[str, ...] = ()) -> Iterator[Sshd]:
    """A server with its files in ``folder`` and ``lines`` before its ordinary configuration.

    ``wrapper`` is a command in which it runs (``unshare`` …).
    """
    server = _start(folder, lines, wrapper, clear=False)
    try:
        yield server
    finally:
        server.drop_connections()
        server.stop()


def _start(folder: Path, lines: tuple[str, ...], wrapper: tuple[str, ...], *, clear: bool) -> Sshd:
    program = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or shutil.which("ssh-keygen") is None:
        reason = "sshd is not installed (Debian: openssh-server)"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
    if os.getuid() == 0:
        os.makedirs("/run/sshd", 0o755, exist_ok=True)  # where sshd locks itself in before login; made by its service
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("host", "id"):
        if not (folder / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    shutil.copy(folder / "id.pub", folder / "authorized_keys")
    for port in free_ports(20):
        config = _configure(folder, port, lines)
        with (folder / "log").open("ab") as log:
            watch = subprocess.Popen(
                ["sh", "-c", _WATCH, "watch", folder if clear else "", *wrapper, program, "-D", "-e", "-f", config],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, start_new_session=True,
            )  # fmt: skip
        assert watch.stdout is not None
        server = Sshd(watch, int(watch.stdout.readline()), folder, port, pwd.getpwuid(os.getuid()).pw_name)
        if _answers(server):
            break
        server.stop()
    else:
        pytest.fail(f"sshd does not start: {(folder / 'log').read_text()[-500:]}")
    host_key = " ".join((folder / "host.pub").read_text().split()[:2])
    (folder / "known_hosts").write_text(f"[{HOST}]:{server.port} {host_key}\n")
    _wrap_ssh(folder)
    return server


def _configure(folder: Path, port: int, lines: tuple[str, ...]) -> Path:
    config = folder / "sshd_config"
    ordinary = [
        f"Port {port}", f"ListenAddress {HOST}", f"HostKey {folder / 'host'}", "PidFile none", "UsePAM no",
        f"AuthorizedKeysFile {folder / 'authorized_keys'}", "StrictModes no", "MaxStartups 200", "LogLevel ERROR",
        "PermitRootLogin yes", "PasswordAuthentication no",
    ]  # fmt: skip
    if not any(line.startswith("Subsystem") for line in lines):
        ordinary.append("Subsystem sftp internal-sftp")
    config.write_text("\n".join([*lines, *ordinary]) + "\n")
    return config


def _wrap_ssh(folder: Path) -> None:
    """An ``ssh`` whose user files are this server's: it takes its home from the password file, not from HOME."""
    config, wrapper = folder / "ssh_config", folder / "bin" / "ssh"
    if not config.exists():
        config.write_text(f"UserKnownHostsFile {folder / 'known_hosts'}\nGlobalKnownHostsFile /dev/null\n")
    wrapper.parent.mkdir(exist_ok=True)
    wrapper.write_text(f'#!/bin/sh\nexec {shutil.which("ssh", path=os.defpath)} -F {config} "$@"\n')
    wrapper.chmod(0o755)


def _answers(server: Sshd) -> bool:
    deadline = time.monotonic() + STARTING_SECONDS
    while time.monotonic() < deadline and os.path.exists(f"/proc/{server.pid}/exe"):
        try:
            with socket.create_connection((HOST, server.port), 1.0) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            time.sleep(0.02)
    return False


def main() -> None:
    with tempfile.TemporaryDirectory() as place, running_sshd(Path(place)) as server:
        print(
            f"export PATH={shlex.quote(server.environment()['PATH'])}   # with an ssh that knows this server's host key"
        )
        print(shlex.join(("freezer-agent", "list", *server.words(), "-C", f"{place}/backups")))
        print("# Ctrl-C ends it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            signal.pause()


if __name__ == "__main__":
    main()
