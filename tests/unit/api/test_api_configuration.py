"""The configuration files of the server."""

from __future__ import annotations

from pathlib import Path

import pytest

from freezer.api.config import find_files, read_settings
from freezer.errors import UsageError

_ORIGINAL = """
[DEFAULT]
# the original's own
bind_host = 192.0.2.1
bind_port = 9999
enable_v1_api = False
transport_url = rabbit://x

[database]
connection = mysql+pymysql://freezer:secret@db/freezer?charset=utf8
idle_timeout = 3600

[storage]
backend = sqlalchemy
driver = sqlalchemy

[keystone_authtoken]
www_authenticate_uri = http://keystone:5000/v3
memcached_servers = localhost:11211

[oslo_policy]
policy_file = policy.yaml

[paste_deploy]
config_file = freezer-paste.ini
"""


def _file(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / "freezer-api.conf"
    path.write_text(text)
    return [str(path)]


def test_the_originals_file_is_understood(tmp_path: Path) -> None:
    settings = read_settings(_file(tmp_path, _ORIGINAL))
    assert (settings.host, settings.bind_port, settings.authentication) == ("192.0.2.1", 9999, "keystone")
    assert settings.database == "mysql+pymysql://freezer:secret@db/freezer?charset=utf8"
    assert settings.enable_v1_api is False
    told = [notice.rsplit(": ", 1)[1] for notice in settings.notices]
    assert told == [
        "[DEFAULT] transport_url has no effect (this server sends no messages)",
        "[database] idle_timeout has no effect",
        "[paste_deploy] config_file has no effect (there is no Paste; what its pipeline did is always done)",
    ]
    assert not any("secret" in notice for notice in settings.notices)


_WITH_EFFECT = """
[oslo_middleware]
enable_proxy_headers_parsing = True
[healthcheck]
detailed = True
disable_by_file_path = /run/freezer/off
[database]
max_pool_size = 3
"""


def test_sections_of_oslo_have_their_effect(tmp_path: Path) -> None:
    settings = read_settings(_file(tmp_path, _WITH_EFFECT))
    assert settings.notices == ()
    assert (settings.believes_proxy, settings.detailed_health, settings.disabled_by) == (True, True, "/run/freezer/off")
    assert settings.connections == 3


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[oslo_middleware]\nmax_request_body_size = 9\n", "has no effect (a body has at most 1 MiB)"),
        ("[oslo_middleware]\nmax_request_body = 9\n", "has no effect (the original has no such key either)"),
        ("[database]\nconection = sqlite://\n", "[database] conection has no effect (the original has no such key"),
        ("[DEFAULT]\nlog_color = true\n", "[DEFAULT] log_color has no effect"),
        ("[cors]\nallowed_origin = *\n", "[cors] allowed_origin has no effect"),
        ("[elasticsearch]\nselect_mapping = jobs\n", "has no effect (the index is made, and brought up to date, by"),
    ],
)
def test_what_has_no_effect_is_said_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    (notice,) = read_settings(_file(tmp_path, text)).notices
    assert said in notice
    assert "freezer-api.conf: line 2: " in notice


def test_a_search_server_is_reached_as_the_originals_options_say(tmp_path: Path) -> None:
    text = (
        "[storage]\nbackend = elasticsearch\ndriver = elasticsearch\n[elasticsearch]\nhosts = one, https://two:443/es\n"
        "index = mine\nuse_ssl = true\nca_certs = /ca.pem\nverify_certs = true\nhttp_auth = me:secret:x\n"
        "timeout = 5\nretries = 2\nnumber_of_replicas = 1\n"
    )
    place = read_settings(_file(tmp_path, text)).place
    assert place is not None
    assert place.hosts == ("https://one:9200", "https://two:443/es")
    assert (place.index, place.login, place.authorities, place.verify) == ("mine", "me:secret:x", "/ca.pem", True)
    assert (place.timeout, place.retries, place.replicas) == (5, 2, 1)
    assert read_settings(_file(tmp_path, "[elasticsearch]\nhosts = one\n")).place is None
    with pytest.raises(UsageError, match="different stores"):
        read_settings(_file(tmp_path, "[storage]\nbackend = elasticsearch\ndriver = db\n"))


def test_sections_of_other_programs_and_of_libraries_are_left_alone(tmp_path: Path) -> None:
    text = "[keystone_authtoken]\nanything = x\n[oslo_policy]\nenforce_scope = true\n[scheduler]\ninterval = 60\n"
    assert read_settings(_file(tmp_path, text)).notices == ()


def test_ours_wins_over_the_originals_and_later_files_over_earlier(tmp_path: Path) -> None:
    first = _file(tmp_path, "[DEFAULT]\nbind_port = 1\n[api]\nauth = none\nthreads = 3\n")
    second = tmp_path / "second.conf"
    second.write_text("[api]\nbind_port = 2\n")
    settings = read_settings([*first, str(second)])
    assert (settings.bind_port, settings.threads, settings.host) == (2, 3, "127.0.0.1")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[api]\ncolour = red\n", "line 2: [api] has no key colour"),
        ("[http_basic]\npassword = x\n", "has no key password"),
        ("[api]\nauth = perhaps\n", "keystone, basic, none"),
        ("[api]\nthreads = many\n", "from 1 to 1024"),
        ("[api]\nthreads = 0\n", "from 1 to 1024"),
        ("[DEFAULT]\nbind_port = 70000\n", "1 to 65535"),
        ("[storage]\ndriver = mongo\n", "allowed: db, sqlalchemy, elasticsearch"),
        ("[elasticsearch]\nhosts = ftp://es\n", "addresses with commas between them"),
        ("[elasticsearch]\nindex = UPPER\n", "small letters"),
        ("[elasticsearch]\nhttp_auth = me\n", "user:password"),
        ("[api]\nenable_v1_api = perhaps\n", "true or false"),
        ("auth = none\n", "before the first [section]"),
        ("[api]\ntls_minimum = 1.1\n", "allowed: 1.2, 1.3"),
        ("[api]\nmetrics_from = everybody\n", "networks such as"),
        ("[api]\nrate_limit = -1\n", "0 for no limit"),
        ("[DEFAULT]\nuse_json = perhaps\n", "true or false"),
    ],
)
def test_what_cannot_be_is_refused_with_its_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_settings(_file(tmp_path, text))
    assert said in caught.value.message
    assert "freezer-api.conf" in caught.value.message


def test_nothing_about_authentication_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="how callers are authenticated"):
        _ = read_settings(_file(tmp_path, "[DEFAULT]\ndebug = true\n")).authentication


def test_each_file_is_taken_from_the_first_place_that_has_it(tmp_path: Path) -> None:
    home, etc = tmp_path / "home", tmp_path / "etc"
    for directory in (home / ".freezer", etc / "freezer"):
        directory.mkdir(parents=True)
    (home / ".freezer" / "freezer-api.conf").touch()
    (etc / "freezer" / "freezer-api.conf").touch()
    (etc / "freezer.conf").touch()
    assert find_files(str(home), str(etc)) == [str(etc / "freezer.conf"), str(home / ".freezer" / "freezer-api.conf")]
