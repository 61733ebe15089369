"""Listings of an S3, also of unfinished uploads, are complete or an error; and what a sweep finds in them."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from freezer.errors import (
    PermanentError,
    StorageError,
    TransientError,
)
from freezer.storage.s3.listing import Listing, Unfinished
from freezer.storage.s3.wire import Wire
from support.small_s3 import BUCKET, NOW, Growing, Reply, Stored, on, refusal


def _growing(key, begun, parts=None):
    return Growing(key, {}, parts or {}, begun)


@pytest.fixture
def listing(s3, clock):
    return Listing(Wire(s3.access(), BUCKET, clock), "s3:box", clock, page=3)


def test_a_listing_is_read_to_its_end(s3, listing):
    s3.objects |= {f"p/{number:03} +%": Stored(b"", {}) for number in range(10)} | {"q": Stored(b"", {})}
    assert [entry.key for entry in listing.entries("p/")] == [f"p/{number:03} +%" for number in range(10)]


def page(*keys, more="false", token="", count=None):
    rows = "".join(
        f"<Contents><Key>{key}</Key><Size>0</Size><LastModified>2001-09-09T01:46:40Z</LastModified></Contents>"
        for key in keys
    )
    head = f"<KeyCount>{len(keys) if count is None else count}</KeyCount>" + (
        f"<IsTruncated>{more}</IsTruncated>" if more else ""
    )
    next = f"<NextContinuationToken>{token}</NextContinuationToken>" if token else ""
    return Reply(200, body=f"<ListBucketResult>{head}{next}{rows}</ListBucketResult>".encode())


@pytest.mark.parametrize(
    "reply",
    [
        Reply(500),
        Reply(200, body=b"<ListBucketResult><IsTruncated>false</IsTruncated>", length=1000),
        page("p/3", "p/4", "p/5", more="true"),
        page("p/3", "p/4", "p/5", more="true", token="p/2"),
        page("p/3", more=""),
        page("p/3", count=3),
        page("q"),
        page("p/2", "p/3"),
        Reply(200, body=b"<!DOCTYPE x [<!ENTITY a 'a'>]><ListBucketResult/>"),
    ],
    ids=[
        *("500", "cut off", "no token", "the same token", "no word of an end", "fewer than counted"),
        *("another prefix", "the last one again", "entities"),
    ],
)  # fmt: skip
def test_a_second_page_that_fails_or_cannot_be_right_is_an_error_and_no_short_list(s3, listing, reply):
    s3.objects |= {f"p/{number}": Stored(b"", {}) for number in range(9)}
    s3.faults.append(lambda request: reply if "continuation-token" in request.query else None)
    with pytest.raises(StorageError):
        list(listing.entries("p/"))


def test_half_a_listing_is_asked_for_again(s3, retrying):
    retrying.put("a", b"x")
    half = b"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated><Cont"
    s3.faults += [on("GET", Reply(200, body=half))] * 2
    assert [item.name for item in retrying.list()] == ["a"]
    assert s3.count("GET") == 3


def test_something_else_that_answers_is_no_empty_bucket(s3, storage):
    for reply in (Reply(200, body=b"<html>It works!</html>"), Reply(404, body=b"Not Found"), Reply(200)):
        s3.lasting = [lambda request, reply=reply: reply]
        for call in (storage.list, storage.exists):
            with pytest.raises(PermanentError, match="what answers there is no S3 service"):
                call()


def test_a_missing_bucket_is_no_empty_list(s3, storage):
    s3.bucket_exists = False
    calls = (storage.list, lambda: storage.get("a"), lambda: storage.stat("a"), lambda: storage.put("a", b""))
    for call in (*calls, lambda: storage.delete("a")):
        with pytest.raises(PermanentError, match="there is no such bucket"):
            call()
    assert not storage.exists()


def test_many_unfinished_uploads_are_found_to_the_last(s3, listing):
    s3.uploads = {f"id{number}": _growing(f"k{number // 2}", "2001-09-09T01:46:45.000Z") for number in range(10)}
    assert sorted(one.id for one in listing.unfinished("")) == sorted(s3.uploads)


@pytest.mark.parametrize(
    "inside",
    [
        "<IsTruncated>true</IsTruncated>",
        "<IsTruncated>true</IsTruncated><NextKeyMarker>a</NextKeyMarker>",
        "<IsTruncated>false</IsTruncated><Upload><Key>a</Key><Initiated>2001-09-09T01:46:45Z</Initiated></Upload>",
    ],
    ids=["no marker", "the same marker", "no id"],
)
def test_a_list_of_unfinished_uploads_that_cannot_be_right_is_an_error(s3, listing, inside):
    body = f"<ListMultipartUploadsResult>{inside}</ListMultipartUploadsResult>".encode()
    s3.lasting.append(lambda request: Reply(200, body=body))
    with pytest.raises(TransientError):
        list(listing.unfinished(""))


def test_the_last_of_many_parts_says_when_an_upload_was_touched(s3, listing):
    def answer(request):
        second = request.query.get("part-number-marker") == "1000"
        more = "false" if second else "true"
        part = f"<Part><LastModified>2001-09-0{9 if second else 1}T00:00:00Z</LastModified></Part>"
        marker = "<NextPartNumberMarker>1000</NextPartNumberMarker>"
        return Reply(
            200, body=f"<ListPartsResult><IsTruncated>{more}</IsTruncated>{marker}{part}</ListPartsResult>".encode()
        )

    s3.lasting.append(answer)
    assert listing.last_touched(Unfinished("a", "id", 0.0)) == datetime(2001, 9, 9, tzinfo=UTC).timestamp()
    s3.lasting = [lambda request: refusal(404, "NoSuchUpload")]
    assert listing.last_touched(Unfinished("a", "id", 0.0)) is None
    s3.lasting = [lambda request: Reply(503)]
    with pytest.raises(TransientError):
        listing.last_touched(Unfinished("a", "id", 0.0))


def test_a_sweep_gives_up_uploads_that_nobody_touched_for_long_and_no_others(s3, storage):
    storage.put("kept", b"x")
    for id, begun in (("old", "2001-09-09T01:00:00.000Z"), ("new", "2001-09-09T01:46:45.000Z")):
        s3.uploads[id] = _growing(f"{id}/data", begun)
    s3.uploads["busy"] = _growing("busy/data", "2001-09-09T01:00:00.000Z", {1: b"x"})
    s3.objects[".freezer-s3-race-1"] = Stored(b"", {})
    s3.objects[".freezer-s3-create-once"] = Stored(b"", {})
    assert storage.sweep(NOW - 3000) == []
    assert storage.sweep(NOW - 1, dry_run=True) == ["old/data (unfinished upload)"]
    assert len(s3.uploads) == 3
    assert storage.sweep(NOW - 1) == ["old/data (unfinished upload)"]
    assert set(s3.uploads) == {"new", "busy"}
    assert storage.sweep(NOW + 1) == [".freezer-s3-race-1", "busy/data (unfinished upload)"]
    assert set(s3.objects) == {"kept", ".freezer-s3-create-once"}
    assert [item.name for item in storage.list()] == ["kept"]
