"""JSON and YAML from files, and the line on which something is wrong."""

from __future__ import annotations

import io
import json
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from freezer.cli.files import read_document
from freezer.cli.positions import json_lines, nearest
from freezer.errors import ApiInvalid, DocumentError, UsageError

TEXT = """{
\t"job_actions": [
\t\t{"freezer_action": {"mode": "fs",
\t\t\t"path\\u005fto_backup": "/a \\"b\\" [c]"},
\t\t "max_retries": -1.5e3}
\t],

\t"description": null,
\t"empty": {}, "list": []
}
"""


def test_each_part_of_a_file_has_its_line() -> None:
    lines = dict(json_lines(TEXT))
    assert lines["job_actions",] == 2
    assert lines["job_actions", 0] == 3
    assert lines["job_actions", 0, "freezer_action", "path_to_backup"] == 4
    assert lines["job_actions", 0, "max_retries"] == 5
    assert lines["description",] == 8
    assert lines["list",] == 9
    assert nearest(lines, ("job_actions", 0, "freezer_action", "container")) == 3
    assert nearest(lines, ("nowhere",)) is None


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(values, st.sampled_from([None, 0, 1]))
def test_every_part_of_any_json_is_found(value: object, indent: int | None) -> None:
    def paths(part: object, path: tuple[str | int, ...] = ()) -> set[tuple[str | int, ...]]:
        items = part.items() if isinstance(part, dict) else enumerate(part) if isinstance(part, list) else ()
        return {path}.union(*(paths(inner, (*path, key)) for key, inner in items))

    text = json.dumps(value, indent=indent)
    assert {path for path, _ in json_lines(text)} == paths(value)


def written(tmp_path: Path, text: str | bytes, name: str = "job.json") -> str:
    path = tmp_path / name
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return str(path)


def test_json_and_yaml_say_the_same(tmp_path: Path) -> None:
    document = {"a": [{"b": 1, "c": "2026-11-22T01:00:00"}], "d": None, "e": True}
    yaml = "a:\n  - b: 1\n    c: 2026-11-22T01:00:00\nd: null\ne: true\n"
    for text in (json.dumps(document), yaml, "\ufeff" + json.dumps(document, indent=2)):
        assert read_document(written(tmp_path, text)).content == document


def test_standard_input_is_a_file_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(b'{"a": 1}')))
    assert read_document("-").content == {"a": 1}


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('{\n "a": 1,\n "b" 2}', "line 3, column 6"),
        ('{"a": 1', "line 1, column 8"),
        ("a: 1\n b: 2\n", "line 2, column 3"),
        ("a: [1\n", "line 2, column 1"),
        ("", "is empty"),
        ("[1]", "must contain one object, not a list"),
        ("just words", "must contain one object, not a text"),
        ('{"a": 1,\n "b": 2,\n "a": 3}', "line 3: 'a' is there twice"),
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is there twice"),
        (b"{\n\n\xff}", "line 3 is not UTF-8 text"),
        ("[" * 100_000, "nested too deeply"),
        ("x" * 1_100_000, "has more than"),
        ("!!python/object/apply:os.system [id]", "line 1"),
    ],
)
def test_what_is_wrong_with_a_file_is_said_with_its_line(tmp_path: Path, text: str | bytes, wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        read_document(written(tmp_path, text))


def test_a_key_twice_with_the_same_value_does_no_harm(tmp_path: Path) -> None:
    assert read_document(written(tmp_path, '{"a": "", "a": ""}')).content == {"a": ""}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nothing cannot be read: No such file"):
        read_document(str(tmp_path / "nothing"))


def test_errors_about_the_document_name_the_line(tmp_path: Path) -> None:
    document = read_document(written(tmp_path, TEXT))
    place = ("job_actions", 0, "freezer_action", "mode")
    with pytest.raises(UsageError, match=r"job\.json: line 3: no such mode"), document.blamed():
        raise DocumentError("no such mode", place)
    with pytest.raises(ApiInvalid, match=r"job\.json: line 3: no such mode"), document.blamed():
        raise ApiInvalid("no such mode", status=422, path=place)
    with pytest.raises(ApiInvalid, match=r"^no such mode"), document.blamed():
        raise ApiInvalid("no such mode", status=422)
