"""Many backups in one repository: looking at them costs no request for each, and not much time."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from benchmarks import dedup_scale

from freezer.agent.places import opening
from freezer.storage.local import LocalStorage
from support.runs import Run

REQUESTS = Counter[str]()


class Counting(LocalStorage):
    """Counts what is asked of it."""

    def get(self, name, offset=0, length=None):
        REQUESTS["get"] += 1
        return super().get(name, offset, length)

    def stat(self, name):
        REQUESTS["stat"] += 1
        return super().stat(name)

    def list(self, prefix=""):
        REQUESTS["list"] += 1
        return super().list(prefix)


@pytest.fixture
def asked(agent, tmp_path, monkeypatch):
    """What an action asks of the storage of a repository with so many backups: with an empty cache, and with a full
    one; and how it ended."""
    for name in ("XDG_CACHE_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(opening, "LocalStorage", Counting)

    def ask(count: int, *words: str) -> tuple[int, int, Run]:
        folder = tmp_path / f"{count}"
        if not folder.exists():
            folder.mkdir()
            dedup_scale.make(folder, count)
        action, *rest = words
        place = ["--storage", "local", "-C", folder / "container", "-N", "web", "--hostname", "h"]
        requests = []
        for _ in range(2):
            REQUESTS.clear()
            run = agent.call(action, *place, "--machine-secret-file", folder / "secret", *rest)
            requests.append(REQUESTS.total())
        return requests[0], requests[1], run

    return ask


@pytest.mark.parametrize("words", [("list", "--json"), ("forget", "--keep-last", "3", "--dry-run", "--json")])
def test_what_is_known_of_many_backups_is_not_asked_again(asked, words):
    few_cold, few, _ = asked(10, *words)
    many_cold, many, run = asked(60, *words)
    assert run.code == 0, run.err
    assert many_cold - few_cold == 50  # each decision once
    assert many == few
    rows = run.json if words[0] == "list" else [*run.json["keep"], *run.json["remove"]]
    assert len(rows) == 60


def test_backups_that_were_made_up_are_as_good_as_others(asked, agent, tmp_path):
    _, _, run = asked(5, "check", "--read-data")
    assert run.code == 0, run.err
    _, _, run = asked(5, "restore", "--restore-abs-path", str(tmp_path / "out"), "--overwrite")
    assert run.code == 0, run.err
    assert (tmp_path / "out" / "file").read_text() == "content"


@pytest.mark.stopwatch
@pytest.mark.slow(only=True)
def test_ten_thousand_backups_are_listed_in_a_second_and_plans_for_a_hundred_thousand_made_in_ten(tmp_path):
    for count, action, most in ((10_000, "list", 1.0), (100_000, "forget --dry-run", 10.0)):
        folder = Path(tmp_path, str(count))
        folder.mkdir()
        dedup_scale.make(folder, count)
        words = dedup_scale.ACTIONS[action]
        dedup_scale.run(folder, words)
        took = min(dedup_scale.run(folder, words).wall for _ in range(3))
        print(f"{action} of {count} backups: {took:.2f} s")
        assert took <= most
