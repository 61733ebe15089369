"""What stands in a job file: a job, or a reason in one line."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from freezer.errors import UsageError
from freezer.model.due import due
from freezer.scheduler.source.files import read_file
from freezer.testing.clock import FakeClock
from support.scheduling import ACTION, write_job

ONCE = {"job_actions": [{"freezer_action": ACTION}], "job_schedule": {}}


@pytest.mark.parametrize(
    ("document", "said"),
    [
        ({"job_actions": None, "job_schedule": {}}, "job_actions"),
        ({"job_actions": [{"mandatory": True}], "job_schedule": {}}, "'freezer_action' is a required property"),
        ({"job_actions": [{"action_id": "a"}], "job_schedule": {}}, "an action by its id alone needs the API"),
        ([], "is not of type 'object'"),
        ({**ONCE, "job_schedule": {"schedule_month": "2", "schedule_day": "30"}}, "the schedule never comes"),
        ({**ONCE, "what": 1}, "what"),
    ],
)
def test_h7_what_is_no_job_is_refused_with_its_reason(tmp_path: Path, document: object, said: str) -> None:
    with pytest.raises(UsageError, match=re.escape(said)):
        read_file(str(write_job(tmp_path, "a.conf", document)), FakeClock().now())


def test_a_copy_that_the_originals_scheduler_left_of_a_job_of_the_api_is_not_run(tmp_path: Path) -> None:
    path = write_job(tmp_path, "job_0123.conf", {**ONCE, "job_id": "0123", "user_id": "u", "project_id": "p"})
    with pytest.raises(UsageError, match="this is a copy of a job of the API"):
        read_file(str(path), FakeClock().now())


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=20), inner, max_size=3),
    max_leaves=10,
)
SCHEDULE_KEYS = st.sampled_from(
    [f"schedule_{each}" for each in ("interval", "date", "hour", "window", "jitter", "timezone", "end_date")]
    + ["time_created", "event"]
)
WRITTEN = st.sampled_from(
    ["1 days", "continuous", "2026-01-01T00:00:00", "*/5", "22:00-06:00", "UTC", "start", "9" * 30]
)
JOBS = st.fixed_dictionaries(
    {"job_actions": st.just([{"freezer_action": ACTION}]) | VALUES},
    optional={"job_schedule": st.dictionaries(SCHEDULE_KEYS, VALUES | WRITTEN, max_size=4), "job_id": VALUES},
)


@given(document=JOBS | VALUES)
@example(document={"\r": None})
@settings(max_examples=150, deadline=None)
def test_whatever_stands_in_a_file_it_is_a_job_or_refused_in_one_line(
    document: object, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("jobs") / "a.conf"
    path.write_text(json.dumps(document))
    try:
        found = read_file(str(path), FakeClock().now())
    except UsageError as error:
        refused = str(error)
    else:
        refused = ""
        assert found.job is None or isinstance(due(found.job, 0), int | None)
    assert not refused or (refused.startswith(f"{path}: ") and len(refused.splitlines()) == 1)


@pytest.mark.parametrize("data", [b"\xff\xfe{", b"[" * 100_000, b"9" * 10_000, b"", b"\x00", b'{"job_id": "\xe9"}'])
def test_bytes_that_are_no_json_are_refused_in_one_line(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "a.conf"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"a\.conf: "):
        read_file(str(path), FakeClock().now())
