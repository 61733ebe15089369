"""Tests that repeat something many times come in two lengths: short by default, long with ``pytest -m slow`` (``make
sweep``). ``tests/conftest.py`` has the fixtures ``trials``, ``chance`` and ``counted`` for them."""

from __future__ import annotations

from collections.abc import Callable

Trials = Callable[[int, int], int]
"""``trials(short, long)``: how many to do in this run."""
