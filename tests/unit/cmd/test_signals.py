from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from freezer.cmd.signals import Cancelled, cancellable

PROLOGUE = """
import contextlib, io, logging, os, queue, signal, subprocess, sys, tempfile, threading, time
from freezer.cmd.exit import run
from freezer.cmd.output import Form, Output
from freezer.cmd.signals import Cancelled, cancellable

folder = sys.argv[1]

@contextlib.contextmanager
def temporary():
    path = os.path.join(folder, "temporary")
    open(path, "w").close()
    try:
        yield
    finally:
        {cleanup}
        os.unlink(path)

def ready():
    open(os.path.join(folder, "ready"), "w").close()

def main():
    with temporary():
        {work}
    return 0

{before}
sys.exit(run(main, Output(Form.{form}), logging.getLogger("freezer")))
"""


def start(
    folder: Path, work: str, *, form: str = "HUMAN", cleanup: str = "pass", before: str = ""
) -> subprocess.Popen[bytes]:
    script = PROLOGUE.format(work=work.replace("\n", "\n        "), form=form, cleanup=cleanup, before=before)
    child = subprocess.Popen(
        [sys.executable, "-c", script, str(folder)], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    deadline = time.monotonic() + 60
    while not (folder / "ready").exists():
        assert child.poll() is None, child.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    return child


WITHOUT_OUTPUT = "stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL"
BLOCKING = {
    "sleeping": "ready(); time.sleep(30)",
    "computing": "ready()\nwhile True: pass",
    "waiting for a lock": "lock = threading.Lock(); lock.acquire(); ready(); lock.acquire()",
    "waiting for a queue": "ready(); queue.Queue().get()",
    "waiting for a thread": "t = threading.Timer(30, print); t.daemon = True; t.start(); ready(); t.join()",
    "waiting for a child": f"p = subprocess.Popen(['sleep', '30'], {WITHOUT_OUTPUT}); ready(); p.wait()",
    "reading a pipe": "r, w = os.pipe(); ready(); os.read(r, 1)",
    "handling errors": "ready()\nwhile True:\n    try:\n        raise ValueError\n    except Exception:\n        pass",
}


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_cleans_up_and_then_kills_by_itself(tmp_path: Path, number: signal.Signals) -> None:
    child = start(tmp_path, "ready(); time.sleep(30)")
    child.send_signal(number)
    stdout, stderr = child.communicate(timeout=60)
    assert child.returncode == -number
    assert not (tmp_path / "temporary").exists()
    assert stdout == b""
    assert stderr.decode() == f"freezer-agent: error: stopped by {number.name}\n"


@pytest.mark.parametrize("work", BLOCKING.values(), ids=BLOCKING.keys())
def test_whatever_the_program_is_doing(tmp_path: Path, work: str) -> None:
    child = start(tmp_path, work)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGTERM
    assert not (tmp_path / "temporary").exists()


def test_a_signal_that_falls_into_a_finalizer_is_not_lost(tmp_path: Path) -> None:
    work = """class Slow:
    def __del__(self):
        ready()
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            pass
slow = Slow()
del slow
time.sleep(30)"""
    child = start(tmp_path, work)
    child.send_signal(signal.SIGTERM)
    _, stderr = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGTERM
    assert not (tmp_path / "temporary").exists()
    assert b"Exception ignored" not in stderr


def test_a_context_that_was_entered_but_not_yet_held_by_its_with_is_left_too(tmp_path: Path) -> None:
    work = """@contextlib.contextmanager
def other():
    path = os.path.join(folder, "entered")
    open(path, "w").close()
    try:
        yield
    finally:
        os.unlink(path)
manager = other()
manager.__enter__()
ready()
time.sleep(30)"""
    child = start(tmp_path, work)
    child.send_signal(signal.SIGTERM)
    child.communicate(timeout=60)
    assert child.returncode == -signal.SIGTERM
    assert not (tmp_path / "entered").exists()


def test_a_second_signal_kills_at_once_even_while_cleaning_up(tmp_path: Path) -> None:
    cleanup = "open(os.path.join(folder, 'cleaning'), 'w').close(); time.sleep(30)"
    child = start(tmp_path, "ready(); time.sleep(30)", cleanup=cleanup)
    child.send_signal(signal.SIGTERM)
    while not (tmp_path / "cleaning").exists():
        time.sleep(0.005)
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    child.communicate(timeout=60)
    assert time.monotonic() - begun < 5
    assert child.returncode == -signal.SIGINT
    assert (tmp_path / "temporary").exists()


def test_a_signal_that_was_ignored_stays_ignored(tmp_path: Path) -> None:
    child = start(
        tmp_path,
        "ready()\nwhile not os.path.exists(folder + '/go'): time.sleep(0.01)",
        before="signal.signal(signal.SIGHUP, signal.SIG_IGN)",
    )
    child.send_signal(signal.SIGHUP)
    (tmp_path / "go").touch()
    assert child.communicate(timeout=60) == (b"", b"")
    assert child.returncode == 0


def test_in_json_form_the_end_is_the_document(tmp_path: Path) -> None:
    child = start(tmp_path, "ready(); time.sleep(30)", form="JSON")
    child.send_signal(signal.SIGTERM)
    stdout, _ = child.communicate(timeout=60)
    assert child.returncode == -signal.SIGTERM
    assert stdout.startswith(b'{"error":{"message":"stopped by SIGTERM"')


def test_in_metadata_form_stdout_stays_empty(tmp_path: Path) -> None:
    child = start(tmp_path, "ready(); time.sleep(30)", form="METADATA")
    child.send_signal(signal.SIGTERM)
    stdout, stderr = child.communicate(timeout=60)
    assert (child.returncode, stdout) == (-signal.SIGTERM, b"")
    assert stderr == b"freezer-agent: error: stopped by SIGTERM\n"


def test_handlers_are_put_back() -> None:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    hook = sys.unraisablehook
    with cancellable():
        assert signal.getsignal(signal.SIGTERM) is not before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in before} == before
    assert sys.unraisablehook is hook


def test_the_exception_passes_ordinary_handlers_and_names_its_signal() -> None:
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(Cancelled, match=r"^stopped by SIGTERM$") as caught, cancellable(), suppress(Exception):
            signal.raise_signal(signal.SIGTERM)
        assert caught.value.number == signal.SIGTERM
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        signal.signal(signal.SIGTERM, before)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
