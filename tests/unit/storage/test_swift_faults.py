"""What a Swift, or the way to it, can do wrong is noticed, repeated where that helps, and never taken for success."""

from __future__ import annotations

import json
import threading
import time

import pytest
from small_swift import CONTAINER, Reply, SmallSwift, Tokens

from freezer.errors import (
    DamagedError,
    ObjectExists,
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageError,
    StorageFull,
    TransientError,
)
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.swift import SwiftStorage
from freezer.storage.swift.listing import entries
from freezer.storage.swift.upload import PARALLEL
from freezer.storage.swift.wire import Wire
from freezer.testing.clock import FakeClock


@pytest.fixture
def swift():
    server = SmallSwift()
    yield server
    server.close()


@pytest.fixture
def tokens(swift):
    return Tokens(swift.url)


@pytest.fixture
def storage(tokens):
    opened = SwiftStorage(tokens, CONTAINER)
    yield opened
    opened.close()


@pytest.fixture
def clock():
    return FakeClock()


@pytest.fixture
def retrying(storage, clock):
    return RetryingStorage(storage, clock, RetryPolicy(tries=5), chance=lambda: 0.0)


def on(method, reply, name=""):
    """A fault that replies so to requests of this method whose name ends so."""
    return lambda request: reply if request.method == method and request.name.endswith(name) else None


def write(storage, name="a/data", count=6, size=1000):
    parts = [bytes([number]) * size for number in range(count)]
    upload = storage.open_write(name)
    try:
        for number, part in enumerate(parts):
            upload.write(number * size, part)
        upload.commit()
    except BaseException:
        upload.abort()
        raise
    return b"".join(parts)


def test_a_token_that_expires_in_mid_upload_is_renewed_once(swift, tokens, storage):
    swift.lasting.append(
        lambda request: Reply(401) if request.headers["x-auth-token"] == "t1" and len(swift.seen) > 3 else None
    )
    data = write(storage)
    assert storage.get("a/data") == data
    assert tokens.number == 2


def test_a_token_that_is_refused_for_ever_is_an_error_after_one_renewal(swift, tokens, retrying):
    swift.lasting.append(lambda request: Reply(401))
    with pytest.raises(PermissionDenied, match="refuses our token, and a new one too"):
        retrying.put("a", b"x")
    assert swift.count("PUT") == 2


@pytest.mark.parametrize("status", [408, 409, 429, 498, 500, 502, 503, 504])
def test_a_passing_failure_is_repeated(swift, retrying, status):
    swift.faults.append(on("PUT", Reply(status)))
    retrying.put("a", b"x")
    assert retrying.get("a") == b"x"
    assert swift.count("PUT") == 2


@pytest.mark.parametrize("header", [{"Retry-After": "40"}, {
    "Retry-After": "Sun, 06 Nov 1994 08:50:17 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT",
}])  # fmt: skip
def test_the_pause_that_swift_asks_for_is_kept(swift, retrying, clock, header):
    swift.faults.append(on("PUT", Reply(503, header)))
    before = clock.monotonic()
    retrying.put("a", b"x")
    assert clock.monotonic() - before >= 40


@pytest.mark.parametrize(
    ("status", "kind"), [(403, PermissionDenied), (413, StorageFull), (507, StorageFull), (400, PermanentError)]
)
def test_a_lasting_failure_is_not_repeated(swift, retrying, status, kind):
    swift.lasting.append(on("PUT", Reply(status, body=b"<html><h1>No</h1><p>Because &c.</p></html>")))
    with pytest.raises(kind):
        retrying.put("a", b"x")
    assert swift.count("PUT") == 1


def test_another_md5_than_ours_is_no_success(swift, storage, retrying):
    swift.faults.append(on("PUT", Reply(201, {"ETag": "0" * 32})))
    with pytest.raises(TransientError, match="stored other bytes"):
        storage.put("a", b"x")
    swift.faults.append(on("PUT", Reply(201, {"ETag": "0" * 32})))
    retrying.put("a", b"x")
    assert swift.objects["a"][0] == b"x"


@pytest.mark.parametrize("length", [None, 1000])
def test_a_body_that_was_cut_off_is_never_returned(swift, storage, retrying, length):
    data = bytes(range(250)) * 4
    swift.objects["a"] = (data, {})
    headers = {"ETag": _etag(swift, "a")}
    swift.faults.append(on("GET", Reply(200, headers, data[:600], length=length)))
    with pytest.raises(TransientError):
        storage.get("a")
    swift.faults.append(on("GET", Reply(200, headers, data[:600], length=length)))
    assert retrying.get("a") == data


def test_a_byte_that_changed_on_the_way_is_noticed(swift, storage):
    swift.objects["a"] = (b"good", {})
    swift.faults.append(on("GET", Reply(200, {"ETag": _etag(swift, "a")}, b"gooD")))
    with pytest.raises(TransientError, match="other bytes than it has"):
        storage.get("a")


def test_another_range_than_asked_for_is_noticed(swift, storage):
    swift.objects["a"] = (b"0123456789", {})
    swift.faults.append(on("GET", Reply(206, {"Content-Range": "bytes 0-3/10"}, b"0123")))
    with pytest.raises(TransientError, match="other bytes"):
        storage.get("a", 4, 4)


def test_a_server_that_ignores_ranges_does_no_harm(swift, storage):
    swift.objects["a"] = (b"0123456789", {})
    swift.faults.append(on("GET", Reply(200, {"ETag": _etag(swift, "a")}, b"0123456789")))
    assert storage.get("a", 4, 4) == b"4567"


def _etag(swift, name):
    return swift._carry_out(type("R", (), {"name": name, "method": "HEAD", "headers": {}})()).headers["ETag"]


@pytest.mark.parametrize("at", range(4))
@pytest.mark.parametrize("status", [503, 422])
def test_a_segment_that_fails_is_sent_again_and_only_it(swift, retrying, at, status):
    swift.faults.append(on("PUT", Reply(status), f"/{at:08d}"))
    data = write(retrying)
    assert retrying.get("a/data") == data
    assert swift.count("PUT") == 8


def test_a_manifest_that_fails_is_sent_again(swift, retrying):
    swift.faults.append(on("PUT", Reply(503), "/data"))
    data = write(retrying)
    assert retrying.get("a/data") == data


def done_but_denied(swift, name="/data"):
    """A fault: requests to store this are carried out, and answered as failures."""

    def fault(request):
        if request.method != "PUT" or not request.name.endswith(name):
            return None
        with swift.lock:
            swift._carry_out(request)
        return Reply(500)

    return fault


def test_a_manifest_that_was_stored_though_the_answer_said_no_keeps_its_segments(swift, retrying):
    swift.faults.append(done_but_denied(swift))
    data = write(retrying)
    assert retrying.get("a/data") == data
    assert [item.size for item in retrying.list("a/")] == [len(data)]


def test_an_upload_whose_end_nobody_knows_takes_nothing_from_a_manifest_that_is_there(swift, retrying, storage):
    swift.lasting.append(done_but_denied(swift))
    with pytest.raises(TransientError):
        write(retrying)
    swift.lasting.clear()
    assert len(storage.get("a/data")) == 6000


def test_an_upload_that_cannot_succeed_leaves_nothing(swift, retrying):
    swift.lasting.append(on("PUT", Reply(503), "/00000003"))
    with pytest.raises(TransientError):
        write(retrying)
    assert swift.objects == {}


def test_segments_are_on_their_way_together_but_never_too_many(swift, storage):
    now, most = 0, 0
    lock = threading.Lock()

    def slow(request):
        nonlocal now, most
        if request.method == "PUT" and "/segments" in request.name:
            with lock:
                now += 1
                most = max(most, now)
            time.sleep(0.03)
            with lock:
                now -= 1

    swift.lasting.append(slow)
    data = write(storage, count=12)
    assert storage.get("a/data") == data
    assert 2 <= most <= PARALLEL


def test_a_small_object_of_another_name_is_one_object_as_the_original_has_it(swift, storage):
    write(storage, "a/engine_metadata", count=1)
    assert list(swift.objects) == ["a/engine_metadata"]
    data = write(storage, "a/engine_metadata", count=3)
    assert len(swift.objects) == 4
    assert storage.get("a/engine_metadata") == data
    assert [(item.name, item.size) for item in storage.list()] == [("a/engine_metadata", 3000)]


def test_a_segment_that_is_gone_is_no_short_object(swift, storage):
    write(storage)
    name = next(name for name in swift.objects if name.endswith("00000005"))
    del swift.objects[name]
    with pytest.raises(StorageError, match="segment 00000005"):
        storage.get("a/data")
    assert storage.stat("a/data").size == 6000


def test_a_gap_in_a_manifest_of_the_original_is_damage(swift, storage):
    for number in (0, 2):
        swift.objects[f"a/segments/{number:08d}"] = (b"x", {})
    swift.objects["a/data"] = (b"", {"x-object-manifest": f"{CONTAINER}/a/segments"})
    for call in (lambda: storage.get("a/data"), lambda: storage.stat("a/data"), storage.list):
        with pytest.raises(DamagedError, match="segment 00000001 is missing"):
            call()


def test_a_listing_is_read_to_its_end(swift, tokens):
    swift.objects |= {f"p/{number:03}": (b"", {}) for number in range(25)} | {"q": (b"", {})}
    found = list(entries(Wire(tokens), CONTAINER, "p/", "swift:box", page=4))
    assert [entry.name for entry in found] == [f"p/{number:03}" for number in range(25)]


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(200, body=b"<html>"),
        Reply(200, body=b"[{}]"),
        Reply(200, body=json.dumps([{"name": "p/0", "bytes": 0, "last_modified": "2001-09-09T01:46:40"}]).encode()),
        Reply(200, body=json.dumps([{"name": "q", "bytes": 0, "last_modified": "2001-09-09T01:46:40"}]).encode()),
        Reply(200, body=b'[{"name": "p/9"', length=100),
    ],
    ids=["500", "no JSON", "no entry", "the first page again", "another prefix", "cut off"],
)
def test_a_second_page_that_fails_or_cannot_be_right_is_an_error_and_no_short_list(swift, tokens, reply):
    swift.objects |= {f"p/{number}": (b"", {}) for number in range(6)}
    swift.faults.append(lambda request: reply if request.query.get("marker") else None)
    with pytest.raises(TransientError):
        list(entries(Wire(tokens), CONTAINER, "p/", "swift:box", page=3))


def test_a_missing_container_is_no_empty_list(swift, storage):
    swift.lasting.append(lambda request: Reply(404))
    for call in (storage.list, lambda: storage.get("a"), lambda: storage.put("a", b""), lambda: storage.delete("a")):
        with pytest.raises(PermanentError, match="there is no such container"):
            call()
    assert not storage.exists()


def test_a_name_that_another_took_at_the_same_time_is_noticed(swift, storage):
    def overtake(request):
        if request.method == "GET":
            swift.objects["a"] = (b"theirs", {})

    swift.lasting.append(overtake)
    with pytest.raises(ObjectExists):
        storage.put_new("a", b"ours")


def test_an_answer_that_was_lost_leaves_put_new_to_find_out(swift, retrying):
    def lose(request):
        if request.method != "PUT" or "a" in swift.objects:
            return None
        swift.objects["a"] = (request.body, {})
        return Reply(503)

    swift.faults.append(lose)
    retrying.put_new("a", b"ours")
    assert swift.objects["a"][0] == b"ours"
    assert swift.count("PUT") == 2  # the second is refused, and what is there turns out to be ours


def test_a_record_that_must_be_new_is_tried_again_until_it_is_stored(swift, retrying):
    swift.faults += [lambda request: Reply(503) if request.method == "PUT" else None] * 2
    retrying.put_new("a", b"ours")
    assert swift.objects["a"][0] == b"ours"
    assert swift.count("PUT") == 3


def test_a_large_object_that_another_replaced_is_read_anew(swift, tokens, storage):
    other = SwiftStorage(tokens, CONTAINER)
    write(storage)
    assert len(storage.get("a/data")) == 6000
    data = write(other, count=2, size=77)
    assert storage.get("a/data") == data
    other.delete("a/data")
    with pytest.raises(ObjectNotFound):
        storage.get("a/data")
    assert swift.objects == {}


def test_a_sweep_finds_segments_without_a_manifest_and_no_others(swift, storage):
    write(storage, "kept/data")
    swift.objects |= {f"dead/segments-{'0' * 16}/{number:08d}": (b"x", {}) for number in range(3)}
    swift.objects[f"kept/segments-{'0' * 16}/00000000"] = (b"older attempt", {})
    swift.objects["dead/segments/00000000"] = (b"of the original", {})
    swift.objects[".freezer-tmp-1"] = (b"", {})
    before = dict(swift.objects)
    assert storage.sweep(999_999_999) == []
    found = [".freezer-tmp-1", f"dead/segments-{'0' * 16}/", "dead/segments/", f"kept/segments-{'0' * 16}/"]
    assert storage.sweep(1_000_000_001, dry_run=True) == found
    assert swift.objects == before
    assert storage.sweep(1_000_000_001) == found
    assert len(storage.get("kept/data")) == 6000
    assert all(name.startswith("kept/") for name in swift.objects)


def test_a_server_that_is_not_there_is_told_with_its_address(swift, storage, tokens):
    swift.close()
    with pytest.raises(TransientError, match=r"Swift at http://127.0.0.1:\d+ cannot be reached: Connection refused"):
        storage.get("a")
