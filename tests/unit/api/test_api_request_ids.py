"""Every request has an id: in the answer, and in every line of the log."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.api.config import read_settings
from freezer.api.original import LOG_FORMAT
from freezer.log import LogSettings, configured
from support.api import Person, serving
from support.wsgi import InProcess


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Path]:
    path = tmp_path / "api.log"
    with configured(LogSettings(file=str(path), json=True), pytest.fail):
        yield path


def _lines(log: Path) -> list[dict[str, object]]:
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line for line in lines if not line["logger"].startswith("alembic")]


@pytest.mark.parametrize(
    ("given", "known"),
    [("req-1a2b", "req-1a2b"), ("1a2b", "req-1a2b"), ("no good\nreq", None), ("x" * 200, None), ("", None)],
)
def test_a_callers_request_id_is_kept_if_it_is_one(tmp_path: Path, given: str, known: str | None) -> None:
    told = serving(tmp_path).send("GET", "/", X_OpenStack_Request_ID=given).headers["x-openstack-request-id"]
    assert told == known if known else told.startswith("req-") and "\n" not in told and len(told) == 40


def test_an_answer_has_one_request_id_whoever_gives_it(tmp_path: Path) -> None:
    call = serving(tmp_path)
    call.address = "192.0.2.7"  # the gate answers 401
    told: list[tuple[str, str]] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/v2/p/jobs", "QUERY_STRING": "", "REMOTE_ADDR": "192.0.2.7"}
    call.application(environ, lambda status, headers, error=None: told.extend(headers))  # type: ignore[arg-type,return-value]
    assert [name for name, _ in told].count("x-openstack-request-id") == 1


def test_a_line_says_who_asked_for_what_and_what_came_of_it(tmp_path: Path, log: Path) -> None:
    alice = Person(serving(tmp_path), "blue", user="alice")
    assert alice.send("GET", "/jobs/none", X_OpenStack_Request_ID="req-one").status == 404
    line = _lines(log)[-1]
    assert line["request_id"] == "req-one"
    assert line["logger"] == "freezer.api.access"
    assert {key: line[key] for key in ("method", "path", "status", "user_id", "project_id", "address")} == {
        "method": "GET",
        "path": "/v2/blue/jobs/none",
        "status": 404,
        "user_id": "alice",
        "project_id": "blue",
        "address": "127.0.0.1",
    }
    assert 0 < float(str(line["seconds"])) < 60


def test_lines_that_are_logged_meanwhile_have_the_id_and_later_ones_have_not(tmp_path: Path, log: Path) -> None:
    class Talkative:
        def __call__(self, environ: object, start_response: object) -> object:
            logging.getLogger("somebody.else").warning("meanwhile")
            return inner(environ, start_response)  # type: ignore[arg-type]

    call = serving(tmp_path)
    around = call.application._outer  # type: ignore[attr-defined]
    inner, around._inner = around._inner, Talkative()
    call.send("GET", "/", X_OpenStack_Request_ID="req-two")
    logging.getLogger("somebody.else").warning("later")
    said = {str(line["message"]): line.get("request_id") for line in _lines(log)}
    assert (said["meanwhile"], said["later"]) == ("req-two", None)


def test_a_forged_path_stays_on_its_line(tmp_path: Path, log: Path) -> None:
    serving(tmp_path).send("GET", "/v2/x%0AERROR all is lost")
    assert all("\n" not in str(line["message"]) for line in _lines(log))
    assert len(_lines(log)) == 1


def test_no_access_log_if_it_is_not_wanted(tmp_path: Path, log: Path) -> None:
    serving(tmp_path, access_log=False).send("GET", "/")
    assert _lines(log) == []


def test_what_breaks_between_server_and_routes_is_a_500_without_details(tmp_path: Path, log: Path) -> None:
    class Broken:
        def __call__(self, environ: object, start_response: object) -> object:
            raise RuntimeError("secret detail")

    call = serving(tmp_path)
    call.application._outer._inner = Broken()  # type: ignore[attr-defined]
    answer = call.send("GET", "/", X_OpenStack_Request_ID="req-three")
    assert answer.status == 500
    assert b"secret" not in answer.body
    assert answer.headers["x-openstack-request-id"] == "req-three"
    broken = next(line for line in _lines(log) if "traceback" in line)
    assert broken["request_id"] == "req-three"


def test_the_originals_log_options_have_their_effect(tmp_path: Path) -> None:
    config = tmp_path / "freezer-api.conf"
    config.write_text(
        "[DEFAULT]\ndebug = true\nlog_dir = /var/log/freezer\nlog_file = api.log\nuse_json = yes\n"
        "default_log_levels = sqlalchemy=ERROR, falcon=INFO\nlog_rotation_type = size\nmax_logfile_size_mb = 7\n"
    )
    log = read_settings([str(config)]).log
    assert (log.debug, log.directory, log.file, log.json) == (True, "/var/log/freezer", "api.log", True)
    assert log.levels == ("sqlalchemy=ERROR", "falcon=INFO")
    assert (log.rotation, log.max_size_mb, log.stderr) == ("size", 7, False)


def test_without_a_word_about_it_the_log_is_standard_error_and_its_lines_have_request_ids(tmp_path: Path) -> None:
    config = tmp_path / "freezer-api.conf"
    config.write_text("[api]\nauth = none\n")
    log = read_settings([str(config)]).log
    assert (log.stderr, log.default_file, log.format) == (True, False, LOG_FORMAT)


def test_text_lines_have_the_id_too(tmp_path: Path) -> None:
    path = tmp_path / "api.log"
    with configured(LogSettings(file=str(path), format=LOG_FORMAT), pytest.fail):
        call: InProcess = serving(tmp_path)
        call.send("GET", "/", X_OpenStack_Request_ID="req-four")
    assert "INFO freezer.api.access [req-four] GET / 300 in " in path.read_text()
