"""What an S3, or the way to it, can do wrong is noticed, repeated where that helps, and never taken for success."""

from __future__ import annotations

import pytest

from freezer.errors import (
    ObjectExists,
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageFull,
    TransientError,
)
from freezer.secret import Secret
from freezer.storage.s3 import Access, S3Storage
from freezer.storage.s3.signing import Keys
from support.small_s3 import BUCKET, NOW, Reply, Stored, on, refusal


@pytest.mark.parametrize(
    "reply",
    [
        *(Reply(status) for status in (429, 500, 502, 503, 504)),
        refusal(503, "SlowDown"),
        refusal(400, "RequestTimeout"),
        refusal(400, "BadDigest"),
        refusal(400, "XAmzContentSHA256Mismatch"),
        refusal(409, "OperationAborted"),
    ],
)
def test_a_passing_failure_is_repeated(s3, retrying, reply):
    s3.faults.append(on("PUT", reply))
    retrying.put("a", b"x")
    assert retrying.get("a") == b"x"
    assert s3.count("PUT") == 2


@pytest.mark.parametrize("header", [{"Retry-After": "40"}, {
    "Retry-After": "Sun, 06 Nov 1994 08:50:17 GMT", "Date": "Sun, 06 Nov 1994 08:49:37 GMT",
}])  # fmt: skip
def test_the_pause_that_s3_asks_for_is_kept(s3, retrying, clock, header):
    s3.faults.append(on("PUT", Reply(503, header)))
    before = clock.monotonic()
    retrying.put("a", b"x")
    assert clock.monotonic() - before >= 40


@pytest.mark.parametrize(
    ("reply", "kind", "said", "hint"),
    [
        (refusal(403, "AccessDenied"), PermissionDenied, "S3 does not permit it", "s3:PutObject"),
        (refusal(403, "InvalidAccessKeyId"), PermissionDenied, "does not know the access key", "--access-key"),
        (refusal(403, "SignatureDoesNotMatch"), PermissionDenied, "the secret key is wrong", "--secret-key"),
        (refusal(400, "ExpiredToken"), PermissionDenied, "session token has expired", "new temporary keys"),
        (refusal(400, "InvalidToken"), PermissionDenied, "does not accept the session token", "AWS_SESSION_TOKEN"),
        (refusal(403, "RequestTimeTooSkewed"), PermanentError, "the clock of this machine differs", "NTP"),
        (refusal(403, "QuotaExceeded"), StorageFull, "no room", "quota"),
        (refusal(400, "EntityTooLarge"), StorageFull, "no room", "quota"),
        (Reply(507), StorageFull, "no room", "quota"),
        (refusal(404, "NoSuchBucket"), PermanentError, "no such bucket", "--container"),
        (refusal(400, "InvalidBucketName"), PermanentError, "such a name of a bucket", "lower-case"),
        (refusal(501, "NotImplemented"), PermanentError, "501 NotImplemented (because)", None),
        (refusal(400, "SomethingElse"), PermanentError, "400 SomethingElse (because)", None),
    ],
    ids=lambda value: value.body.decode() if isinstance(value, Reply) else None,
)
def test_a_lasting_failure_is_told_with_its_remedy_and_not_repeated(s3, retrying, reply, kind, said, hint):
    s3.lasting.append(on("PUT", reply))
    with pytest.raises(kind) as caught:
        retrying.put("a", b"x")
    assert said in caught.value.message
    assert "s3:box: cannot store 'a': " in caught.value.message
    assert hint is None or hint in caught.value.hint
    assert s3.count("PUT") == 1


def test_by_how_much_the_clock_is_wrong_is_told(s3, storage, clock):
    server = "Sun, 09 Sep 2001 01:46:40 GMT"
    reply = refusal(403, "RequestTimeTooSkewed")
    reply.headers["Date"] = server
    s3.lasting.append(on("PUT", reply))
    with pytest.raises(PermanentError, match=rf"\({clock.now() - NOW:.0f} seconds fast\)"):
        storage.put("a", b"x")


@pytest.mark.parametrize(
    "reply",
    [
        refusal(400, "AuthorizationHeaderMalformed", Region="eu-west-1"),
        Reply(301, {"x-amz-bucket-region": "eu-west-1"}, refusal(301, "PermanentRedirect").body),
    ],
    ids=["400", "301"],
)
def test_the_region_that_s3_names_is_used_unless_another_was_asked_for(s3, storage, clock, reply):
    s3.lasting.append(lambda request: None if "/eu-west-1/s3/" in request.headers["authorization"] else reply)
    storage.put("a", b"x")
    assert storage.get("a") == b"x"
    assert len(s3.seen) == 3
    with pytest.raises(PermanentError, match="S3 wants the region eu-west-1") as caught:
        S3Storage(s3.access(region="eu-east-9"), BUCKET, clock=clock).get("a")
    assert caught.value.hint == "pass --s3-region eu-west-1"


def test_a_redirection_is_told_and_not_followed(s3, storage):
    body = refusal(307, "TemporaryRedirect", Endpoint="box.elsewhere.example").body
    s3.lasting.append(on("PUT", Reply(307, {"Location": "http://elsewhere.example/"}, body)))
    with pytest.raises(PermanentError, match="in another region") as caught:
        storage.put("a", b"x")
    assert "box.elsewhere.example" in caught.value.hint
    assert len(s3.seen) == 1


def test_why_a_head_was_refused_is_found_out(s3, storage):
    s3.lasting.append(lambda request: refusal(403, "InvalidAccessKeyId"))
    with pytest.raises(PermissionDenied, match="does not know the access key"):
        storage.stat("a")


def test_a_token_that_expired_is_replaced_if_there_is_a_newer_one(s3, clock):
    keys = [Keys("key", Secret(b"secret"), "old"), Keys("key", Secret(b"secret"), "new")]
    storage = S3Storage(Access(lambda: keys.pop(0), s3.url), BUCKET, clock=clock)
    s3.lasting.append(
        lambda request: refusal(400, "ExpiredToken") if request.headers["x-amz-security-token"] == "old" else None
    )
    storage.put("a", b"x")
    assert s3.objects["a"].data == b"x"


@pytest.mark.parametrize("length", [None, 1000])
def test_a_body_that_was_cut_off_is_never_returned(s3, storage, retrying, length):
    data = bytes(range(250)) * 4
    storage.put("a", data)
    kept = s3.objects["a"].headers
    s3.faults.append(on("GET", Reply(200, kept, data[:600], length=length)))
    with pytest.raises(TransientError):
        storage.get("a")
    s3.faults.append(on("GET", Reply(200, kept, data[:600], length=length)))
    assert retrying.get("a") == data


def test_a_byte_that_changed_on_the_way_is_noticed(s3, storage):
    storage.put("a", b"good")
    kept = s3.objects["a"].headers
    for reply in (Reply(200, kept, b"gooD"), Reply(206, kept | {"Content-Range": "bytes 0-3/4"}, b"gooD")):
        s3.faults.append(on("GET", reply))
        with pytest.raises(TransientError, match="other bytes than it has"):
            storage.get("a")


@pytest.mark.parametrize("place", ["bytes 0-3/10", "bytes 4-7/*", "bytes 4-6/10", ""])
def test_another_range_than_asked_for_is_noticed(s3, storage, place):
    s3.objects["a"] = Stored(b"0123456789", {})
    body = b"456" if place == "bytes 4-6/10" else b"4567"
    s3.faults.append(on("GET", Reply(206, {"Content-Range": place}, body)))
    if place == "bytes 4-7/*":
        assert storage.get("a", 4, 4) == b"4567"  # nobody need know how much more there is
        return
    with pytest.raises(TransientError, match="other bytes"):
        storage.get("a", 4, 4)


def test_a_server_that_ignores_ranges_does_no_harm(s3, storage):
    storage.put("a", b"0123456789")
    s3.faults.append(on("GET", Reply(200, s3.objects["a"].headers, b"0123456789")))
    assert storage.get("a", 4, 4) == b"4567"


def test_an_answer_that_was_lost_leaves_put_new_to_find_out(s3, retrying):
    def lose(request):
        if request.method != "PUT" or "a" in s3.objects:
            return None
        s3.objects["a"] = Stored(request.body, {})
        return Reply(503)

    s3.faults.append(lose)
    retrying.put_new("a", b"ours")
    assert s3.count("PUT") == 1


def test_a_record_that_must_be_new_is_tried_again_until_it_is_stored(s3, retrying):
    s3.faults += [on("PUT", Reply(503)), on("PUT", Reply(429))]
    retrying.put_new("a", b"ours")
    assert s3.objects["a"].data == b"ours"
    assert s3.count("PUT") == 3


def test_a_401_is_asked_once_more_and_two_are_a_clear_error(s3, retrying):
    s3.faults.append(on("PUT", Reply(401)))
    retrying.put("a", b"x")
    assert s3.count("PUT") == 2
    s3.lasting.append(on("PUT", Reply(401)))
    with pytest.raises(PermissionDenied, match="S3 refuses our keys, and does so when asked again"):
        retrying.put("a", b"x")
    assert s3.count("PUT") == 4


def test_swift_is_asked_once_more_about_a_signature_which_is_how_its_s3_says_401(s3, retrying):
    wrong = refusal(403, "SignatureDoesNotMatch")
    s3.faults.append(on("PUT", Reply(wrong.status, wrong.headers | {"X-Trans-Id": "tx1"}, wrong.body)))
    retrying.put("a", b"x")
    assert s3.count("PUT") == 2
    s3.lasting.append(on("PUT", wrong))
    with pytest.raises(PermissionDenied, match="the secret key is wrong"):
        retrying.put("a", b"x")
    assert s3.count("PUT") == 4


def test_a_service_that_is_busy_when_asked_for_an_earlier_trial_need_not_hold_another(s3, retrying):
    retrying.prepare()
    before = s3.count("PUT")
    s3.faults.append(lambda request: Reply(503) if request.name.endswith("create-once") else None)
    retrying.prepare()
    assert s3.count("PUT") == before


def test_a_name_that_another_took_at_the_same_time_is_noticed_where_the_service_does_not_see_to_it(s3, storage):
    def overtake(request):
        if request.method == "GET":
            s3.objects["a"] = Stored(b"theirs", {})

    s3.lasting.append(overtake)
    with pytest.raises(ObjectExists):
        storage.put_new("a", b"ours")


def test_an_answer_that_does_not_say_how_large_an_object_is_is_no_answer(s3, storage):
    s3.objects["a"] = Stored(b"x", {"Last-Modified": "yesterday"})
    with pytest.raises(TransientError, match="how large"):
        storage.stat("a")


@pytest.mark.parametrize("place", [(-1, 2), (0, -2)])
def test_bytes_that_no_object_has_are_refused(storage, place):
    with pytest.raises(PermanentError):
        storage.get("a", *place)


def test_a_server_that_is_not_there_is_told_with_its_address(s3, storage):
    s3.close()
    with pytest.raises(TransientError, match=r"S3 at http://127.0.0.1:\d+ cannot be reached: Connection refused"):
        storage.get("a")


def test_an_object_of_somebody_else_without_our_checksum_is_read(s3, storage):
    s3.objects["a"] = Stored(b"theirs", {})
    assert storage.get("a") == b"theirs"
    with pytest.raises(ObjectNotFound):
        storage.get("b")
