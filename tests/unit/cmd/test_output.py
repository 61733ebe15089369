from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from freezer.cmd.output import Form, Output
from freezer.cmd.tables import Summary, Table
from freezer.errors import FreezerError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def output(
    form: Form = Form.HUMAN, *, terminal: bool = False, quiet: bool = False
) -> tuple[Output, io.StringIO, io.StringIO]:
    stdout, stderr = (Terminal(), Terminal()) if terminal else (io.StringIO(), io.StringIO())
    return Output(form, quiet=quiet, stdout=stdout, stderr=stderr), stdout, stderr


VIEW = Summary({"level": 1})


def test_people_see_views_and_programs_one_document() -> None:
    out, stdout, stderr = output()
    out.result({"level": 1}, VIEW, "done")
    assert stdout.getvalue() == "level: 1\ndone\n"
    out, stdout, stderr = output(Form.JSON)
    out.result({"level": 1}, VIEW, "done")
    out.text("not for programs\n")
    assert stdout.getvalue() == '{"level":1}\n'
    assert stderr.getvalue() == ""


def test_a_second_json_document_is_a_mistake_of_ours() -> None:
    out, _, _ = output(Form.JSON)
    out.result([])
    with pytest.raises(AssertionError):
        out.result([])


def test_notices_warnings_and_errors_go_to_stderr_one_line_each() -> None:
    out, stdout, stderr = output()
    out.notice("level 1\nbecause")
    out.warning("careful", hint="look")
    out.error("broken\x1b[2J", hint="mend\nit")
    assert stdout.getvalue() == ""
    assert stderr.getvalue() == (
        "freezer-agent: level 1\\nbecause\n"
        "freezer-agent: warning: careful\n"
        "hint: look\n"
        "freezer-agent: error: broken\\x1b[2J\n"
        "hint: mend\\nit\n"
    )


def test_in_json_form_stderr_is_json_lines_and_an_error_is_the_document() -> None:
    out, stdout, stderr = output(Form.JSON)
    out.notice("n")
    out.warning("w", hint="h")
    out.error("e", hint="h", details={"exit_code": 1})
    events = [json.loads(line) for line in stderr.getvalue().splitlines()]
    assert events == [
        {"event": "notice", "message": "n"},
        {"event": "warning", "message": "w", "hint": "h"},
        {"event": "error", "message": "e", "hint": "h"},
    ]
    assert json.loads(stdout.getvalue()) == {"error": {"message": "e", "hint": "h", "exit_code": 1}}


def test_an_error_after_the_document_is_on_stderr_only() -> None:
    out, stdout, stderr = output(Form.JSON)
    out.result({"a": 1})
    out.error("e")
    assert stdout.getvalue() == '{"a":1}\n'
    assert "e" in stderr.getvalue()


def test_in_metadata_form_stdout_has_the_report_alone_and_stderr_no_notices() -> None:
    out, stdout, stderr = output(Form.METADATA)
    out.notice("level 1")
    out.text("text")
    out.result({"a": 1}, VIEW)
    out.metadata({"curr_backup_level": 1})
    out.warning("one item left out")
    assert stdout.getvalue() == '{"curr_backup_level":1}\n'
    assert stderr.getvalue() == "freezer-agent: warning: one item left out\n"


def test_in_metadata_form_an_error_leaves_stdout_empty() -> None:
    out, stdout, stderr = output(Form.METADATA)
    out.error("broken")
    assert stdout.getvalue() == ""
    assert stderr.getvalue() == "freezer-agent: error: broken\n"


def test_quiet_leaves_out_notices_and_what_is_not_essential() -> None:
    out, stdout, stderr = output(quiet=True)
    out.notice("n")
    out.result({}, VIEW, essential=False)
    assert stdout.getvalue() + stderr.getvalue() == ""
    out.result({}, VIEW)
    out.warning("w")
    assert stdout.getvalue() == "level: 1\n"
    assert "w" in stderr.getvalue()


def test_notices_and_warnings_are_logged_too(caplog: pytest.LogCaptureFixture) -> None:
    out, _, _ = output(Form.METADATA)
    with caplog.at_level(logging.INFO):
        out.notice("a %s notice")
        out.warning("a warning")
    assert [(record.levelname, record.getMessage()) for record in caplog.records] == [
        ("INFO", "a %s notice"),
        ("WARNING", "a warning"),
    ]


def test_a_terminal_gets_colours_unless_it_or_the_user_does_not_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    out, stdout, stderr = output(terminal=True)
    out.error("e", hint="h")
    out.result({}, Table(("name",), [("x",)]))
    assert "\x1b[1;31merror\x1b[0m: e" in stderr.getvalue()
    assert "\x1b[1m" in stdout.getvalue()
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        with monkeypatch.context() as patch:
            patch.setenv(name, value)
            out, stdout, stderr = output(terminal=True)
            out.error("e")
            out.result({}, Table(("name",), [("x",)]))
            assert "\x1b" not in stdout.getvalue() + stderr.getvalue()


def test_the_traceback_of_an_error_is_shown_only_with_debug() -> None:
    try:
        raise ValueError("x\x1b")
    except ValueError as caught:
        error = caught
    out, _, stderr = output()
    out.trace(error)
    assert stderr.getvalue() == ""
    out.configure(Form.HUMAN, debug=True)
    out.trace(error)
    assert stderr.getvalue().splitlines()[-1] == "ValueError: x\\x1b"
    out.configure(Form.JSON, debug=True)
    stderr.truncate(stderr.seek(0))
    out.trace(error)
    assert json.loads(stderr.getvalue())["lines"][0] == "Traceback (most recent call last):"


def test_surrogates_in_a_document_survive_as_escapes() -> None:
    out, stdout, _ = output(Form.JSON)
    out.result({"path": "a\udcff日"})
    assert json.loads(stdout.getvalue()) == {"path": "a\udcff日"}


def test_lines_go_above_a_bar_while_there_is_one() -> None:
    out, _, stderr = output()
    above: list[str] = []
    with out.above(above.append):
        out.notice("while")
    out.notice("after")
    assert above == ["freezer-agent: while"]
    assert stderr.getvalue() == "freezer-agent: after\n"


SCRIPT = """
import sys
from freezer.cmd.output import Form, Output
from freezer.cmd.exit import run
import logging
out = Output(Form[sys.argv[1]])
def main():
    for _ in range(20000):
        out.text("line\\n")
    out.metadata({"a": "\\udcff"}) if out.form is Form.METADATA else out.text("x")
    out.error("reached") if sys.argv[2:] else None
    return 0
sys.exit(run(main, out, logging.getLogger("freezer")))
"""


def run_script(*arguments: str, **options: Any) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run([sys.executable, "-c", SCRIPT, *arguments], check=False, **options)


def test_a_reader_that_goes_away_changes_nothing_else() -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, "HUMAN", "say"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert child.stdout is not None
    assert child.stdout.readline() == b"line\n"
    child.stdout.close()
    assert child.stderr is not None
    errors = child.stderr.read()
    assert (child.wait(), errors) == (0, b"freezer-agent: error: reached\n")
    child.stderr.close()


def test_standard_output_on_a_full_disk_is_an_error() -> None:
    with open("/dev/full", "wb") as full:
        done = run_script("HUMAN", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr == b"freezer-agent: error: cannot write standard output: No space left on device\n"


def test_a_report_that_cannot_be_delivered_is_a_warning() -> None:
    with open("/dev/full", "wb") as full:
        done = run_script("METADATA", stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 0
    assert done.stderr.startswith(b"freezer-agent: warning: the report was not delivered: ")


def test_a_closed_standard_output_is_no_failure() -> None:
    done = subprocess.run(
        ["sh", "-c", 'exec "$0" -c "$1" HUMAN >&-', sys.executable, SCRIPT], capture_output=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "utf-8"])
def test_any_name_can_be_printed_in_any_locale(tmp_path: Path, encoding: str) -> None:
    script = """
import sys
from freezer.cmd.output import Form, Output
out = Output(Form[sys.argv[1]])
out.result({"name": "日\\udcff"}, "日\\udcff")
out.warning("日\\udcff")
"""
    for form in ("HUMAN", "JSON"):
        done = subprocess.run(
            [sys.executable, "-c", script, form],
            capture_output=True,
            check=True,
            env={"PYTHONIOENCODING": encoding, "PYTHONPATH": ":".join(sys.path), "PYTHONWARNINGS": "error"},
        )
        shown = "日" if encoding == "utf-8" else "\\u65e5"
        if form == "HUMAN":
            assert done.stdout == (shown + "\\udcff\n").encode(encoding)
            assert done.stderr == f"freezer-agent: warning: {shown}\\udcff\n".encode(encoding)
        else:
            assert json.loads(done.stdout.decode()) == {"name": "日\udcff"}
            assert json.loads(done.stderr.decode())["message"] == "日\udcff"


def test_an_error_of_standard_output_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, text: str) -> int:
            raise OSError(28, "No space left on device")

    out = Output(stdout=Full(), stderr=io.StringIO())
    with pytest.raises(FreezerError, match=r"^cannot write standard output: No space left on device$"):
        out.text("x")
    out.text("nothing is tried again")
