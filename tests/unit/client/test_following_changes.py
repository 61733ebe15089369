"""Following what changes: against a real API, one without waiting, and the original's."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path

from freezer.client import Api
from freezer.client.identity import Standalone
from freezer.client.wire import Wire
from freezer.testing.clock import FakeClock
from support.api import serving
from support.listening import listening
from support.small_api import SmallApi
from support.small_http import Reply


@contextmanager
def _api(tmp_path: Path, waiters: int) -> Iterator[tuple[Api, FakeClock]]:
    clock = FakeClock()
    with (
        listening(serving(tmp_path, max_waiters=waiters).application) as url,
        Api(Wire(Standalone(url, "default"), clock)) as api,
    ):
        yield api, clock


def test_a_follower_begins_with_its_lists_and_is_told_what_changes(tmp_path: Path) -> None:
    with _api(tmp_path, 2) as (api, _):
        api.clients.create({"client_id": "one"})
        news = api.changes.follow(client="one")
        first = next(news)
        assert (first.reset, first.changes) == (True, ())
        threading.Timer(0.2, api.clients.create, ({"client_id": "one", "description": "d"},)).start()
        told = next(news)
        assert [(each.kind, each.deed, each.id, each.client) for each in told.changes] == [
            ("client", "changed", "one", "one")
        ]
        assert not told.reset


def test_where_nobody_may_wait_the_api_is_asked_now_and_then(tmp_path: Path) -> None:
    with _api(tmp_path, 0) as (api, clock):
        news = api.changes.follow(every=30, going=lambda: clock.monotonic() < 100)
        next(news)
        assert list(news) == []
        assert len(clock.slept) == 4
        assert all(29 < seconds <= 30 for seconds in clock.slept)


def test_of_an_api_that_tells_no_changes_everything_may_have_changed() -> None:
    small, clock = SmallApi(), FakeClock()
    with Api(Wire(Standalone(small.url, None), clock)) as api:
        told = list(islice(api.changes.follow(every=30), 3))
        assert [(each.reset, each.changes) for each in told] == [(True, ())] * 3
        assert len(clock.slept) == 2
    assert not any("changes" in request.name for request in small.requests)
    small.close()


def test_an_api_that_is_away_is_asked_until_it_is_back(tmp_path: Path) -> None:
    small, clock = SmallApi(features=("changes",)), FakeClock()
    with Api(Wire(Standalone(small.url, "p"), clock)) as api:
        versions = {"versions": [{"id": "v2", "features": ["changes"]}]}
        answer = {"changes": [], "last": 7, "reset": False, "more": False}
        small.faults = [Reply(503)] * 9 + [_json(300, versions), _json(200, answer)]
        assert next(api.changes.follow()).last == 7
    small.close()


def test_changes_can_be_asked_for_once(tmp_path: Path) -> None:
    with _api(tmp_path, 0) as (api, _):
        start = api.changes.last()
        api.clients.create({"client_id": "one"})
        found = api.changes.after(start)
        assert [each.id for each in found.changes] == ["one"]
        assert api.changes.after(found.last).changes == ()
        assert api.changes.after(99).reset


def _json(status: int, document: object) -> Reply:
    return Reply(status, {"Content-Type": "application/json"}, json.dumps(document).encode())
