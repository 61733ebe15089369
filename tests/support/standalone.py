"""A home of ``freezer up``, as it might be planned."""

from __future__ import annotations

from freezer.standalone.home import Plan

PLAN = Plan(
    kind="first",
    source="/d",
    instance="ab" * 16,
    client="web1",
    store="/srv/b",
    url="http://127.0.0.1:1/v2/default",
    port=1,
)
