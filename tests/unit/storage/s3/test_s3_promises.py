"""What a bucket can do is tried out before it is relied on: one winner of several writers, versions, locks."""

from __future__ import annotations

import json
import threading
from dataclasses import replace

import pytest

from freezer.errors import ObjectExists, PermanentError, PermissionDenied, TransientError
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.s3 import Lock, Protection, S3Storage
from freezer.storage.s3.once import RACERS, ROUNDS
from support.small_s3 import BUCKET, Reply, Stored, refusal

MARK = ".freezer-s3-create-once"


def opened(s3, clock, container=BUCKET, **protection):
    return S3Storage(s3.access(), container, clock=clock, protection=Protection(**protection))


def races(s3):
    return sum("/.freezer-s3-race-" in f"/{request.name}" and request.method == "PUT" for request in s3.seen)


def prepared(s3, clock, **protection):
    storage = opened(s3, clock, **protection)
    storage.prepare()
    return storage


def test_one_winner_is_promised_only_after_it_was_seen_in_every_race(s3, clock):
    storage = opened(s3, clock)
    assert not storage.capabilities.create_once
    storage.prepare()
    assert storage.capabilities.create_once
    assert races(s3) == RACERS * ROUNDS
    assert [*s3.objects] == [MARK]
    storage.put_new("a", b"x")
    assert s3.seen[-1].headers["if-none-match"] == "*"
    with pytest.raises(ObjectExists):
        storage.put_new("a", b"y")


def test_a_service_that_lets_several_win_is_not_trusted_and_not_asked_for_conditions(s3, clock):
    s3.careless = True
    storage = prepared(s3, clock)
    assert not storage.capabilities.create_once
    s3.seen.clear()
    storage.put_new("a", b"x")
    with pytest.raises(ObjectExists):
        storage.put_new("a", b"y")
    assert s3.objects["a"].data == b"x"
    assert all("if-none-match" not in request.headers for request in s3.seen)


def test_a_service_that_lets_a_second_one_in_only_now_and_then_is_not_trusted(s3, clock):
    def slip(request):
        s3.careless = s3.count("PUT") == RACERS * 3

    s3.lasting.append(slip)
    assert not prepared(s3, clock).capabilities.create_once


@pytest.mark.parametrize("reply", [refusal(501, "NotImplemented"), refusal(400, "InvalidArgument"), Reply(412)])
def test_a_service_that_refuses_conditions_is_not_trusted(s3, clock, reply):
    s3.lasting.append(lambda request: reply if "if-none-match" in request.headers else None)
    assert not prepared(s3, clock).capabilities.create_once
    assert MARK in s3.objects


def test_a_race_that_was_disturbed_proves_nothing_and_is_repeated(s3, clock):
    s3.faults.append(lambda request: Reply(503) if "if-none-match" in request.headers else None)
    assert prepared(s3, clock).capabilities.create_once
    assert races(s3) == RACERS * (ROUNDS + 1)


def test_a_service_that_is_too_busy_for_races_is_not_trusted_but_asked_again_the_next_time(s3, clock):
    s3.lasting.append(lambda request: Reply(503) if "if-none-match" in request.headers else None)
    assert not prepared(s3, clock).capabilities.create_once
    assert MARK not in s3.objects
    s3.lasting.clear()
    assert prepared(s3, clock).capabilities.create_once


def test_a_conflict_is_a_defeat_in_a_race_and_otherwise_a_reason_to_try_again(s3, clock):
    lock = threading.Lock()

    def conflict(request):
        with lock:
            taken = request.name in s3.objects
        return refusal(409, "ConditionalRequestConflict") if taken and "if-none-match" in request.headers else None

    s3.lasting.append(conflict)
    storage = prepared(s3, clock)
    assert storage.capabilities.create_once
    s3.lasting.clear()
    s3.faults.append(lambda request: refusal(409, "ConditionalRequestConflict"))
    storage.put_new("a", b"x")
    assert s3.objects["a"].data == b"x"


def test_swift_is_never_trusted_and_gets_no_races(s3, clock):
    s3.lasting.append(lambda request: Reply(404, {"X-Trans-Id": "tx1"}) if request.name == MARK else None)
    storage = prepared(s3, clock)
    assert not storage.capabilities.create_once
    assert storage.capabilities.list_delay > 0
    assert races(s3) == 0


def test_what_was_found_is_kept_for_a_month_and_for_this_bucket_only(s3, clock):
    prepared(s3, clock)
    s3.seen.clear()
    assert prepared(s3, clock).capabilities.create_once
    assert races(s3) == 0
    record = json.loads(s3.objects[MARK].data)
    for damaged in (b"", b"[]", b"{}", b"null", json.dumps(record | {"place": "elsewhere"}).encode()):
        s3.seen.clear()
        s3.objects[MARK] = Stored(damaged, {})
        assert prepared(s3, clock).capabilities.create_once
        assert races(s3) > 0
    clock.advance(31 * 86400)
    s3.seen.clear()
    s3.careless = True
    assert not prepared(s3, clock).capabilities.create_once
    assert races(s3) > 0
    s3.careless = False
    assert not prepared(s3, clock).capabilities.create_once  # kept, too


def test_preparing_leaves_nothing_else_and_makes_the_bucket_if_there_is_none(s3, clock):
    s3.bucket_exists = False
    prepared(s3, clock)
    assert s3.bucket_exists
    assert s3.uploads == {}
    assert set(s3.objects) == {MARK}


def test_who_may_not_write_is_told_so_before_anything_is_stored(s3, clock):
    s3.lasting.append(lambda request: refusal(403, "AccessDenied") if request.method in ("PUT", "POST") else None)
    with pytest.raises(PermissionDenied, match="S3 does not permit it"):
        prepared(s3, clock)


def test_versions_are_switched_on_if_asked_for_and_seen(s3, clock):
    assert not prepared(s3, clock).capabilities.versioning
    assert s3.versioned == ""
    assert prepared(s3, clock, versioning=True).capabilities.versioning
    assert s3.versioned == "Enabled"


def test_a_service_that_only_says_that_it_keeps_versions_is_found_out(s3, clock):
    s3.versioning_works = False
    with pytest.raises(PermanentError, match="keeps no versions, although S3 agreed"):
        prepared(s3, clock, versioning=True)


def test_a_new_bucket_gets_object_lock_if_asked_for_and_everything_is_locked(s3, clock):
    s3.bucket_exists = False
    storage = prepared(s3, clock, lock=Lock(30, "compliance"))
    found = storage.capabilities
    assert (found.versioning, found.object_lock, found.protects_from_deletion) == (True, True, True)
    storage.put("a", b"x")
    storage.put_new("b", b"x")
    upload = storage.open_write("c")
    for number in range(2):
        upload.write(number * (5 << 20), bytes(5 << 20))
    upload.commit()
    for name in "abc":
        headers = s3.objects[name].headers
        assert headers["x-amz-object-lock-mode"] == "COMPLIANCE"
        assert headers["x-amz-object-lock-retain-until-date"].endswith("Z")
    assert all(
        "content-md5" in request.headers
        for request in s3.seen
        if request.name in {"a", "b", "c"} and request.method == "PUT"
    )


def test_a_bucket_without_object_lock_is_refused_with_the_remedy(s3, clock):
    with pytest.raises(PermanentError, match="has no object lock") as caught:
        prepared(s3, clock, lock=Lock(30))
    assert "name a new one" in caught.value.hint


@pytest.mark.parametrize("change", [
    {}, {"x-amz-object-lock-mode": "GOVERNANCE"}, {"x-amz-object-lock-retain-until-date": "2001-09-10T00:00:00Z"},
])  # fmt: skip
def test_a_lock_that_was_not_kept_is_no_success(s3, clock, change):
    s3.bucket_exists = False
    storage = prepared(s3, clock, lock=Lock(30, "compliance"))

    def weaken(request):
        if request.method == "HEAD" and request.name in s3.objects:
            known = s3.objects[request.name]
            kept = known.headers | change if change else {}
            s3.objects[request.name] = replace(known, headers=kept)

    s3.lasting.append(weaken)
    with pytest.raises(PermanentError, match="but not locked it"):
        storage.put("a", b"x")
    upload = storage.open_write("b")
    for number in range(2):
        upload.write(number * (5 << 20), bytes(5 << 20))
    with pytest.raises(PermanentError, match="but not locked it"):
        upload.commit()
    upload.abort()


def grown(storage, name, parts):
    upload = storage.open_write(name)
    for number in range(parts):
        upload.write(number * (5 << 20), bytes([number]) * (5 << 20))
    return upload


def test_a_service_that_forgets_the_lock_of_an_upload_is_told_again(s3, clock):
    s3.bucket_exists = False
    s3.forgets = True
    storage = prepared(s3, clock, lock=Lock(30, "compliance"))
    grown(storage, "a", 2).commit()
    assert s3.objects["a"].headers["x-amz-object-lock-mode"] == "COMPLIANCE"


@pytest.mark.parametrize("parts", [1, 2])
def test_an_upload_to_a_free_name_does_not_replace_what_another_stored_meanwhile(s3, clock, parts):
    storage = prepared(s3, clock)
    upload = grown(storage, "a", parts)
    s3.objects["a"] = Stored(b"theirs", {})
    with pytest.raises(ObjectExists, match="was stored by somebody else meanwhile"):
        upload.commit()
    upload.abort()
    assert s3.objects["a"].data == b"theirs"
    assert s3.uploads == {}
    upload = grown(storage, "a", parts)
    upload.commit()  # the name was taken from the beginning: to replace it is what was asked for
    assert s3.objects["a"].data != b"theirs"


@pytest.mark.parametrize("parts", [1, 2])
def test_an_upload_whose_first_completion_was_not_heard_of_is_not_taken_for_that_of_another(s3, clock, parts):
    storage = RetryingStorage(prepared(s3, clock), clock, RetryPolicy(tries=3), chance=lambda: 0.0)
    upload = grown(storage, "a", parts)

    def lose(request):
        if "if-none-match" not in request.headers:
            return None
        s3._object(request)
        return Reply(503)

    s3.faults.append(lose)
    upload.commit()
    assert len(s3.objects["a"].data) == parts * (5 << 20)


@pytest.mark.parametrize("what", ["versioning", "object-lock"])
def test_a_service_that_is_busy_when_asked_what_the_bucket_has_is_asked_again(s3, clock, what):
    s3.lockable = True
    s3.faults.append(lambda request: Reply(503) if request.method == "GET" and what in request.query else None)
    storage = opened(s3, clock, lock=Lock(1))
    with pytest.raises(TransientError, match="cannot look what the bucket has"):
        storage.prepare()
    storage.prepare()
    assert storage.capabilities.object_lock
