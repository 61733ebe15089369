"""Listings that fail, lag behind or lack rows: never "nothing is there", never a reason to remove what is needed."""

from __future__ import annotations

import json
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from network_places import PLACES, SEGMENT, WEB, Place, Work

from freezer.errors import PermissionDenied, StorageError
from freezer.testing.network.between import WebFault
from freezer.testing.network.deeds import CutAnswer, Deed, LoseAnswer, Outdated, Reply, Rewrite
from freezer.testing.network.messages import Message
from freezer.testing.network.when import always, first

LISTING = r"format=json|list-type=2"
DAMAGED: dict[str, Deed] = {
    "500": Reply(500),
    "an empty page of another program": Reply(200, (("Content-Type", "text/html"),), b"<html></html>"),
    "half of it": CutAnswer(told=False),
    "half of it, as if it were all": CutAnswer(told=True),
    "no answer": LoseAnswer(),
    "403": Reply(403),
}


@pytest.fixture
def place(kind: str, tmp_path: Path) -> Iterator[Place]:
    with PLACES[kind](tmp_path) as opened:
        yield opened


def filled(place: Place) -> Work:
    work = Work()
    work.run(place.storage)
    assert work.error is None
    return work


@pytest.mark.parametrize("kind", WEB)
def test_a_listing_that_fails_is_an_error_and_never_empty(place: Place) -> None:
    assert place.web is not None
    filled(place)
    for name, deed in DAMAGED.items():
        place.web.set_faults([WebFault(deed, "GET", LISTING, always)])
        for call in (place.bare.list, lambda: place.bare.sweep(0.0)):
            with pytest.raises(StorageError):
                print(name, call())


@pytest.mark.parametrize("kind", list(PLACES))
def test_a_line_that_is_down_is_an_error_and_never_an_empty_container(place: Place) -> None:
    filled(place)
    place.line.go_down()
    for call in (place.bare.list, place.bare.exists, lambda: place.bare.sweep(0.0), lambda: place.bare.stat("any")):
        with pytest.raises(StorageError):
            print(call())
    place.line.come_up()
    assert place.storage.list()


def rows_lost(answer: Message) -> Message:
    """A listing without the rows of objects that mean others: those called ``data``."""
    if answer.body.startswith(b"["):
        return answer.with_body(
            json.dumps([row for row in json.loads(answer.body) if not row["name"].endswith("/data")]).encode()
        )
    return answer.with_body(re.sub(rb"<Contents>(?:(?!</Contents>).)*/data</Key>.*?</Contents>", b"", answer.body))


@pytest.mark.parametrize("kind", WEB)
@pytest.mark.parametrize("deed", [Outdated(), Rewrite(rows_lost)], ids=["old", "short"])
def test_no_sweep_takes_what_a_listing_does_not_show_to_be_needed(place: Place, deed: Deed) -> None:
    assert place.web is not None
    work = filled(place)
    place.bare.list()
    name, data = f"{work.folder}later/data", secrets.token_bytes(3 * SEGMENT)
    uploading = place.storage.open_write(name)
    for start in range(0, len(data), SEGMENT):
        uploading.write(start, data[start : start + SEGMENT])
    uploading.commit()
    place.web.set_faults([WebFault(deed, "GET", LISTING, always)])
    with suppress(StorageError):  # of a storage that notices
        place.bare.sweep(time.time() + 3600)
    assert place.bare.get(name) == data
    place.web.set_faults([])
    assert place.direct.get(name) == data
    for other, bytes_of_it in work.stored.items():
        assert place.direct.get(other) == bytes_of_it


@pytest.mark.parametrize("kind", ["swift"])
@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_keystone_that_is_busy_is_asked_again_and_one_that_stays_so_is_one_clear_error(
    place: Place, status: int
) -> None:
    assert place.login is not None
    assert place.web is not None
    place.login.set_faults([WebFault(Reply(status), "POST", when=first)])
    filled(place)
    place.login.set_faults([WebFault(Reply(status), "POST", when=always)])
    place.web.set_faults([WebFault(Reply(401), "GET", when=first)])  # a new token is needed
    with pytest.raises(StorageError, match=rf"Keystone at .* answers {status}"):
        place.storage.list()
    assert len(place.login.requests) <= 8


@pytest.mark.parametrize("kind", ["swift"])
def test_a_token_that_ends_in_mid_upload_costs_one_renewal(place: Place) -> None:
    assert place.web is not None
    assert place.login is not None
    place.bare.prepare()
    place.login.set_faults([])
    place.web.set_faults([WebFault(Reply(401), "PUT", "/segments-.*/00000002", first)])
    filled(place)
    assert [method for method, _ in place.login.requests] == ["POST"]


@pytest.mark.parametrize("kind", ["swift"])
def test_a_project_that_was_closed_in_mid_upload_is_one_clear_error(place: Place) -> None:
    assert place.web is not None
    place.web.set_faults([WebFault(Reply(401), "PUT", "/segments-.*/00000002", always)])
    work = Work()
    work.run(place.storage)
    assert isinstance(work.error, PermissionDenied)
    assert "refuses our token, and a new one too" in work.error.message
