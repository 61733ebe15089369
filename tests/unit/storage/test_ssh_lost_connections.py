"""A connection that ends between any two steps: what goes on, what is taken back, and what is never believed."""

from __future__ import annotations

import subprocess
import tempfile
import time
from collections.abc import Callable
from queue import SimpleQueue

import pytest
from small_sftp import Fault, SmallSftp

from freezer.clock import SystemClock
from freezer.errors import PermanentError, StorageError, TransientError
from freezer.secret import Secret
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.ssh import Server, SshStorage, session
from freezer.storage.ssh.channel import Channel
from freezer.storage.ssh.program import Program
from freezer.storage.ssh.wire import Type

PIECE = 32 * 1024  # of data, in one packet for a server that tells no limits
LARGE = bytes(range(256)) * (4 * PIECE // 256)


@pytest.fixture
def sftp(tmp_path):
    server = SmallSftp(tmp_path / "server")
    yield server
    server.close()


@pytest.fixture
def stall(sftp, tmp_path, monkeypatch):
    """A function after which the server does nothing with the next bytes, until the function that it returns says what
    it ``then`` does: so they are on their way for as long as the test wants them to be."""
    monkeypatch.setattr("freezer.storage.ssh.upload._WIDE", PIECE)
    go = tmp_path / "go"

    def begin(then: str) -> Callable[[], None]:
        waiting = f"import time\nwhile not os.path.exists({str(go)!r}): time.sleep(0.01)"
        sftp.faults(Fault("write", then=then, meanwhile=waiting))
        return go.touch

    return begin


def test_a_commit_whose_answer_was_lost_is_found_to_have_had_its_effect(sftp):
    storage = RetryingStorage(sftp.storage(), SystemClock(), RetryPolicy(first_delay=0.01))
    upload = storage.open_write("data/object")
    upload.write(0, b"whole")
    sftp.faults(Fault("posix-rename", then="lose"))
    upload.commit()
    assert storage.get("data/object") == b"whole"
    assert sftp.left() == ["data", "data/object"]


def test_a_commit_that_was_lost_is_not_believed_if_something_else_is_in_place(sftp):
    upload = sftp.storage().open_write("object")
    upload.write(0, b"whole")
    sftp.faults(Fault("posix-rename", then="lose"))
    with pytest.raises(TransientError):
        upload.commit()
    (sftp.container / "object").write_bytes(b"another one's")
    with pytest.raises(PermanentError, match="cannot complete it"):
        upload.commit()


def test_a_temporary_that_vanished_with_the_connection_cannot_become_an_object(sftp):
    upload = sftp.storage().open_write("data/object")
    sftp.faults(Fault("write", then="cut"))
    with pytest.raises(TransientError):
        upload.write(0, b"x")
    (temp,) = (sftp.container / "data").iterdir()
    temp.unlink()
    with pytest.raises(PermanentError, match="does not exist"):
        upload.commit()
    assert sftp.left() == []


def test_a_commit_that_fails_leaves_nothing_and_cannot_be_repeated(sftp):
    upload = sftp.storage().open_write("data/object")
    upload.write(0, b"x")
    sftp.faults(Fault("posix-rename", then="status"))
    with pytest.raises(PermanentError, match="cannot complete it: the server says only"):
        upload.commit()
    assert sftp.left() == []
    with pytest.raises(PermanentError, match="has ended already"):
        upload.commit()


def test_an_upload_given_up_after_its_connection_is_cleared_away_through_another(sftp):
    upload = sftp.storage().open_write("data/object")
    sftp.faults(Fault("write", then="cut"))
    with pytest.raises(TransientError):
        upload.write(0, b"x")
    assert len(sftp.left()) == 2
    upload.abort()
    assert sftp.left() == []
    upload.abort()
    assert sftp.seen()[-1].startswith("rmdir")


def test_an_upload_can_be_given_up_although_no_connection_can_be_made(sftp):
    upload = sftp.storage().open_write("data/object")
    sftp.faults(Fault("write", then="cut"))
    with pytest.raises(TransientError):
        upload.write(0, b"x")
    sftp.program.unlink()
    upload.abort()
    with pytest.raises(PermanentError, match="has ended already"):
        upload.write(0, b"x")


def test_a_segment_that_failed_half_way_is_no_part_of_the_object(sftp):
    storage = sftp.storage()
    upload = storage.open_write("object")
    upload.write(0, b"first")
    sftp.faults(Fault("write", then="status"))  # the first packet of two; the second arrives
    with pytest.raises(PermanentError, match="cannot write at 5"):
        upload.write(5, b"x" * (PIECE + 10))
    upload.commit()
    assert storage.get("object") == b"first"


def test_bytes_that_were_on_their_way_when_the_line_broke_are_sent_again(sftp, stall):
    storage = sftp.storage()
    upload = storage.open_write("object")
    upload.write(0, b"first")
    go_on = stall("cut")
    segment = bytearray(LARGE)
    upload.write(5, segment)
    assert upload.in_flight == len(LARGE)
    segment.clear()  # it is ours again
    go_on()
    with pytest.raises(TransientError):
        upload.write(5 + len(LARGE), b"rest")
    (temp,) = sftp.container.iterdir()
    assert temp.read_bytes() == b"first"
    upload.write(5 + len(LARGE), b"rest")
    assert upload.in_flight == 0
    upload.commit()
    assert storage.get("object") == b"first" + LARGE + b"rest"


def test_a_commit_waits_for_what_is_on_its_way_and_may_be_repeated_if_that_is_lost(sftp, stall):
    storage = sftp.storage()
    upload = storage.open_write("object")
    go_on = stall("cut")
    upload.write(0, LARGE)
    go_on()
    with pytest.raises(TransientError):
        upload.commit()
    assert not (sftp.container / "object").exists()
    upload.commit()
    assert storage.get("object") == LARGE


def test_bytes_that_the_server_refuses_after_they_were_taken_are_told_of_and_sent_again(sftp, stall):
    storage = sftp.storage()
    upload = storage.open_write("object")
    go_on = stall("status")
    upload.write(0, LARGE)
    go_on()
    with pytest.raises(PermanentError, match="cannot write at 0: the server says only"):
        upload.write(len(LARGE), b"rest")
    upload.write(len(LARGE), b"rest")
    upload.commit()
    assert storage.get("object") == LARGE + b"rest"


def test_an_upload_given_up_with_bytes_on_their_way_leaves_nothing(sftp, stall):
    upload = sftp.storage().open_write("object")
    go_on = stall("do")
    upload.write(0, LARGE)
    go_on()
    upload.abort()
    assert sftp.left() == []


def test_what_was_put_on_the_medium_is_not_compared_again(sftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.ssh.upload._SYNC_EVERY", 10)
    storage = sftp.storage()
    upload = storage.open_write("object")
    upload.write(0, b"0123456789")
    upload.write(10, b"rest")
    sftp.faults(Fault("write", then="cut"))
    with pytest.raises(TransientError):
        upload.write(14, b"!")
    before = len(sftp.seen())
    upload.write(14, b"!")
    assert [line.split()[0] for line in sftp.seen()[before:]] == ["open", "read", "write"]
    upload.commit()
    assert storage.get("object") == b"0123456789rest!"


def test_a_put_whose_answer_was_lost_leaves_the_object_or_nothing(sftp):
    storage = sftp.storage()
    sftp.faults(Fault("rename", then="lose"))
    with pytest.raises(TransientError):
        storage.put("data/object", b"x")
    assert storage.get("data/object") == b"x"
    sftp.faults(Fault("write", then="cut"))
    with pytest.raises(TransientError):
        storage.put("data/object", b"y")
    assert storage.get("data/object") == b"x"


def test_a_hold_outlives_a_short_interruption(sftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.files.lease.BEAT", 0.05)
    storage = sftp.storage()
    with storage.hold("set"):
        (marker,) = sftp.container.iterdir()
        sftp.faults(Fault("open", marker.name, then="cut", times=2))
        size = marker.stat().st_size
        deadline = time.monotonic() + 60
        while marker.stat().st_size < size + 4 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert marker.stat().st_size >= size + 4
        storage.put("object", b"x")
    assert sftp.left() == ["object"]


def test_a_dead_conversation_tells_everybody_the_same(sftp):
    talk = session.connect(Server("host"), sftp.environment, known=False)
    sftp.faults(Fault("lstat", then="cut"))
    for _ in range(2):
        with pytest.raises(TransientError, match="the connection was lost"):
            talk.lstat(b"/")
        assert not talk.alive
    talk.discard(b"/nothing")  # is silent about it
    talk.close()


def test_half_a_packet_ends_the_conversation(sftp):
    talk = session.connect(Server("host"), sftp.environment, known=False)
    with pytest.raises(TypeError):
        talk.channel.send(Type.REMOVE, "no bytes", to=SimpleQueue())  # type: ignore[arg-type]
    with pytest.raises(StorageError):
        talk.lstat(b"/")
    talk.close()


def test_a_program_that_ended_before_it_was_greeted_is_asked_why():
    complaints = tempfile.TemporaryFile()  # noqa: SIM115 (the program's end closes it)
    process = subprocess.Popen(
        ["sh", "-c", "echo no way >&2; exit 255"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=complaints
    )
    process.wait()
    assert process.stdin is not None
    assert process.stdout is not None
    channel = Channel(Program(process, process.stdin, process.stdout, complaints, None), PermanentError, 60.0)
    with pytest.raises(PermanentError, match="no way"):
        channel.greet()
    assert not channel.alive
    channel.close()


def test_a_program_that_does_not_end_is_ended(sftp, monkeypatch, tmp_path):
    monkeypatch.setattr("freezer.storage.ssh.channel._PATIENCE", 0.1)
    program = sftp.program.read_text().replace(
        "    if len(head) < 4:\n", "    while len(head) < 4:\n        sleep(1)\n"
    )
    sftp.program.write_text(program.replace("import json,", "from time import sleep\nimport json,"))
    talk = session.connect(Server("host"), sftp.environment, known=False)
    process = talk.channel._program.process
    talk.close()
    assert process.poll() == -9


@pytest.mark.parametrize("password", [None, Secret(b"canary")])
def test_a_program_that_cannot_be_started_is_told_apart_from_a_missing_one(sftp, password):
    sftp.program.chmod(0o600)
    storage = SshStorage(Server("host", password=password), "/c", clock=SystemClock(), environment=sftp.environment)
    with pytest.raises(PermanentError, match="ssh cannot be started: Permission denied"):
        storage.exists()
    sftp.program.unlink()
    with pytest.raises(PermanentError, match="the program ssh is not installed"):
        storage.exists()
