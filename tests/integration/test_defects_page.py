"""The pages of the original's defects name tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
REFERENCE = TESTS.parent / "docs" / "reference"
PAGES = {"defects.md": 30, "api-defects.md": 40, "scheduler-defects.md": 30}
"""How many defects each page has at least."""

_TABLE_WITH_TESTS = re.compile(r"^\| \|.*\| test \|\n\|(?:---\|)+\n((?:\|.*\n)+)", re.MULTILINE)


def _rows(page: str) -> list[str]:
    text = (REFERENCE / page).read_text(encoding="utf-8")
    return [row for table in _TABLE_WITH_TESTS.findall(text) for row in table.splitlines()]


@pytest.mark.parametrize("page", PAGES)
def test_every_defect_has_a_test_and_every_test_exists(page: str) -> None:
    rows = _rows(page)
    assert len(rows) > PAGES[page]
    for row in rows:
        found = re.search(r"`(test_\w+\.py)::(test_\w+)` \|$", row)
        assert found, row
        (module,) = TESTS.rglob(found[1])
        assert f"def {found[2]}(" in module.read_text(encoding="utf-8"), row


def test_every_number_in_the_name_of_a_test_is_explained() -> None:
    numbers = {row.split("|")[1].strip() for page in PAGES for row in _rows(page)}
    for module in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^def test_((?:[acdhpsu]\d+_)+)", module.read_text(encoding="utf-8"), re.MULTILINE):
            for number in name.strip("_").split("_"):
                assert number.upper() in numbers, (module.name, number)


def test_every_recorded_answer_that_cannot_be_given_is_explained() -> None:
    page = (REFERENCE / "api-defects.md").read_text(encoding="utf-8")
    for record in (TESTS / "fixtures" / "golden").rglob("*.jsonl"):
        following = record.read_text(encoding="utf-8").count('"follows": ')
        assert not following or f"{record.parent.name} `{record.stem}" in page, record
