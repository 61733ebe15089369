"""Signatures, addresses and names of S3, and whose keys are used."""

from __future__ import annotations

import os
import sys
import threading
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from unittest import mock

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given, settings
from hypothesis import strategies as st

from freezer.errors import PermanentError, PermissionDenied, UsageError
from freezer.secret import Secret
from freezer.storage.objects.names import decode, encode
from freezer.storage.s3 import Access, Style
from freezer.storage.s3.address import Place, check_endpoint, locate, split_container
from freezer.storage.s3.credentials import Given, find_access
from freezer.storage.s3.keys import check_free
from freezer.storage.s3.signing import Keys, Request, encode_path, sign

KEYS = Keys("AKIAIOSFODNN7EXAMPLE", Secret(b"wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30)


def test_the_example_of_the_specification_is_signed_as_it_says() -> None:
    now = datetime(2013, 5, 24, tzinfo=UTC).timestamp()
    headers = {"Range": "bytes=0-9"}
    request = Request("GET", "examplebucket.s3.amazonaws.com", "/test.txt", {}, headers, b"")
    signed = sign(request, KEYS, "us-east-1", now)["authorization"]
    assert signed.endswith("Signature=f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")


@settings(deadline=None, max_examples=50)
@given(key=NAMES, query=st.dictionaries(NAMES, NAMES, max_size=4), body=st.binary(max_size=50), token=st.booleans())
def test_any_request_is_signed_as_botocore_signs_it(key: str, query: dict[str, str], body: bytes, token: bool) -> None:
    keys = Keys(KEYS.access, KEYS.secret, "a token" if token else "")
    request = Request("PUT", "s3.example.com:9000", f"/box/{encode_path(key)}", query, {"X-Amz-Meta-A": "b  c"}, body)
    moment = datetime(2026, 11, 21, 10, tzinfo=UTC)
    theirs = AWSRequest(
        "PUT", f"http://{request.host}{request.path}?{request.query_text}", {"X-Amz-Meta-A": "b  c"}, body
    )
    theirs.context["payload_signing_enabled"] = True
    credentials = Credentials(keys.access, keys.secret.reveal().decode(), keys.token or None)
    with mock.patch("botocore.auth.get_current_datetime", return_value=moment.replace(tzinfo=None)):
        S3SigV4Auth(credentials, "s3", "eu-west-1").add_auth(theirs)
    assert sign(request, keys, "eu-west-1", moment.timestamp())["authorization"] == theirs.headers["Authorization"]


@given(st.text(max_size=50).filter(lambda text: not any(0x10F700 <= ord(char) < 0x10F800 for char in text)))
def test_names_of_any_bytes_are_utf8_in_s3_and_come_back(name: str) -> None:
    ours = name.encode("utf-8", "surrogatepass").decode("utf-8", "surrogateescape")
    assert decode(encode(ours)) == ours
    encode(ours).encode()


@pytest.mark.parametrize("name", ["", "a//b", ".freezer-s3-x", "a/.freezer-s3-create-once", "x" * 1025, "\U0010f780"])
def test_names_that_cannot_be_are_refused(name: str) -> None:
    with pytest.raises(PermanentError):
        check_free(name)


ADDRESSES = [
    (None, "auto", "box", Place("https", "box.s3.eu-west-1.amazonaws.com", "/")),
    (None, "auto", "box.with.dots", Place("https", "s3.eu-west-1.amazonaws.com", "/box.with.dots/")),
    (None, "path", "box", Place("https", "s3.eu-west-1.amazonaws.com", "/box/")),
    ("https://s3.example.com", "auto", "Box_1", Place("https", "s3.example.com", "/Box_1/")),
    ("https://s3.example.com:443", "virtual", "box", Place("https", "box.s3.example.com", "/")),
    ("http://S3.example.com:9000/base", "path", "box", Place("http", "s3.example.com:9000", "/base/box/")),
    ("http://[::1]:9000", "auto", "box", Place("http", "[::1]:9000", "/box/")),
    ("https://s3.eu-west-1.amazonaws.com", "auto", "box", Place("https", "box.s3.eu-west-1.amazonaws.com", "/")),
]


@pytest.mark.parametrize(("endpoint", "style", "bucket", "wanted"), ADDRESSES)
def test_where_a_bucket_is(endpoint: str | None, style: str, bucket: str, wanted: Place) -> None:
    access = Access(lambda: KEYS, endpoint, style=Style(style))
    assert locate(access, "eu-west-1", bucket) == wanted


def test_china_has_a_domain_of_its_own_and_no_bucket_is_the_service_itself() -> None:
    access = Access(lambda: KEYS)
    assert locate(access, "cn-north-1", "box").host == "box.s3.cn-north-1.amazonaws.com.cn"
    assert locate(access, "us-east-1", "") == Place("https", "s3.us-east-1.amazonaws.com", "/")


def test_a_name_that_cannot_stand_before_a_host_name_is_refused_with_the_remedy() -> None:
    with pytest.raises(UsageError) as caught:
        locate(Access(lambda: KEYS, "https://s3.example.com", style=Style.VIRTUAL), "x", "Box_1")
    assert "--s3-addressing path" in str(caught.value.hint)


@pytest.mark.parametrize(
    "text", ["", "s3.example.com", "127.0.0.1:9000", "ftp://x", "http://", "http://a:b@c", "http://x:99999"]
)
def test_an_endpoint_that_is_no_url_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--endpoint"):
        check_endpoint(text)


@pytest.mark.parametrize("text", ["", "/x", "box/", "box//x", "box/../x", "bo x", "box?"])
def test_a_container_that_cannot_be_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--container"):
        split_container(text)


def test_a_container_may_have_a_prefix() -> None:
    assert split_container("box") == ("box", "")
    assert split_container("box/some/prefix") == ("box", "some/prefix/")


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home directory without keys, on a machine without a role."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    (tmp_path / ".aws").mkdir()
    return tmp_path


def found(**said):
    access = find_access(Given(**said), os.environ)
    keys = access.keys()
    return access, (keys.access, keys.secret.reveal().decode(), keys.token)


def test_given_keys_come_before_the_environment_and_that_before_the_files(home, monkeypatch):
    (home / ".aws/credentials").write_text("[default]\naws_access_key_id = f\naws_secret_access_key = fs\n")
    assert found()[1] == ("f", "fs", "")
    for name, value in {"ACCESS_KEY_ID": "e", "SECRET_ACCESS_KEY": "es", "SESSION_TOKEN": "t"}.items():
        monkeypatch.setenv(f"AWS_{name}", value)
    assert found()[1] == ("e", "es", "t")
    assert found(access_key="g", secret_key=Secret(b"gs"))[1] == ("g", "gs", "")


def test_a_profile_brings_region_endpoint_style_and_authorities(home, monkeypatch):
    (home / "ca.pem").write_text("")
    (home / ".aws/config").write_text(
        "[profile backup]\nregion = eu-north-1\nendpoint_url = https://s3.example.com\n"
        f"ca_bundle = {home}/ca.pem\naws_access_key_id = p\naws_secret_access_key = ps\n"
        "s3 =\n  addressing_style = virtual\n"
    )
    monkeypatch.setenv("AWS_PROFILE", "backup")
    access, keys = found()
    assert keys == ("p", "ps", "")
    assert (access.region, access.endpoint, access.style) == ("eu-north-1", "https://s3.example.com", Style.VIRTUAL)
    assert access.trust == f"{home}/ca.pem"
    monkeypatch.setenv("AWS_REGION", "eu-west-9")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9000")
    access, _ = found(style=Style.PATH, insecure=True)
    assert (access.region, access.endpoint, access.style) == ("eu-west-9", "http://127.0.0.1:9000", Style.PATH)
    assert access.trust is None
    assert found(region="x", endpoint="http://y")[0].region == "x"


def test_a_program_may_give_the_keys(home):
    answer = '{"Version": 1, "AccessKeyId": "c", "SecretAccessKey": "cs", "SessionToken": "ct"}'
    (home / "keys.json").write_text(answer)
    (home / ".aws/config").write_text(f"[default]\ncredential_process = cat {home}/keys.json\n")
    assert found()[1] == ("c", "cs", "ct")


def test_the_role_of_an_instance_gives_keys(home, monkeypatch):
    class Instance(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.reply("session")

        def do_GET(self):
            role = self.path.endswith("/security-credentials/")
            keys = (
                '{"Code": "Success", "AccessKeyId": "i", "SecretAccessKey": "is", "Token": "it", '
                '"Expiration": "2099-01-01T00:00:00Z"}'
            )
            self.reply("role" if role else keys)

        def reply(self, text):
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_arguments):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Instance)
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    monkeypatch.delenv("AWS_EC2_METADATA_DISABLED")
    monkeypatch.setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", f"http://127.0.0.1:{server.server_port}/")
    try:
        assert found()[1] == ("i", "is", "it")
    finally:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize(
    ("variables", "said", "text"),
    [
        ({}, {}, "there are no S3 keys"),
        ({}, {"access_key": "a"}, "--secret-key is missing"),
        ({}, {"secret_key": Secret(b"a")}, "--access-key is missing"),
        ({"AWS_ACCESS_KEY_ID": "a"}, {}, "AWS_SECRET_ACCESS_KEY is missing"),
        ({"AWS_SECRET_ACCESS_KEY": "a"}, {}, "AWS_ACCESS_KEY_ID is missing"),
        ({"AWS_PROFILE": "nobody"}, {}, "nobody"),
        (
            {"AWS_CA_BUNDLE": "/no/such.pem"},
            {"access_key": "a", "secret_key": Secret(b"a")},
            "AWS_CA_BUNDLE /no/such.pem",
        ),
    ],
)
def test_what_is_wrong_with_the_keys_is_said(home, monkeypatch, variables, said, text):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(UsageError, match=text):
        found(**said)


def test_plain_keys_do_without_botocore_and_other_ways_say_what_to_install(home, monkeypatch):
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    assert found(access_key="a", secret_key=Secret(b"as"))[1] == ("a", "as", "")
    with pytest.raises(UsageError, match=r"--storage s3 needs botocore\S*, which is not installed") as caught:
        found()
    assert caught.value.hint == "pip install 'freezer[s3]'"


def test_a_program_that_gives_no_keys_is_told(home):
    (home / ".aws/config").write_text("[default]\ncredential_process = false\n")
    with pytest.raises(PermissionDenied, match="there are no S3 keys: "):
        found()


def test_a_style_that_the_files_misspell_is_told(home):
    (home / ".aws/config").write_text("[default]\ns3 =\n  addressing_style = sideways\n")
    with pytest.raises(UsageError, match="addressing_style sideways"):
        found(access_key="a", secret_key=Secret(b"a"))
