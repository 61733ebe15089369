"""What tests fetch: where that cannot be done a test is skipped, in CI it fails."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from support.cache import UnavailableError


def fetched(what: str, fetch: Callable[[], Path]) -> Path:
    """What ``fetch`` returns; ``what`` says in a message what that is."""
    try:
        return fetch()
    except UnavailableError as error:
        reason = f"{what} could not be fetched: {error}"
        if os.environ.get("CI"):
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)
