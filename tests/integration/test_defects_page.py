"""The page of the original's defects names tests that exist."""

from __future__ import annotations

import re
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs" / "reference" / "defects.md"


def test_every_defect_has_a_test_and_every_test_exists():
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")][1:]
    assert len(rows) > 30
    for row in rows:
        found = re.search(r"`(test_\w+\.py)::(test_\w+)` \|$", row)
        assert found, row
        (module,) = TESTS.rglob(found[1])
        assert f"def {found[2]}(" in module.read_text(encoding="utf-8"), row


def test_every_number_in_the_name_of_a_test_is_explained():
    page = PAGE.read_text(encoding="utf-8")
    for module in TESTS.rglob("test_*.py"):
        for name in re.findall(r"^def test_((?:[dsu]\d+_)+)", module.read_text(encoding="utf-8"), re.MULTILINE):
            for number in name.strip("_").split("_"):
                assert f"| {number.upper()} |" in page, (module.name, number)
