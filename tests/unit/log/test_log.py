from __future__ import annotations

import json
import logging
import os
import socket
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from freezer.errors import UsageError
from freezer.log import LogSettings, configured, escaped, system
from freezer.secret import Secret

logger = logging.getLogger("freezer.test")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(tmp_path))
    yield tmp_path
    assert not [
        h
        for h in logging.getLogger().handlers
        if isinstance(h, logging.FileHandler) and str(tmp_path) in h.baseFilename
    ]


def no_warning(message: str) -> None:
    raise AssertionError(message)


def test_the_default_log_file_is_made_for_its_owner_alone(home: Path) -> None:
    os.umask(0o022)
    with configured(LogSettings(), no_warning) as path:
        logger.info("hello")
    assert path == str(home / ".freezer" / "freezer.log")
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(home / ".freezer").st_mode) == 0o700
    assert Path(path).read_text().endswith(" INFO freezer.test hello\n")


def test_a_second_run_appends_and_keeps_the_mode_an_operator_chose(home: Path) -> None:
    path = home / "a.log"
    path.write_text("first\n")
    path.chmod(0o640)
    with configured(LogSettings(file=str(path)), no_warning):
        logger.info("second")
    assert path.read_text().startswith("first\n")
    assert "second" in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


@pytest.mark.parametrize("bad", ["missing/folder/x.log", ".", "file/x.log"])
def test_a_log_that_cannot_be_opened_is_one_warning_and_nothing_else(home: Path, bad: str) -> None:
    (home / "file").touch()
    warnings: list[str] = []
    with configured(LogSettings(file=str(home / bad)), warnings.append) as path:
        logger.error("lost")
    assert path is None
    assert len(warnings) == 1
    assert warnings[0].startswith("no log is written: ")


def test_a_full_disk_is_one_warning_however_many_lines_are_lost(home: Path) -> None:
    warnings: list[str] = []
    with configured(LogSettings(file="/dev/full"), warnings.append):
        for _ in range(3):
            logger.info("lost")
    assert len(warnings) == 1
    assert "No space left on device" in warnings[0]


def test_a_file_name_cannot_forge_a_line(home: Path) -> None:
    with configured(LogSettings(file=str(home / "l")), no_warning):
        logger.warning("stored %s", "a\n2026-11-21 00:00:00 ERROR freezer forged \x1b[2J\udcff")
        try:
            raise ValueError("x\nERROR forged too")
        except ValueError:
            logger.exception("failed")
    lines = (home / "l").read_text().splitlines()
    assert "stored a\\n2026-11-21 00:00:00 ERROR freezer forged \\x1b[2J\\udcff" in lines[0]
    assert lines[1].endswith("ERROR freezer.test failed")
    assert lines[2].startswith("    | Traceback")
    assert all(line.startswith("    | ") for line in lines[2:])
    assert "    | ERROR forged too" in lines


def test_json_lines_hold_the_same_and_parse(home: Path) -> None:
    with configured(LogSettings(file=str(home / "l"), json=True), no_warning):
        logger.warning("a\nb\udcff")
        try:
            raise ValueError("x\ny")
        except ValueError:
            logger.exception("failed")
    first, second = (json.loads(line) for line in (home / "l").read_text().splitlines())
    assert first.keys() == {"time", "level", "logger", "process", "message"}
    assert first["message"] == "a\\nb\\udcff"
    assert first["level"] == "WARNING"
    assert second["traceback"][0] == "Traceback (most recent call last):"


def test_a_traceback_is_formatted_for_each_handler_on_its_own(home: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with configured(LogSettings(file=str(home / "l"), stderr=True), no_warning):
        other = logging.StreamHandler(sys.stderr)
        other.setFormatter(logging.Formatter("plain %(message)s"))
        logging.getLogger().handlers.insert(0, other)
        try:
            raise ValueError("x\nforged")
        except ValueError:
            logger.exception("failed")
    assert "\nforged" not in (home / "l").read_text()
    assert "plain failed" in capfd.readouterr().err


def test_secrets_print_as_secret(home: Path) -> None:
    with configured(LogSettings(file=str(home / "l")), no_warning):
        logger.info("key %s %r", Secret(b"hunter2"), {"k": Secret(b"hunter2")})
    assert "hunter2" not in (home / "l").read_text()
    assert "key <secret> {'k': <secret>}" in (home / "l").read_text()


def test_debug_levels_directories_formats_and_dates_are_obeyed(home: Path) -> None:
    settings = LogSettings(
        file="x.log",
        directory=str(home),
        debug=True,
        levels=("freezer.quiet=ERROR",),
        format="%(asctime)s [%(request_id)s] %(instance)s%(message)s",
        date_format="%Y",
    )
    with configured(settings, no_warning) as path:
        logger.debug("shown")
        logging.getLogger("freezer.quiet").warning("hidden")
    assert path == str(home / "x.log")
    text = Path(path).read_text()
    assert text[4:] == " [-] shown\n"
    assert logging.getLogger("freezer.quiet").level == logging.NOTSET


def test_a_folder_alone_gives_the_file_the_program_s_name(home: Path) -> None:
    with configured(LogSettings(directory=str(home)), no_warning, program="freezer-x") as path:
        pass
    assert path == str(home / "freezer-x.log")


def test_rotated_files_are_private_too(home: Path) -> None:
    path = home / "l"
    with configured(LogSettings(file=str(path), rotation="size", max_size_mb=1, max_count=2), no_warning):
        for _ in range(30):
            logger.info("x" * 100_000)
    assert sorted(p.name for p in home.iterdir()) == ["l", "l.1", "l.2"]
    assert {stat.S_IMODE(p.stat().st_mode) for p in home.iterdir()} == {0o600}


def test_rotation_by_time_is_accepted(home: Path) -> None:
    settings = LogSettings(file=str(home / "l"), rotation="interval", rotate_interval_type="Hours")
    with configured(settings, no_warning):
        logger.info("x")
    assert "x" in (home / "l").read_text()


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (LogSettings(rotation="daily"), "log_rotation_type: 'daily'"),
        (LogSettings(rotation="interval", rotate_interval_type="eons"), "log_rotate_interval_type: 'eons'"),
        (LogSettings(syslog=True, syslog_facility="LOG_NOBODY"), "syslog_log_facility: 'LOG_NOBODY'"),
        (LogSettings(levels=("freezer",)), "default_log_levels: 'freezer'"),
        (LogSettings(levels=("freezer=LOUD",)), "default_log_levels: 'freezer=LOUD'"),
        (LogSettings(format="%(message"), "logging_default_format_string: '%(message'"),
        (LogSettings(config_append="/nowhere.conf"), "log_config_append: there is no file '/nowhere.conf'"),
    ],
)
def test_a_setting_that_makes_no_sense_is_a_usage_error_naming_it(
    home: Path, settings: LogSettings, named: str
) -> None:
    before = logging.getLogger().handlers[:]
    with pytest.raises(UsageError, match="^" + named.replace("(", r"\(")), configured(settings, no_warning):
        pass
    assert logging.getLogger().handlers == before


def test_a_logging_configuration_file_decides_and_is_undone(home: Path) -> None:
    config = home / "log.conf"
    config.write_text(
        "[loggers]\nkeys=root\n[handlers]\nkeys=f\n[formatters]\nkeys=p\n"
        f"[logger_root]\nlevel=INFO\nhandlers=f\n[handler_f]\nclass=FileHandler\nformatter=p\nargs=('{home}/own.log',)\n"
        "[formatter_p]\nformat=own %(message)s\n"
    )
    before = logging.getLogger().handlers[:]
    with configured(LogSettings(config_append=str(config)), no_warning) as path:
        logger.info("hello")
    assert path is None
    assert (home / "own.log").read_text() == "own hello\n"
    assert logging.getLogger().handlers == before


def test_a_malformed_logging_configuration_file_is_one_line(home: Path) -> None:
    config = home / "log.conf"
    config.write_text("no\nini\n")
    settings = LogSettings(config_append=str(config))
    with pytest.raises(UsageError, match="is no logging configuration") as caught, configured(settings, no_warning):
        pass
    assert "\n" not in str(caught.value)


def test_syslog_and_journal_receive_lines_or_are_warned_about(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = home / "socket"
    monkeypatch.setattr(system, "SYSLOG_SOCKET", str(home / "none"))
    monkeypatch.setattr(system, "JOURNAL_SOCKET", str(home / "none"))
    warnings: list[str] = []
    settings = LogSettings(file=str(home / "l"), syslog=True, journal=True)
    with configured(settings, warnings.append):
        pass
    assert [w.split(":")[0] for w in warnings] == ["nothing is logged to syslog", "nothing is logged to the journal"]
    monkeypatch.setattr(system, "SYSLOG_SOCKET", str(path))
    monkeypatch.setattr(system, "JOURNAL_SOCKET", str(path))
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        with configured(settings, no_warning):
            logger.error("to both\n")
        first, second = server.recv(65536), server.recv(65536)
    assert first.startswith(b"<11>freezer-agent: ")
    assert b"to both\\n" in first
    assert second.startswith(b"PRIORITY=3\nSYSLOG_IDENTIFIER=freezer-agent\n")
    assert b"to both\\n" in second


def test_escaped_leaves_ordinary_text_alone_and_shows_the_rest() -> None:
    assert escaped("naïve 日本 text") == "naïve 日本 text"
    assert escaped("a\r\n\t\x1b\u202e\udc80") == "a\\r\\n\\t\\x1b\\u202e\\udc80"


@pytest.mark.stopwatch
def test_importing_the_log_imports_no_handlers() -> None:
    script = (
        "import sys, freezer.log; print([m for m in sys.modules if m in ('logging.handlers', 'msgspec', 'socket')])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
