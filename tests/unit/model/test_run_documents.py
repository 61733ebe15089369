"""Claims, renewals, reports and pieces of logs: what they may be, and that everything else is refused in one line."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.errors import DocumentError
from freezer.model.reading import read_form
from freezer.model.run_reports import Pieces, Report
from freezer.model.runs import Claim, Fence, Renewal, run_id

_FORMS: tuple[type[Any], ...] = (Claim, Renewal, Report, Pieces)
_SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
_KEYS = st.sampled_from(
    [each for form in _FORMS for each in form.__struct_encode_fields__] + ["path", "reason", "0", "phase"]
)
_JSON = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=5), inner, max_size=5),
    max_leaves=20,
)


def test_the_id_of_a_run_is_the_same_for_everybody_and_for_ever() -> None:
    assert run_id("job", "schedule", 1_790_000_000) == "f0877c0e27f057aca43fe36f72157706"
    assert len({run_id("job", cause, 7) for cause in ("schedule", "event", "session", "legacy")}) == 4


@given(st.sampled_from(_FORMS), _JSON)
def test_whatever_comes_is_a_document_or_refused_with_the_place_of_the_fault(form: type[Any], value: object) -> None:
    error = _refusal(value, form)
    if error is None:
        return
    assert error.message
    assert "\n" not in error.message
    found = value
    for step in error.path:
        assert isinstance(found, dict | list)
        found = found[step]  # type: ignore[index, call-overload]


def _refusal(value: object, form: type[Any]) -> DocumentError | None:
    try:
        read_form(value, form)
    except DocumentError as error:
        return error
    return None


def test_a_message_is_one_short_line_whatever_it_repeats() -> None:
    error = _refusal({"incarnation": 1, "fence": 1, "state": "a\nb" * 10_000}, Report)
    assert error is not None
    assert error.message.startswith("state: Invalid enum value")
    assert len(error.message) == 400
    error = _refusal({"incarnation": 1, "fence": 1, "a\nb": 1}, Report)
    assert error is not None
    assert error.message == "Object contains unknown field `a b`"


_COUNTS = st.integers(0, 2**53 - 1)


@given(
    st.builds(
        Claim,
        job_id=st.from_regex(r"\A[\w-]{1,255}\Z"),
        cause=st.just("schedule"),
        due=_COUNTS,
        holder=st.text(min_size=1, max_size=20).filter(str.isprintable),
        ttl=st.integers(1, 3600),
        offline=st.booleans(),
    )
)
def test_a_claim_is_read_as_it_was_written(claim: Claim) -> None:
    assert read_form(msgspec.to_builtins(claim), Claim) == claim


def test_what_a_claim_is_for_decides_its_number() -> None:
    base = {"job_id": "j", "holder": "h"}
    assert read_form({**base, "cause": "schedule", "due": 5}, Claim).number == 5
    assert read_form({**base, "cause": "session", "session_tag": 6}, Claim).number == 6
    assert read_form({**base, "cause": "event", "event_number": 7}, Claim).number == 7
    assert read_form({**base, "cause": "event"}, Claim).number is None
    again = read_form({**base, "cause": "event", "incarnation": 2, "fence": 3}, Claim)
    assert again.after == Fence(2, 3)


@pytest.mark.parametrize(
    ("document", "path"),
    [
        ({"state": "running"}, ("state",)),
        ({"progress": {"done_bytes": -1}}, ("progress", "done_bytes")),
        ({"failures": [{"path": "p", "reason": "r"}, {"path": "p"}]}, ("failures", 1)),
        ({"actions": {"0": {"state": "?"}}}, ("actions",)),
        ({"backups": ["ok", "not ok"]}, ("backups", 1)),
        ({"sequence": 0}, ("sequence",)),
    ],
)
def test_a_report_names_the_place_of_its_fault(document: dict[str, Any], path: tuple[str | int, ...]) -> None:
    with pytest.raises(DocumentError) as refused:
        read_form({"incarnation": 1, "fence": 1, **document}, Report)
    assert refused.value.path == path
