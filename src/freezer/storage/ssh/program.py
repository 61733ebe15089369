"""The system's ``ssh`` as a child process."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from freezer.errors import PermanentError, UsageError
from freezer.secret import Secret

_ASKPASS = os.path.join(os.path.dirname(__file__), "askpass.sh")
_PIPE_SIZE = 1 << 20  # bytes: what an unprivileged process may ask for
_SIGNS = 4  # of life that may stay away before a line is dead
# The connection is for us alone, as with sftp(1).
_ALWAYS = ("ForwardAgent=no", "ForwardX11=no", "ClearAllForwardings=yes", "PermitLocalCommand=no", "RemoteCommand=none")
_BY_PASSWORD = (
    *("BatchMode=no", "PubkeyAuthentication=no", "NumberOfPasswordPrompts=1"),
    "PreferredAuthentications=password,keyboard-interactive",
)


@dataclass(frozen=True, slots=True)
class Server:
    """Where to and as whom. What is None is ``ssh``'s own business: ``ssh_config``, agent and defaults.

    ``host`` may be an alias of ``ssh_config``. A ``password`` wins over keys. ``accept_new_host_key``: believe a server
    that was never seen before (one whose key has changed is refused in any case). ``known_hosts``: the file of those
    that were, which grows by that. ``timeout``: seconds after which a line on which nothing moves is dead.
    """

    host: str
    port: int | None = None
    username: str | None = None
    key: str | None = None
    password: Secret | None = None
    accept_new_host_key: bool = False
    known_hosts: str | None = None
    timeout: float = 60.0

    def __post_init__(self) -> None:
        for what, value in (("host", self.host), ("username", self.username)):
            if value is not None and (not value or value.startswith("-") or not value.isprintable()):
                raise UsageError(f"{value!r} is no {what} of an SSH server")
        if self.password is not None and sys.platform != "linux":
            raise UsageError(
                "--ssh-password works on Linux only", hint="use a key, and an agent if it has a passphrase"
            )

    @property
    def address(self) -> str:
        """``USER@HOST`` as messages show it, without what is not set."""
        return f"{self.username}@{self.host}" if self.username else self.host

    def command(self, *options: str) -> list[str]:
        """The words that connect, up to and including the host, with ``-o`` each of ``options`` first."""
        words = ["ssh", "-x", "-T"]
        login = _BY_PASSWORD if self.password is not None else ("BatchMode=yes",)
        host_key = ("StrictHostKeyChecking=accept-new",) if self.accept_new_host_key else ()
        known = () if self.known_hosts is None else (f"UserKnownHostsFile={_quoted(self.known_hosts)}",)
        interval = max(1, round(self.timeout / _SIGNS))
        life = (
            f"ConnectTimeout={2 * interval}",
            f"ServerAliveInterval={interval}",
            f"ServerAliveCountMax={_SIGNS}",
        )
        for option in (*options, *_ALWAYS, *life, *login, *host_key, *known):
            words += ["-o", option]
        if self.port is not None:
            words += ["-p", str(self.port)]
        if self.username is not None:
            words += ["-l", self.username]
        if self.key is not None and self.password is None:
            words += ["-o", "IdentitiesOnly=yes", "-i", self.key]
        return [*words, "--", self.host]


def _quoted(path: str) -> str:
    """One path where ``ssh_config`` would take several words, and words with ``%``."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{escaped}"'


@dataclass(frozen=True, slots=True)
class Program:
    """A running ``ssh``. ``complaints`` is the file that its standard error goes to, ``answer`` one with the password
    that it may ask for."""

    process: subprocess.Popen[bytes]
    stdin: IO[bytes]
    stdout: IO[bytes]
    complaints: IO[bytes]
    answer: IO[bytes] | None

    def forget_password(self) -> None:
        """Nobody will ask (any more)."""
        if self.answer is not None:
            self.answer.close()

    def end(self, patience: float) -> tuple[int, str]:
        """End it, by force after ``patience`` seconds; its exit status and what it wrote to standard error."""
        try:
            self.process.wait(patience)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.forget_password()
        with self.complaints:
            self.complaints.seek(0)
            return self.process.returncode, self.complaints.read().decode("utf-8", "replace")


def start(server: Server, environment: Mapping[str, str]) -> Program:
    """Begin the SFTP subsystem of ``server``."""
    return _start(server, [*server.command(), "sftp"], ["-s"], environment)


def ask_fingerprint(server: Server, environment: Mapping[str, str]) -> str:
    """What ``ssh`` tells about the host key of ``server`` while it refuses it."""
    words = server.command("StrictHostKeyChecking=yes", "BatchMode=yes", "LogLevel=DEBUG1")
    program = _start(server, [*words, "true"], [], environment)
    program.stdin.close()
    _, said = program.end(60.0)
    program.stdout.close()
    return said


def _start(server: Server, words: Sequence[str], flags: Sequence[str], environment: Mapping[str, str]) -> Program:
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 (lives as long as the program)
    answer, variables = _answer(server.password)
    try:
        process = subprocess.Popen(
            [words[0], *flags, *words[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=complaints,
            env={**environment, **variables, "LC_ALL": "C"},
            start_new_session=True,  # Ctrl-C is for us, who still have to clean up through this connection
        )
    except OSError as error:
        complaints.close()
        if answer is not None:
            answer.close()
        if isinstance(error, FileNotFoundError):
            raise PermanentError("the program ssh is not installed", hint="install OpenSSH's client") from None
        raise PermanentError(f"ssh cannot be started: {error.strerror}") from error
    assert process.stdin is not None
    assert process.stdout is not None
    _widen(process.stdin)
    _widen(process.stdout)
    return Program(process, process.stdin, process.stdout, complaints, answer)


def _answer(password: Secret | None) -> tuple[IO[bytes] | None, Mapping[str, str]]:
    """A file in memory that holds ``password``, and the variables by which ``ssh``'s helper finds it: its path means
    nothing to anybody but processes of the same user, and nothing at all once it is closed."""
    if password is None or sys.platform != "linux":
        return None, {}
    file = open(os.memfd_create("answer"), "wb", buffering=0)  # noqa: SIM115
    file.write(password.reveal() + b"\n")
    path = f"/proc/{os.getpid()}/fd/{file.fileno()}"
    return file, {"SSH_ASKPASS": _ASKPASS, "SSH_ASKPASS_REQUIRE": "force", "FREEZER_SSH_ANSWER": path}


def _widen(pipe: IO[bytes]) -> None:
    """Let more fit into ``pipe``, so that fewer switches between the processes are needed."""
    if sys.platform == "linux":
        import fcntl

        with suppress(OSError):  # a limit of this system; the pipe works as it is
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_SIZE)
