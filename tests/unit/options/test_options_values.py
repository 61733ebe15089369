from __future__ import annotations

import configparser
import io
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import UsageError
from freezer.options.ini import parse_ini
from freezer.options.resolve import resolve
from freezer.options.spec import Kind
from freezer.options.table import BY_NAME, OPTIONS
from freezer.options.values import Assignment, Date, convert, expand_path, parse_date
from freezer.secret import Secret


def value(name: str, text: str) -> object:
    return convert(Assignment(BY_NAME[name], text, f"--{name}", "command line"), "/home/me")


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("max_level", " 3 ", 3),
        ("max_level", "0", None),
        ("restart_always_level", "0", None),
        ("restart_always_level", "0.5", 0.5),
        ("remove_older_than", "0", 0.0),
        ("remove_older_than", "1e2", 100.0),
        ("max_segment_size", "64M", 64 * 1024**2),
        ("max_segment_size", "33554432", 33554432),
        ("upload_limit", "10K", 10240),
        ("upload_limit", "-1", -1),
        ("download_limit", "2M/s", 2 * 1024**2),
        ("overwrite", "Yes", True),
        ("overwrite", "off", False),
        ("max_priority", "high", True),
        ("max_priority", "False", False),
        ("compression", "GZIP", "gzip"),
        ("log_rotate_interval_type", "Days", "days"),
        ("path_to_backup", " ~/a//b/ ", "/home/me/a/b"),
        ("metadata_out", "-", "-"),
        ("hostname", "false", "false"),
        ("restore_from_date", "2014-05-23T23:23:23", Date(1400887403, True)),
        ("restore_from_date", "2014-05-23T23:23:23Z", Date(1400887403, False)),
        ("restore_from_date", "2014-05-24T01:23:23+02:00", Date(1400887403, False)),
        ("restore_from_date", "2014-05-23T23:23:23.999", Date(1400887403, True)),
        ("restore_from_date", "2026-11-21", Date(1795219200, True)),
        ("restore_from_date", "1970-01-01T00:00:00", Date(0, True)),
        ("restore_from_date", "1969-12-31T23:59:59.5Z", Date(-1, False)),
    ],
)
def test_texts_become_values(name, text, expected):
    found = value(name, text)
    assert found == expected
    assert type(found) is type(expected)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("max_level", "-1", "--max_level: '-1' is not possible; allowed: a whole number, at least 0"),
        ("max_level", "1.5", "--max_level: '1.5' is not possible; allowed: a whole number, at least 0"),
        ("max_level", "١", "--max_level: '١' is not possible; allowed: a whole number, at least 0"),
        ("max_level", "9" * 30, f"--max_level: '{'9' * 30}' is not possible; allowed: a whole number, at least 0"),
        (
            "remove_older_than",
            "-0.1",
            "--remove_older_than: '-0.1' is not possible; allowed: a number of days, fractions allowed, at least 0",
        ),
        (
            "remove_older_than",
            "nan",
            "--remove_older_than: 'nan' is not possible; allowed: a number of days, fractions allowed, at least 0",
        ),
        (
            "max_segment_size",
            "0",
            "--max_segment_size: '0' is not possible; allowed: bytes, or a number with K, M, G, T or P, at least 1",
        ),
        (
            "upload_limit",
            "fast",
            (
                "--upload_limit: 'fast' is not possible; allowed: bytes a second, or a number with K, M, G, T or P; "
                "-1 for no limit"
            ),
        ),
        (
            "partial_exit_code",
            "256",
            "--partial_exit_code: '256' is not possible; allowed: a whole number from 0 to 255",
        ),
        ("overwrite", "perhaps", "--overwrite: 'perhaps' is not possible; allowed: true or false"),
        ("compression", "lz4", "--compression: 'lz4' is not possible; allowed: gzip bzip2 xz zstd none"),
        (
            "restore_from_date",
            "yesterday",
            (
                "--restore_from_date: 'yesterday' is not possible; allowed: an ISO 8601 date such as "
                "2026-11-21T10:00:00Z, 2026-11-21T10:00:00+02:00 or 2026-11-21"
            ),
        ),
        ("path_to_backup", "a\0b", "--path_to_backup: 'a\\x00b' is not possible; allowed: a path"),
        (
            "mode",
            "x" * 61 + "\n",
            (
                f"--mode: '{'x' * 60}…' is not possible; allowed: fs mysql mongo sqlserver nova cinder cindernative "
                "cinderbrick glance"
            ),
        ),
    ],
)
def test_bad_values_get_one_line_with_key_value_and_what_is_allowed(name, text, message):
    with pytest.raises(UsageError) as caught:
        value(name, text)
    assert caught.value.message == message


def test_a_secret_is_kept_as_one_and_never_repeated():
    assert value("ssh_password", "geheim") == Secret(b"geheim")
    assert "geheim" not in repr(resolve([[Assignment(BY_NAME["ssh_password"], "geheim", "k", "f")]], "/", "h"))
    with pytest.raises(UsageError) as caught:
        value("ssh_password", "geheim\0")
    assert "geheim" not in caught.value.message


def test_paths_keep_their_dots_because_links_may_lead_elsewhere():
    assert expand_path("/a/../b/", "/h") == "/a/../b/"
    assert expand_path("~", "/h") == "/h"
    assert expand_path("~other/x", "/h") == "~other/x"


@given(st.integers(-(10**9), 4 * 10**9), st.integers(-23 * 60, 23 * 60))
def test_dates_with_any_offset_mean_the_same_instant(seconds, minutes):
    zone = timezone(timedelta(minutes=minutes))
    moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert parse_date(moment.astimezone(zone).isoformat()) == Date(seconds, False)
    assert parse_date(moment.replace(tzinfo=None).isoformat()) == Date(seconds, True)


@given(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zl", "Zp", "Zs"]), min_size=1))
def test_what_the_scheduler_writes_is_what_we_read(text):
    if text.lower() in {"none", "false", "null"}:
        return
    parser = configparser.ConfigParser()
    parser["action"] = {"backup_name": text.replace("%", "%%")}
    written = io.StringIO()
    parser.write(written)
    (found,) = parse_ini(written.getvalue(), "job").assignments
    assert found.text == text


def test_every_default_of_the_table_can_be_read():
    settings = resolve([], "/home/me", "h1")
    for option in OPTIONS:
        if option.default is not None:
            assert settings.is_set(option.name)
    assert settings.text("ssh_key") == "/home/me/.ssh/id_rsa"
    assert settings.integer("max_segment_size") == 33554432


ACCESSORS = {
    Kind.TEXT: "optional_text",
    Kind.PATH: "optional_text",
    Kind.CHOICE: "optional_text",
    Kind.INTEGER: "optional_integer",
    Kind.SIZE: "optional_integer",
    Kind.RATE: "optional_integer",
    Kind.DAYS: "optional_number",
    Kind.SHARE: "optional_number",
    Kind.FLAG: "optional_flag",
    Kind.SWITCH: "optional_flag",
    Kind.DATE: "date",
    Kind.SECRET: "secret",
}
SAMPLES = {
    Kind.TEXT: "t",
    Kind.PATH: "/p",
    Kind.INTEGER: "7",
    Kind.SIZE: "7M",
    Kind.RATE: "7",
    Kind.DAYS: "7",
    Kind.SHARE: "7%",
    Kind.FLAG: "true",
    Kind.SWITCH: "true",
    Kind.DATE: "2026-11-21",
    Kind.SECRET: "s",
}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: option.name)
def test_each_option_has_exactly_one_accessor_that_reads_it(option):
    text = option.choices[0] if option.choices else SAMPLES[option.kind]
    settings = resolve([[Assignment(option, text, option.name, "a file")]], "/h", "h1")
    right = "texts" if option.repeatable else ACCESSORS[option.kind]
    assert getattr(settings, right)(option.name) is not None
    assert settings.given(option.name)
    assert settings.source(option.name) == "a file"
    for wrong in {*ACCESSORS.values(), "texts"} - {right}:
        with pytest.raises(TypeError):
            getattr(settings, wrong)(option.name)


def test_settings_that_must_have_a_value_say_so():
    settings = resolve([], "/h", "h1")
    with pytest.raises(TypeError, match="restore_abs_path is not set"):
        settings.text("restore_abs_path")
    with pytest.raises(TypeError, match="max_level is not set"):
        settings.integer("max_level")
    with pytest.raises(KeyError):
        settings.flag("nonsense")


def test_an_empty_value_brings_back_the_default():
    option = BY_NAME["container"]
    layers = [[Assignment(option, "/a", "container", "f")], [Assignment(option, None, "--container", "command line")]]
    settings = resolve(layers, "/h", "h1")
    assert settings.text("container") == "freezer_backups"
    assert not settings.given("container")
