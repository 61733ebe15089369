"""External commands: ``--command``, ``--pre-command``, ``--post-command``, ``--on-failure``.

There is no shell. A command is split into words as a shell would split them (quotes and backslashes count), and at
unquoted ``|`` into a pipeline, as the original did. Nothing else is special: no variables, redirections or patterns.
Messages name the program and never its arguments, which may hold passwords.
"""

from __future__ import annotations

import contextlib
import os
import re
import selectors
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import IO

from freezer.clock import Clock
from freezer.errors import CommandError, UsageError
from freezer.log import escaped

Pipeline = tuple[tuple[str, ...], ...]

KEPT = 64 * 1024  # bytes kept of each output stream: its end
GRACE = 5.0  # seconds between SIGTERM and SIGKILL
_LINGER = 0.5  # seconds that output is awaited once every program has ended
_POLL = 0.05
_CREDENTIALS = re.compile(
    r"OS_.*(PASSWORD|TOKEN|SECRET|PASSCODE)|(AWS_)?(ACCESS_KEY|SECRET_KEY)|AWS_.*(SECRET|TOKEN).*"
    r"|OS_DEFAULT__(SECRET_KEY|ENDPOINT|PROXY)"
)


@dataclass(frozen=True, slots=True)
class CommandResult:
    """How a command ended: the exit status of each program of its pipeline (negative: the number of the signal that
    killed it), the last :data:`KEPT` bytes of what the last one printed and of what all wrote to standard error, how
    many bytes each was in all, and the seconds it took.
    """

    programs: tuple[str, ...]
    statuses: tuple[int, ...]
    stdout: bytes
    stderr: bytes
    stdout_size: int
    stderr_size: int
    seconds: float

    @property
    def status(self) -> int:
        """The exit status of the last program, which decides, as in a shell, also that of a killed one: 128 + n."""
        last = self.statuses[-1]
        return last if last >= 0 else 128 - last

    @property
    def killed(self) -> tuple[str, str] | None:
        """The first program that a signal killed, and the signal's name."""
        for index, (program, status) in enumerate(zip(self.programs, self.statuses, strict=True)):
            name = _signal_name(-status)
            # a program whose reader has seen enough ends by SIGPIPE: that is how pipelines work
            if status < 0 and (name != "SIGPIPE" or index == len(self.programs) - 1):
                return program, name
        return None

    @property
    def output(self) -> str:
        """The kept part of standard output as text; bytes that are no UTF-8 are escaped."""
        return self.stdout.decode("utf-8", "backslashreplace")

    @property
    def errors(self) -> str:
        """The kept part of standard error, likewise."""
        return self.stderr.decode("utf-8", "backslashreplace")


def parse(command: str, *, option: str = "command") -> Pipeline:
    """The programs and arguments that ``command`` means; :class:`UsageError` naming ``option`` if it cannot be read."""
    try:
        pipeline = tuple(tuple(shlex.split(part)) for part in _parts(command))
    except ValueError as error:
        raise UsageError(f"{option}: cannot split the command: {str(error).lower()}") from error
    if not all(part and part[0] for part in pipeline):
        raise UsageError(f"{option}: a command is missing", hint="words and | only: this is no shell")
    return pipeline


def environment(inherited: Mapping[str, str]) -> dict[str, str]:
    """``inherited`` without the credentials that Freezer itself reads from there: they are no business of commands. A
    proxy is one if its address has a password."""
    return {name: value for name, value in inherited.items() if not _is_secret(name, value)}


def _is_secret(name: str, value: str) -> bool:
    return bool(_CREDENTIALS.fullmatch(name)) or ("@" in value and name.lower().endswith("_proxy"))


def run_pipeline(
    command: str,
    *,
    clock: Clock,
    option: str = "command",
    timeout: float | None = None,
    variables: Mapping[str, str] | None = None,
) -> CommandResult:
    """Run ``command`` to its end and return how it ended, whatever that was (:func:`failure`).

    :class:`UsageError` if it cannot be split into words, :class:`CommandError` if a program cannot be started or has
    not ended after ``timeout`` seconds. Every program is a session of its own with no input;
    when this function is left early, all of them and what they started are killed. ``variables`` come on top of
    :func:`environment`.
    """
    pipeline = parse(command, option=option)
    started = clock.monotonic()
    deadline = None if timeout is None else started + timeout
    stdout, stderr = _Tail(), _Tail()
    running: list[subprocess.Popen[bytes]] = []
    with contextlib.ExitStack() as stack:
        try:
            output, errors = _start(pipeline, option, environment(os.environ) | dict(variables or {}), stack, running)
            ended = _collect(running, {output: stdout, errors: stderr}, clock, deadline)
        except BaseException:
            _kill(running, clock)
            raise
        if not ended:
            _kill(running, clock)
            raise CommandError(f"{option}: {_shown(pipeline[-1][0])} did not end within {timeout:g} seconds")
    statuses = tuple(process.returncode for process in running)
    return CommandResult(
        programs=tuple(part[0] for part in pipeline),
        statuses=statuses,
        stdout=bytes(stdout.kept),
        stderr=bytes(stderr.kept),
        stdout_size=stdout.size,
        stderr_size=stderr.size,
        seconds=clock.monotonic() - started,
    )


def failure(result: CommandResult, *, option: str = "command") -> CommandError | None:
    """What went wrong, if anything did: a signal killed a program, or the exit status is not 0; then with the last line
    of standard error."""
    if result.killed is not None:
        program, name = result.killed
        return CommandError(f"{option}: {_shown(program)} was killed by {name}")
    if result.status:
        lines = result.errors.strip().splitlines()
        said = f": {escaped(lines[-1])}" if lines else ""
        return CommandError(f"{option}: {_shown(result.programs[-1])} ended with exit status {result.status}{said}")
    return None


def check(result: CommandResult, *, option: str = "command") -> None:
    """:class:`CommandError` if the command failed."""
    error = failure(result, option=option)
    if error is not None:
        raise error


class _Tail:
    """The end of a stream."""

    def __init__(self) -> None:
        self.kept = bytearray()
        self.size = 0

    def add(self, data: bytes) -> None:
        self.size += len(data)
        self.kept += data
        del self.kept[:-KEPT]


def _parts(command: str) -> Iterator[str]:
    """``command`` split at each ``|`` that is neither quoted nor escaped."""
    quote, start, position = "", 0, 0
    while position < len(command):
        character = command[position]
        if character == "\\" and quote != "'":
            position += 1
        elif quote:
            quote = "" if character == quote else quote
        elif character in "'\"":
            quote = character
        elif character == "|":
            yield command[start:position]
            start = position + 1
        position += 1
    yield command[start:]


def _start(
    pipeline: Pipeline,
    option: str,
    variables: Mapping[str, str],
    stack: contextlib.ExitStack,
    running: list[subprocess.Popen[bytes]],
) -> tuple[IO[bytes], IO[bytes]]:
    """Start every program, adding it to ``running``; returns what the last prints and what all write as errors."""
    errors, error_sink = (stack.enter_context(end) for end in _pipe())
    source: IO[bytes] | None = None
    for part in pipeline:
        try:
            # Signals end the main thread's work wherever it is; in another one what was started is always noted.
            with ThreadPoolExecutor(1) as pool:
                pool.submit(_launch, part, source or subprocess.DEVNULL, error_sink, variables, running).result()
        except (OSError, ValueError) as error:
            raise CommandError(_why_not_started(part, error, option)) from error
        process = running[-1]
        if source is not None:
            source.close()
        assert process.stdout is not None
        source = stack.enter_context(process.stdout)
    error_sink.close()
    assert source is not None
    return source, errors


def _pipe() -> tuple[IO[bytes], IO[bytes]]:
    """A pipe's end for reading and its end for writing."""
    read_end, write_end = os.pipe()
    return os.fdopen(read_end, "rb", buffering=0), os.fdopen(write_end, "wb", buffering=0)


def _why_not_started(part: Sequence[str], error: OSError | ValueError, option: str) -> str:
    program = _shown(part[0])
    if isinstance(error, FileNotFoundError):
        if os.path.exists(part[0]):
            return f"{option}: the interpreter of {program} is missing"
        return f"{option}: there is no program {program}"
    if isinstance(error, PermissionError):
        return f"{option}: {program} may not be executed"
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return f"{option}: {program} cannot be started: {reason}"


def _collect(
    running: Sequence[subprocess.Popen[bytes]],
    streams: Mapping[IO[bytes], _Tail],
    clock: Clock,
    deadline: float | None,
) -> bool:
    """Read until everything is said and done; False if that was not before ``deadline``.

    A daemon that a command leaves behind may hold the streams open for ever: once every program has ended, the rest of
    their output is awaited for a moment only.
    """
    linger_until: float | None = None
    with selectors.DefaultSelector() as selector:
        for stream in streams:
            selector.register(stream, selectors.EVENT_READ)
        while True:
            for key, _ in selector.select(_POLL) if selector.get_map() else ():
                stream = _registered(key, streams)
                data = stream.read(KEPT)
                if data:
                    streams[stream].add(data)
                else:
                    selector.unregister(stream)
            over = None not in [process.poll() for process in running]
            now = clock.monotonic()
            if over:
                linger_until = now + _LINGER if linger_until is None else linger_until
                if not selector.get_map() or now >= linger_until:
                    return True
            elif deadline is not None and now >= deadline:
                return False
            elif not selector.get_map():
                _wait_a_little(running[-1])


def _launch(
    words: Sequence[str],
    source: IO[bytes] | int,
    errors: IO[bytes],
    variables: Mapping[str, str],
    running: list[subprocess.Popen[bytes]],
) -> None:
    running.append(
        subprocess.Popen(
            words,
            stdin=source,
            stdout=subprocess.PIPE,
            stderr=errors,
            env=variables,
            bufsize=0,
            start_new_session=True,
        )
    )


def _registered(key: selectors.SelectorKey, streams: Mapping[IO[bytes], _Tail]) -> IO[bytes]:
    return next(stream for stream in streams if stream is key.fileobj)


def _wait_a_little(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_POLL)


def _kill(running: Sequence[subprocess.Popen[bytes]], clock: Clock) -> None:
    """End the programs and all they started: first politely, then by force."""
    for process in running:
        _signal(process, signal.SIGTERM)
    deadline = clock.monotonic() + GRACE
    for process in running:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(max(deadline - clock.monotonic(), 0))
    for process in running:
        # also those whose leader has ended: what it started may not have
        _signal(process, None)
        process.wait()


def _signal(process: subprocess.Popen[bytes], number: int | None) -> None:
    """Send a signal, None for the one that nobody survives, to the process group of ``process``."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if sys.platform == "win32":
            process.kill()
        else:
            os.killpg(process.pid, signal.SIGKILL if number is None else number)


def _signal_name(number: int) -> str:
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def _shown(program: str) -> str:
    return repr(escaped(program))
