"""Objects in parts: each is sent until it is there, a few at once, and what fails is no success and leaves nothing."""

from __future__ import annotations

import threading
import time

import pytest

from freezer.errors import (
    PermanentError,
    StorageError,
    TransientError,
)
from freezer.storage.s3.upload import MIN_PART, PARALLEL, WINDOW, Sizes
from support.small_s3 import Reply, on, refusal


def write(storage, name="a/data", count=3, size=MIN_PART):
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


@pytest.mark.parametrize("number", ["1", "2", "3"])
def test_a_part_that_fails_is_sent_again_and_only_it(s3, retrying, number):
    s3.faults.append(on("PUT", Reply(503), partNumber=number))
    data = write(retrying)
    assert s3.objects["a/data"].data == data
    assert s3.count("PUT") == 4


@pytest.mark.parametrize("query", [{"uploads": ""}, {}])
@pytest.mark.parametrize("reply", [Reply(503), refusal(200, "InternalError"), Reply(200, body=b"<html>")])
def test_beginning_and_completing_are_repeated_and_an_error_of_status_200_is_one(s3, retrying, query, reply):
    s3.faults.append(
        lambda request: on("POST", reply)(request) if bool(query) == ("uploads" in request.query) else None
    )
    data = write(retrying)
    assert s3.objects["a/data"].data == data
    assert s3.count("PUT") == 3


def test_a_completion_whose_answer_was_lost_is_no_failure(s3, retrying):
    def lose(request):
        if request.method == "POST" and "uploadId" in request.query:
            s3._upload(request)
            return Reply(503)
        return None

    s3.faults.append(lose)
    data = write(retrying)
    assert s3.objects["a/data"].data == data


def test_an_upload_that_another_removed_is_no_success_even_if_there_is_an_older_object(s3, retrying):
    retrying.put("a/data", bytes(3 * MIN_PART))

    def remove(request):
        if request.method == "POST" and "uploadId" in request.query:
            s3.uploads.clear()

    s3.faults.append(remove)
    with pytest.raises(PermanentError, match="the unfinished upload is gone"):
        write(retrying)


@pytest.mark.parametrize("shown", [Reply(404), Reply(200, length=5), Reply(403)])
def test_an_object_that_is_not_there_or_too_short_after_its_completion_is_no_success(s3, storage, shown):
    s3.lasting.append(on("HEAD", shown))
    s3.lasting.append(lambda request: Reply(403) if request.method == "GET" and shown.status == 403 else None)
    with pytest.raises(StorageError):
        write(storage)


def test_an_upload_that_cannot_succeed_leaves_nothing(s3, retrying):
    s3.lasting.append(on("PUT", Reply(503), partNumber="3"))
    with pytest.raises(TransientError):
        write(retrying)
    assert s3.objects == {}
    assert s3.uploads == {}


@pytest.mark.parametrize("reply", [Reply(200), Reply(200, body=b"<InitiateMultipartUploadResult/>")])
def test_an_upload_without_an_id_and_a_part_without_a_tag_are_no_success(s3, storage, reply):
    s3.faults.append(on("POST", reply, uploads=""))
    with pytest.raises(TransientError):
        write(storage)
    s3.faults.append(on("PUT", Reply(200), partNumber="1"))
    with pytest.raises(TransientError, match="no entity tag for part 1"):
        write(storage)
    assert s3.uploads == {}


def test_parts_are_on_their_way_together_but_never_too_many(s3, storage):
    now, most = 0, 0
    lock, together = threading.Lock(), threading.Event()

    def slow(request):
        nonlocal now, most
        if "partNumber" in request.query:
            with lock:
                now += 1
                most = max(most, now)
                if now > 1:
                    together.set()
            together.wait(60)
            time.sleep(0.02)
            with lock:
                now -= 1

    s3.lasting.append(slow)
    data = write(storage, count=9)
    assert s3.objects["a/data"].data == data
    assert 2 <= most <= PARALLEL
    now = most = 0
    together.clear()
    write(storage, count=3, size=WINDOW // 2)
    assert most == 2


def test_small_segments_are_joined_and_a_single_part_is_an_ordinary_object(s3, storage):
    data = write(storage, count=100, size=100_000)
    assert s3.objects["a/data"].data == data
    assert s3.count("PUT") == 2
    write(storage, "a/engine_metadata", count=3, size=1000)
    assert s3.count("PUT") == 3
    assert s3.count("POST") == 2


@pytest.mark.parametrize(("parts", "segment", "wanted"), [
    (10_000, 32 << 20, 5 << 40), (10_000, 16 << 10, 5 << 40), (1000, 32 << 20, 500 << 30),
])  # fmt: skip
def test_parts_grow_so_that_their_number_suffices(parts, segment, wanted):
    sizes, stored, flat = Sizes(parts), 0, 0
    for _ in range(parts):
        size = -(-sizes.least(stored) // segment) * segment
        flat += size == segment
        stored += size
    assert stored >= wanted
    assert segment < MIN_PART or flat * segment >= 5 << 30
    assert sizes.least(wanted) <= 5 << 30


def test_a_part_that_the_server_has_no_number_for_is_told_with_its_remedy(s3, storage):
    s3.lasting.append(on("PUT", refusal(400, "InvalidArgument"), partNumber="2"))
    with pytest.raises(PermanentError, match="S3 takes no part 2") as caught:
        write(storage)
    assert "--max-segment-size" in caught.value.hint
