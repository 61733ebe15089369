"""Makes ``support`` (helpers that many tests share) importable from every test, whatever pytest's import mode; marks
the tests that start programs; and lets none of those be skipped silently in CI."""

from __future__ import annotations

import os
import sys
from collections.abc import Generator
from pathlib import Path

import pytest

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

INTEGRATION = tuple(HERE / name for name in ("faults", "hostile", "integration", "interop"))
LIMIT = "machine limit: "
"""How the reason begins for which a test that starts programs may be skipped in CI: the machine, not its set-up."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(folder in item.path.parents for folder in INTEGRATION):
            item.add_marker(pytest.mark.integration)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if os.environ.get("CI") and report.skipped and item.get_closest_marker("integration"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if not reason.removeprefix("Skipped: ").startswith(LIMIT):
            report.outcome = "failed"
            report.longrepr = f"skipped in CI, which only a {LIMIT!r} excuses: {reason}"
    return report
