"""A connection that ends between any two steps: what goes on, what is taken back, and what is never believed."""

from __future__ import annotations

import os
import threading
import time
from contextlib import suppress

import pytest
from small_ftp import WHOLE, Fault, SmallFtp

from freezer.clock import SystemClock
from freezer.errors import ObjectExists, ObjectNotFound, PermanentError, StorageError, StorageFull, TransientError
from freezer.storage.retry import RetryingStorage, RetryPolicy


@pytest.fixture(params=["with MLSD", "with LIST"])
def ftp(request, tmp_path):
    server = SmallFtp(tmp_path, WHOLE if request.param == "with MLSD" else WHOLE - {"MLST"})
    yield server
    server.close()


@pytest.fixture(autouse=True)
def near(monkeypatch):
    """However slow this machine is, the server counts as near, unless a test says otherwise."""
    monkeypatch.setattr("freezer.storage.ftp.connection._FAR", 1e9)


def patient(ftp) -> RetryingStorage:
    return RetryingStorage(ftp.storage(), SystemClock(), RetryPolicy(first_delay=0.01))


def test_an_idle_connection_that_was_cut_is_replaced_when_it_is_needed(ftp):
    storage = patient(ftp)
    storage.put("object", b"x")
    ftp.cut()
    assert storage.get("object") == b"x"


def test_one_that_was_idle_for_long_is_asked_first(ftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.ftp.pool._IDLE", 0.0)
    storage = ftp.storage()
    storage.put("object", b"x")
    storage.stat("object")
    assert "NOOP" in ftp.seen
    ftp.cut()
    assert storage.get("object") == b"x"


@pytest.fixture(params=[False, True], ids=["near", "far"])
def far(request, near, monkeypatch):
    """Whether the server counts as far away."""
    if request.param:
        monkeypatch.setattr("freezer.storage.ftp.connection._FAR", -1.0)
    return request.param


@pytest.mark.parametrize("word", ["EPSV", "STOR", "APPE", "SIZE", "RNFR", "RNTO", "CWD"])
@pytest.mark.parametrize("then", ["cut", "lose", "half", "away"])
def test_an_upload_survives_a_line_that_breaks_anywhere(ftp, far, word, then):
    storage = patient(ftp)
    storage.put("data/other", b"")
    upload = storage.open_write("data/object")
    upload.write(0, b"first ")
    ftp.faults(Fault(word, then=then, text="426 The line broke"))
    upload.write(6, b"second " * 1000)
    upload.write(7006, b"third")
    upload.commit()
    assert storage.get("data/object") == b"first " + b"second " * 1000 + b"third"
    assert ftp.left() == ["data", "data/object", "data/other"]


@pytest.mark.parametrize("word", ["EPSV", "STOR", "MKD", "RNFR", "RNTO", "CWD"])
@pytest.mark.parametrize("then", ["cut", "lose", "away"])
def test_a_put_whose_answer_was_lost_is_made_again(ftp, word, then):
    storage = patient(ftp)
    ftp.faults(Fault(word, then=then))
    storage.put("data/object", b"content")
    assert storage.get("data/object") == b"content"
    assert [item.name for item in storage.list()] == ["data/object"]


@pytest.mark.parametrize("then", ["half", "away"])
def test_a_download_that_breaks_off_is_never_taken_for_the_end(ftp, then):
    storage = ftp.storage()
    storage.put("object", bytes(100_000))
    for call in (lambda: storage.get("object"), lambda: storage.get("object", 10, 99_990)):
        ftp.faults(Fault("RETR", then=then, text="426 The line broke"))
        with pytest.raises(TransientError):
            call()
    assert storage.get("object") == bytes(100_000)


@pytest.mark.parametrize("then", ["half", "away", "cut", "say"])
def test_a_listing_that_breaks_off_is_an_error(ftp, then):
    storage = ftp.storage()
    for number in range(5):
        storage.put(f"data/{number}", b"")
    ftp.faults(Fault("MLSD", then=then, text="451 No."), Fault("LIST", then=then, text="451 No."))
    with pytest.raises(TransientError):
        storage.list()
    assert len(storage.list()) == 5


def test_a_download_goes_on_where_the_last_call_stopped(ftp):
    storage = ftp.storage()
    content = os.urandom(3_000_000)
    storage.put("object", content)
    pieces = [storage.get("object", start, 500_000) for start in range(0, 3_000_000, 500_000)]
    assert b"".join(pieces) == content
    assert sum(line.startswith("RETR") for line in ftp.seen) == 1


def test_a_server_that_says_twice_that_a_download_was_given_up_is_understood(ftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.ftp.pool._STALE", 0.0)
    storage = ftp.storage()
    storage.put("object", bytes(4_000_000))
    ftp.faults(Fault("RETR", then="half", text="426 Broken off\r\n226 Closed"))
    assert storage.get("object", 0, 10) == bytes(10)
    assert storage.stat("object").size == 4_000_000
    assert [item.size for item in storage.list()] == [4_000_000]
    assert sum(line.startswith("USER") for line in ftp.seen) == 1


def test_a_download_does_not_go_on_in_what_was_replaced(ftp):
    storage = ftp.storage()
    storage.put("object", b"a" * 2_000_000)
    assert storage.get("object", 0, 1000) == b"a" * 1000
    storage.put("object", b"b" * 2_000_000)
    assert storage.get("object", 1000, 1000) == b"b" * 1000
    upload = storage.open_write("object")
    upload.write(0, b"c" * 2_000_000)
    assert storage.get("object", 2000, 1000) == b"b" * 1000
    upload.commit()
    assert storage.get("object", 3000, 1000) == b"c" * 1000


def test_a_commit_that_was_lost_is_not_believed_if_something_else_is_in_place(ftp):
    upload = ftp.storage().open_write("object")
    upload.write(0, b"whole")
    ftp.faults(Fault("RNTO", then="lose"))
    with pytest.raises(TransientError):
        upload.commit()
    (ftp.container / "object").write_bytes(b"another one's")
    with pytest.raises(PermanentError, match="cannot complete it"):
        upload.commit()


def test_a_temporary_that_vanished_cannot_become_an_object(ftp):
    upload = ftp.storage().open_write("data/object")
    upload.write(0, b"x")
    (temp,) = (ftp.container / "data").iterdir()
    temp.unlink()
    with pytest.raises(PermanentError, match="does not exist"):
        upload.commit()
    with pytest.raises(PermanentError, match="has ended already"):
        upload.write(0, b"x")
    assert ftp.left() == []


@pytest.mark.parametrize("damage", ["changed", "short", "long"])
def test_a_server_that_lost_confirmed_bytes_is_found_out(ftp, damage):
    upload = ftp.storage().open_write("object")
    upload.write(0, b"first")
    (temp,) = ftp.container.iterdir()
    temp.write_bytes({"changed": b"fir\0t", "short": b"fir", "long": b"first and more than was sent"}[damage])
    ftp.faults(Fault("APPE", then="cut"))
    with pytest.raises(TransientError):
        upload.write(5, b"second")
    with pytest.raises(PermanentError, match="lost or changed bytes that it had confirmed"):
        upload.write(5, b"second")
    upload.abort()
    assert ftp.left() == []


@pytest.fixture
def few_on_their_way(near, monkeypatch):
    """A server far away, and few bytes that may be on their way to it."""
    monkeypatch.setattr("freezer.storage.ftp.connection._FAR", -1.0)
    monkeypatch.setattr("freezer.storage.ftp.upload._LAG", 1000)
    monkeypatch.setattr("freezer.storage.ftp.arrival._PATIENCE", 60.0)


def test_to_a_far_server_one_transfer_takes_all_segments(ftp, few_on_their_way):
    content = os.urandom(100_000)
    upload = ftp.storage().open_write("object")
    for start in range(0, len(content), 700):
        upload.write(start, content[start : start + 700])
        assert upload.in_flight <= 1700
    upload.commit()
    assert upload.in_flight == 0
    assert ftp.storage().get("object") == content
    assert sum(line.startswith(("STOR", "APPE")) for line in ftp.seen) == 1


@pytest.mark.parametrize("then", ["cut", "away"])
def test_a_first_transfer_that_came_to_nothing_is_begun_again(ftp, then):
    upload = ftp.storage().open_write("object")
    ftp.faults(Fault("STOR", then=then))
    with suppress(TransientError):
        upload.write(0, b"first")
        ftp.cut()
    upload.write(0, b"first")
    upload.commit()
    assert ftp.storage().get("object") == b"first"
    assert ftp.left() == ["object"]


def test_a_far_server_that_does_not_tell_how_much_has_arrived_is_asked_to_confirm(ftp, few_on_their_way, monkeypatch):
    monkeypatch.setattr("freezer.storage.ftp.arrival._PATIENCE", 0.1)
    ftp.can -= {"grows"}
    content = os.urandom(10_000)
    upload = ftp.storage().open_write("object")
    for start in range(0, len(content), 700):
        upload.write(start, content[start : start + 700])
    assert upload.in_flight == 0
    upload.commit()
    assert ftp.storage().get("object") == content


@pytest.mark.parametrize("then", ["in between", "at the end"])
def test_what_was_on_its_way_over_a_lost_connection_is_sent_again(ftp, few_on_their_way, then):
    """The server gets half of what was sent since it was last asked."""
    content = os.urandom(9_000)
    storage = patient(ftp)
    upload = storage.open_write("object")
    upload.write(0, content[:600])
    ftp.faults(Fault("APPE", then="away"))
    ftp.cut()
    upload.write(600, content[600:900])
    upload.write(900, content[900:1200])
    if then == "in between":
        ftp.cut()
        for start in range(1200, len(content), 300):
            upload.write(start, content[start : start + 300])
    else:
        upload.write(1200, content[1200:])
    upload.commit()
    assert storage.get("object") == content
    assert ftp.left() == ["object"]


@pytest.mark.parametrize("damage", ["changed", "short"])
def test_a_far_server_that_lost_bytes_which_had_arrived_is_found_out(ftp, few_on_their_way, damage):
    upload = ftp.storage().open_write("object")
    for number in range(4):
        upload.write(number * 900, bytes([number]) * 900)
    (temp,) = ftp.container.iterdir()
    ftp.cut()
    _wait_until(lambda: temp.stat().st_size == 3600)
    content = temp.read_bytes()
    temp.write_bytes(b"?" + content[1:] if damage == "changed" else content[:100])
    with suppress(TransientError):
        upload.write(3600, b"x" * 2000)
    with pytest.raises(PermanentError, match="lost or changed bytes that it had confirmed"):
        upload.write(3600, b"x" * 2000)
    upload.abort()
    assert ftp.left() == []


def test_bytes_that_somebody_else_adds_are_noticed(ftp):
    upload = ftp.storage().open_write("object")
    upload.write(0, b"first")
    (temp,) = ftp.container.iterdir()
    temp.write_bytes(b"first, and another's")
    upload.write(5, b"second")
    with pytest.raises(PermanentError, match="the server has more or less bytes than were written"):
        upload.commit()
    upload.abort()
    assert ftp.left() == []


def test_what_was_confirmed_long_ago_is_not_compared_again(ftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.ftp.upload._SETTLED", 0.0)
    upload = ftp.storage().open_write("object")
    for offset in range(3):
        upload.write(offset, b"x")
    ftp.faults(Fault("APPE", then="cut"))
    with pytest.raises(TransientError):
        upload.write(3, b"x")
    before = len(ftp.seen)
    upload.write(3, b"x")
    assert sum(line.startswith("RETR") for line in ftp.seen[before:]) == 1


def test_an_upload_can_be_given_up_although_no_connection_can_be_made(ftp):
    upload = ftp.storage().open_write("data/object")
    upload.write(0, b"x")
    ftp.faults(Fault("USER", then="cut", times=10), Fault("APPE", then="cut"))
    with pytest.raises(TransientError):
        upload.write(1, b"x")
    upload.abort()
    assert len(ftp.left()) == 2


@pytest.mark.parametrize("text", ["452 Disk full", "552 Over quota", "451 Failure writing to local file."])
def test_a_full_disk_is_called_so_and_leaves_nothing(ftp, text):
    storage = ftp.storage()
    for fault in (Fault("STOR", then="say", text=text), Fault("STOR", then="half", text=text)):
        ftp.faults(fault)
        with pytest.raises(StorageFull, match="no space is left on the server, or a quota is used up"):
            storage.put("data/object", b"x" * 1000)
        assert ftp.left() == []


def test_a_hold_outlives_a_short_interruption(ftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.files.lease.BEAT", 0.05)
    storage = ftp.storage()
    with storage.hold("set"):
        (marker,) = ftp.container.iterdir()
        ftp.faults(Fault("APPE", marker.name, then="cut"), Fault("APPE", marker.name, then="lose"))
        before = marker.stat().st_size
        _wait_until(lambda: marker.stat().st_size > before + 3)
        storage.put("object", b"x")
    assert ftp.left() == ["object"]


def test_who_was_taken_for_dead_writes_no_more(ftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.files.lease.BEAT", 0.05)
    storage = ftp.storage()
    upload = storage.open_write("growing")
    with storage.hold("set"):
        (marker,) = ftp.container.glob(".freezer-tmp-hold-*")
        marker.unlink()

        def refused() -> bool:
            try:
                storage.put("object", b"x")
            except PermanentError as error:
                return "another process has taken over" in error.message
            return False

        _wait_until(refused)
        with pytest.raises(PermanentError, match="has taken over"):
            upload.write(0, b"x")


def test_a_dead_holder_is_found_out(ftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.files.lease.PATIENCE", 0.5)
    storage = ftp.storage()
    with storage.hold("set"):
        (marker,) = ftp.container.iterdir()
        copy = marker.read_bytes()
    marker.write_bytes(copy or b"x")
    with storage.hold("set"):
        assert len(ftp.left()) == 1
    assert ftp.left() == []


@pytest.mark.parametrize("order", ["!", "~"])
@pytest.mark.parametrize("shared", [False, True])
def test_one_who_announced_himself_and_died_is_cleared_away_wherever_his_name_stands(ftp, monkeypatch, order, shared):
    monkeypatch.setattr("freezer.storage.files.lease.PATIENCE", 0.5)
    storage = ftp.storage()
    with storage.hold("set"):
        (marker,) = ftp.container.iterdir()
    dead = marker.with_name(marker.name.rpartition("-")[0] + f"-{order}")
    dead.touch()
    with storage.hold("set", shared=shared):
        assert not dead.exists()
    assert ftp.left() == []


def test_many_dead_are_cleared_away_in_the_time_that_one_takes(ftp, monkeypatch):
    monkeypatch.setattr("freezer.storage.files.lease.PATIENCE", 1.0)
    storage = ftp.storage()
    with storage.hold("set"):
        (marker,) = ftp.container.iterdir()
    for number in range(20):
        (ftp.container / f"{marker.name}{number}").write_bytes(b".")
    began = time.monotonic()
    with storage.hold("set"):
        assert len(ftp.left()) == 1
    assert time.monotonic() - began < 10


def test_the_last_sign_of_life_may_come_after_death(ftp, monkeypatch):
    """A killed run's byte that a busy server writes late does not make its marker another live one's."""
    monkeypatch.setattr("freezer.storage.files.lease.PATIENCE", 1.0)
    storage = ftp.storage()
    with storage.hold("set"):
        (marker,) = ftp.container.iterdir()
    marker.write_bytes(b".")
    late = threading.Timer(0.4, lambda: marker.write_bytes(b".."))
    late.start()
    with storage.hold("set"):
        assert marker.name not in ftp.left()
    late.join()


def test_whoever_stops_amid_his_turn_loses_it(ftp, monkeypatch):
    """One is stopped after he got the turn for a new name, and goes on after another has taken it from him."""
    monkeypatch.setattr("freezer.storage.ftp.publish.PATIENCE", 0.3)
    first, second = ftp.storage(), ftp.storage()
    first.put("data/other", b"")
    stopped, goes_on = threading.Event(), threading.Event()

    def stop() -> None:
        stopped.set()
        goes_on.wait(60)

    ends: list[StorageError] = []

    def write() -> None:
        try:
            first.put_new("data/object", b"first")
        except StorageError as error:
            ends.append(error)

    turn = ".freezer-tmp-turn-"
    ftp.faults(Fault("RNFR", meanwhile=lambda: None), Fault("RNFR", meanwhile=stop))
    thread = threading.Thread(target=write)
    thread.start()
    assert stopped.wait(60)
    assert any(name.startswith(f"data/{turn}") for name in ftp.left())
    second.put_new("data/object", b"second")
    goes_on.set()
    thread.join()
    assert len(ends) == 1
    assert second.get("data/object") == b"second"
    assert ftp.left() == ["data", "data/object", "data/other"]


def test_whoever_gets_the_turn_after_another_finds_the_name_taken(ftp):
    first, second = ftp.storage(), ftp.storage()
    first.put("data/other", b"")
    ftp.faults(Fault("RNFR", meanwhile=lambda: second.put_new("data/object", b"second")))
    with pytest.raises(ObjectExists):
        first.put_new("data/object", b"first")
    assert first.get("data/object") == b"second"
    assert ftp.left() == ["data", "data/object", "data/other"]


def test_nothing_that_was_deleted_comes_back_from_an_open_download(ftp):
    storage = ftp.storage()
    storage.put("object", bytes(2_000_000))
    storage.get("object", 0, 10)
    storage.delete("object")
    with pytest.raises(ObjectNotFound):
        storage.get("object", 10, 10)


def _wait_until(true) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
