"""Answers of a Swift that are neither success nor its ordinary failures, and questions that never reach it."""

from __future__ import annotations

import hashlib

import pytest
from small_swift import CONTAINER, Reply, SmallSwift, Tokens

from freezer.errors import PermanentError, StorageFull, TransientError
from freezer.storage.swift import SwiftStorage
from freezer.storage.swift.account import list_containers
from freezer.storage.swift.wire import Wire


@pytest.fixture
def swift():
    server = SmallSwift()
    yield server
    server.close()


@pytest.fixture
def storage(swift):
    opened = SwiftStorage(Tokens(swift.url), CONTAINER)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(503), "cannot list the containers"),
        (Reply(200, body=b"<html>"), "is no list"),
        (Reply(200, body=b'[{"name": "box"}]'), "is no list"),
        (Reply(200, body=b"[7]"), "is no list"),
    ],
)
def test_a_list_of_containers_that_cannot_be_right_is_an_error_and_no_empty_account(swift, reply, said):
    swift.lasting.append(lambda request: reply)
    with pytest.raises(TransientError, match=said):
        list_containers(Wire(Tokens(swift.url)))


def test_an_object_for_which_there_is_no_room_is_a_full_storage(swift, storage):
    swift.lasting.append(lambda request: Reply(413, body=b"Upload exceeds quota."))
    with pytest.raises(StorageFull, match="Upload exceeds quota"):
        storage.put("object", b"x")


@pytest.mark.parametrize("name", ["\ud800", "x" * 2000])
def test_names_that_swift_cannot_have_never_reach_it(swift, storage, name):
    with pytest.raises(PermanentError, match=r"not a legal object name|too long for Swift"):
        storage.put(name, b"x")
    assert swift.seen == []


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1)])
def test_parts_that_no_object_has_never_reach_it(swift, storage, offset, length):
    with pytest.raises(PermanentError, match="no object has"):
        storage.get("object", offset, length)
    assert swift.seen == []


def test_a_static_large_object_is_read_as_what_its_manifest_means(swift, storage):
    """As other programs store them; Swift itself puts their segments together unless asked for the manifest."""
    whole, manifest = b"the segments", b'[{"name": "/box/one"}]'

    def reply(request):
        raw = request.query.get("multipart-manifest") == "get"
        body = manifest if raw else whole
        headers = {"X-Static-Large-Object": "True", "ETag": '"of all segments"', "Last-Modified": "Sun, 09 Sep 2001"}
        if raw:
            headers["ETag"] = hashlib.md5(manifest, usedforsecurity=False).hexdigest()
        return Reply(200, headers, b"" if request.method == "HEAD" else body, length=len(body))

    swift.lasting.append(reply)
    assert storage.get("object") == whole
    assert storage.get("object", 0, 0) == b""


def test_an_empty_segment_is_no_segment(swift, storage):
    upload = storage.open_write("a/data")
    upload.write(0, b"")
    upload.write(0, b"x")
    upload.write(1, b"")
    upload.commit()
    upload.abort()  # of what is complete already, nothing
    assert len(swift.objects) == 2
    assert storage.get("a/data") == b"x"


def test_many_large_objects_are_read_again_and_again_whatever_is_remembered_of_them(swift, storage, monkeypatch):
    monkeypatch.setattr("freezer.storage.swift.storage._REMEMBERED", 2)
    for number in range(5):
        upload = storage.open_write(f"{number}/data")
        upload.write(0, str(number).encode())
        upload.commit()
    for _ in range(2):
        assert [storage.get(f"{number}/data") for number in range(5)] == [b"0", b"1", b"2", b"3", b"4"]


def test_sizes_that_cannot_be_read_are_found_in_the_listing_instead(swift, storage):
    upload = storage.open_write("a/data")
    for number in range(3):
        upload.write(number, b"%d" % number)
    upload.commit()
    data, headers = swift.objects["a/data"]
    (sizes,) = (name for name in headers if name not in ("x-object-manifest",))
    swift.objects["a/data"] = (data, headers | {sizes: "what is this"})
    other = SwiftStorage(Tokens(swift.url), CONTAINER)
    assert other.get("a/data") == b"012"
    assert other.stat("a/data").size == 3
    other.close()
