"""Logs of runs: each piece once, in order, read behind a cursor."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from support.run_places import Worker, place


@pytest.fixture
def worker(tmp_path: Path) -> Worker:
    return place(tmp_path).worker()


def _read(worker: Worker, run: Any, after: str = "", **more: object) -> Any:
    query = "&".join(f"{key}={value}" for key, value in {"after": after, **more}.items())
    return worker.person.get(f"/runs/{run['run_id']}/log?{query}")


def test_pieces_are_kept_once_however_often_they_come(worker: Worker) -> None:
    run = worker.begun()
    for pieces in (("one\n",), ("one\n", "two\n"), ("one\n", "two\n", "three\n")):
        answer = worker.write(run, 1, *pieces)
        assert (answer.status, answer.json()["sequence"]) == (200, len(pieces))
    assert "".join(piece["text"] for piece in _read(worker, run)["pieces"]) == "one\ntwo\nthree\n"


def test_a_piece_that_has_no_one_before_it_is_refused(worker: Worker) -> None:
    run = worker.begun()
    answer = worker.write(run, 2, "x")
    assert (answer.status, answer.json()["reason"]) == (409, "gap")
    assert answer.json()["description"] == "piece 2 of this try comes before piece 1"


def test_a_reader_goes_on_where_it_was_and_hears_of_the_end(worker: Worker) -> None:
    run = worker.begun()
    worker.write(run, 1, "a", "b", "c")
    page = _read(worker, run, limit=2)
    assert ([piece["text"] for piece in page["pieces"]], page["over"]) == (["a", "b"], False)
    page = _read(worker, run, page["cursor"])
    assert [piece["text"] for piece in page["pieces"]] == ["c"]
    nothing = _read(worker, run, page["cursor"])
    assert (nothing["pieces"], nothing["cursor"], nothing["over"]) == ([], page["cursor"], False)
    worker.write(run, 4, "d")
    worker.told(run, state="success")
    page = _read(worker, run, page["cursor"])
    assert ([piece["text"] for piece in page["pieces"]], page["over"]) == (["d"], False)
    assert _read(worker, run, page["cursor"])["over"] is True


def test_what_is_written_after_the_end_is_still_kept(worker: Worker) -> None:
    run = worker.begun()
    worker.told(run, state="success")
    assert worker.write(run, 1, "flushed late").status == 200


def test_tries_have_logs_of_their_own_one_behind_the_other(worker: Worker) -> None:
    run = worker.begun()
    worker.told(run, state="waiting")
    again = worker.claim(run["job_id"], run["due"], "two")
    worker.write(again, 1, "second")
    worker.write(run, 1, "first, delivered late")
    found = [(piece["fence"], piece["sequence"], piece["text"]) for piece in _read(worker, run)["pieces"]]
    assert found == [(1, 1, "first, delivered late"), (2, 1, "second")]
    answer = worker.write({**run, "fence": 3}, 1, "x")
    assert (answer.status, answer.json()["reason"]) == (409, "unknown")


def test_a_log_has_a_greatest_size(worker: Worker) -> None:
    run = worker.begun()
    piece = "x" * 250_000
    statuses = [worker.write(run, 1 + 4 * number, *[piece] * 4).status for number in range(9)]
    assert statuses == [200] * 8 + [413]
    answer = worker.write(run, 33, *[piece] * 2)
    assert answer.json()["reason"] == "full"
    assert worker.write(run, 33, "the end").status == 200


def test_an_answer_has_about_a_mebibyte_at_most(worker: Worker) -> None:
    run = worker.begun()
    worker.write(run, 1, *["x" * 250_000] * 4)
    worker.write(run, 5, *["y" * 250_000] * 4)
    page = _read(worker, run)
    assert len(page["pieces"]) == 4
    assert len(_read(worker, run, page["cursor"])["pieces"]) == 4


@pytest.mark.parametrize("cursor", ["x", "1.2", "1.2.x", "1.2.3.4", "-1.0.0", "1.1.99999999999999999999"])
def test_a_cursor_of_nobody_is_refused(worker: Worker, cursor: str) -> None:
    run = worker.begun()
    assert worker.person.send("GET", f"/runs/{run['run_id']}/log?after={cursor}").status == 400


@pytest.mark.parametrize("pieces", [[], ["x" * 262_145], [1], "text", None])
def test_pieces_that_are_none_are_refused(worker: Worker, pieces: object) -> None:
    run = worker.begun()
    document = {"incarnation": run["incarnation"], "fence": 1, "sequence": 1, "pieces": pieces}
    assert worker.person.send("POST", f"/runs/{run['run_id']}/log", document).status == 400
