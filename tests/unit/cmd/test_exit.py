from __future__ import annotations

import io
import json
import logging
from collections.abc import Callable

import pytest

from freezer import errors
from freezer.cmd.exit import partial_exit_code, run
from freezer.cmd.output import Form, Output
from freezer.errors import FreezerError, UsageError

LOG = logging.getLogger("freezer.test.exit")


def outcome(main: Callable[[], int], form: Form = Form.HUMAN, *, debug: bool = False) -> tuple[int, str, str]:
    stdout, stderr = io.StringIO(), io.StringIO()
    code = run(main, Output(form, debug=debug, stdout=stdout, stderr=stderr), LOG)
    return code, stdout.getvalue(), stderr.getvalue()


def raising(error: BaseException) -> Callable[[], int]:
    def main() -> int:
        raise error

    return main


def every_error() -> list[type[FreezerError]]:
    return [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, FreezerError)]


def test_what_main_returns_is_the_exit_code() -> None:
    assert outcome(lambda: 3) == (3, "", "")


@pytest.mark.parametrize("kind", every_error())
def test_every_error_of_the_tree_gives_its_exit_code_one_line_and_its_hint(kind: type[FreezerError]) -> None:
    code, stdout, stderr = outcome(raising(kind("it broke", hint="mend it")))
    assert code == kind.exit_code
    assert code in (1, 2)
    assert stdout == ""
    assert stderr == "freezer-agent: error: it broke\nhint: mend it\n"


def test_in_json_form_the_error_is_the_document() -> None:
    code, stdout, _ = outcome(raising(errors.TransientError("try later")), Form.JSON)
    assert code == 1
    assert json.loads(stdout) == {
        "error": {
            "message": "try later",
            "hint": None,
            "type": "TransientError",
            "exit_code": 1,
            "retryable": True,
        }
    }


def test_in_metadata_form_an_error_leaves_stdout_empty() -> None:
    assert outcome(raising(UsageError("no")), Form.METADATA) == (2, "", "freezer-agent: error: no\n")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (PermissionError(13, "Permission denied", "/x"), "PermissionError: [Errno 13] Permission denied: '/x'"),
        (ValueError("a\nb"), "ValueError: a\\nb"),
        (KeyError(), "KeyError"),
        (MemoryError(), "out of memory"),
        (RecursionError("deep"), "RecursionError: deep"),
        (BrokenPipeError(32, "Broken pipe"), "BrokenPipeError: [Errno 32] Broken pipe"),
        (ExceptionGroup("several", [ValueError("x")]), "ExceptionGroup: several (1 sub-exception)"),
    ],
)
def test_what_nobody_foresaw_is_one_line_and_exit_1(error: Exception, line: str) -> None:
    code, stdout, stderr = outcome(raising(error))
    assert (code, stdout) == (1, "")
    assert stderr.splitlines()[0] == f"freezer-agent: error: internal error: {line}"
    assert "Traceback" not in stderr


def test_a_system_that_allows_no_more_threads_is_no_internal_error() -> None:
    code, _, stderr = outcome(raising(RuntimeError("can't start new thread")))
    assert code == 1
    assert stderr.startswith("freezer-agent: error: the system does not let this program start another thread\nhint: ")


def test_the_traceback_is_in_the_log_and_on_stderr_only_with_debug(caplog: pytest.LogCaptureFixture) -> None:
    outcome(raising(ValueError("why")))
    assert "Traceback" in caplog.text
    _, _, stderr = outcome(raising(ValueError("why")), debug=True)
    assert stderr.startswith("Traceback (most recent call last):\n")
    assert stderr.splitlines()[-2] == "freezer-agent: error: internal error: ValueError: why"


def test_an_error_of_ours_is_logged_by_its_message_and_traced_only_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        outcome(raising(UsageError("wrong %s")))
    assert [record.getMessage() for record in caplog.records] == ["wrong %s"]
    assert "Traceback" not in caplog.text
    with caplog.at_level(logging.DEBUG):
        outcome(raising(UsageError("wrong")))
    assert "Traceback" in caplog.text


def test_without_a_log_nothing_is_said_twice(capfd: pytest.CaptureFixture[str]) -> None:
    root = logging.getLogger()
    before, root.handlers = root.handlers, []
    try:
        outcome(raising(ValueError("why")))
    finally:
        root.handlers = before
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(("code", "expected"), [(None, 0), (0, 0), (2, 2), ("text", 1)])
def test_leaving_by_system_exit_keeps_its_code(code: object, expected: int) -> None:
    assert outcome(raising(SystemExit(code)))[0] == expected


@pytest.mark.parametrize(
    ("chosen", "upstream_form", "expected"), [(None, False, 3), (None, True, 0), (7, True, 7), (0, False, 0)]
)
def test_a_partial_run_exits_with_3_or_0_for_the_original_or_as_chosen(
    chosen: int | None, upstream_form: bool, expected: int
) -> None:
    assert partial_exit_code(chosen, upstream_form=upstream_form) == expected


def test_the_form_that_options_choose_holds_for_the_errors_behind_them() -> None:
    stdout, stderr = io.StringIO(), io.StringIO()
    out = Output(stdout=stdout, stderr=stderr)

    def main() -> int:
        out.configure(Form.JSON)
        raise UsageError("no")

    assert run(main, out, LOG) == 2
    assert json.loads(stdout.getvalue())["error"]["message"] == "no"
