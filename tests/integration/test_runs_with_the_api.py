"""``freezer run-…`` and ``restore`` on the real API, while a scheduler executes through the client library."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from freezer.cli.command import Context, Flow, Given, Record
from freezer.cli.restoring import restore
from freezer.cli.runs import show_log
from freezer.client import Api
from freezer.client.identity import Standalone
from freezer.client.runs import Lease
from freezer.client.wire import Wire
from freezer.cmd.freezer import main
from freezer.errors import EXIT_PARTIAL, ApiConflict, ApiError
from freezer.model.run_reports import Failure, Pieces, Progress, Report
from freezer.model.runs import Claim
from freezer.testing.clock import FakeClock
from support.over_http import behind_a_port
from support.run_places import Place, place

pytestmark = pytest.mark.integration

ACTION = {"action": "backup", "mode": "fs", "path_to_backup": "/etc", "storage": "local", "engine_name": "tar"}
BACKUP = {"backup_name": "home", "container": "/srv", "storage": "local", "mode": "fs", "hostname": "web1"}


class Done(NamedTuple):
    code: int
    out: str
    err: str


class Clock(FakeClock):
    """Lets a scheduler do something whenever somebody waits."""

    def __init__(self) -> None:
        super().__init__()
        self.steps: list[Callable[[], object]] = []

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        self.steps.pop(0)()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return place(tmp_path_factory.mktemp("api"))


@pytest.fixture(scope="module")
def url(server: Place) -> Iterator[str]:
    with behind_a_port(server.server.application) as address:
        yield address


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def api(url: str, clock: Clock) -> Iterator[Api]:
    with Api(Wire(Standalone(url, "default"), clock)) as api:
        api.clients.create({"client_id": "node", "hostname": "web1"})
        yield api


@pytest.fixture
def freezer(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Done]:
    for name in [name for name in os.environ if name.startswith("OS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("OS_BACKUP_URL", f"{url}/v2/default")

    def run(*words: str) -> Done:
        code = main(words)
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run


def _claimed(api: Api, job: str) -> Lease:
    due = api.jobs.get(job)["job_schedule"]["time_created"]
    return api.runs.claim(Claim(job_id=job, cause="schedule", due=due, holder="web1/1"))[0]


def _begun(api: Api) -> Lease:
    return _claimed(api, api.jobs.create({"client_id": "node", "job_actions": [{"freezer_action": ACTION}]}))


def _report(lease: Lease, **told: Any) -> Report:
    return Report(incarnation=lease.fence.incarnation, fence=lease.fence.number, **told)


def _pieces(lease: Lease, sequence: int, *texts: str) -> Pieces:
    return Pieces(incarnation=lease.fence.incarnation, fence=lease.fence.number, sequence=sequence, pieces=list(texts))


def test_a_scheduler_claims_renews_writes_and_ends_a_run(api: Api, clock: Clock) -> None:
    clock.advance(100)
    lease = _begun(api)
    assert (lease.fence.number, lease.ttl, lease.until) == (1, 60, 160)
    clock.advance(30)
    renewed = api.runs.renew(lease, 90)
    assert (renewed.lease.until, renewed.event) == (220, "")
    assert api.runs.write_log(lease.run_id, _pieces(lease, 1, "a", "b")) == 2
    found = api.runs.report(lease.run_id, _report(lease, sequence=1, state="success", exit_code=0))
    assert (found["state"], found["exit_code"]) == ("success", 0)
    with pytest.raises(ApiConflict) as refused:
        _claimed(api, str(found["job_id"]))
    assert (refused.value.reason, refused.value.status) == ("over", 409)


def test_runs_are_listed_newest_first_and_shown(api: Api, freezer: Callable[..., Done]) -> None:
    first, second = _begun(api), _begun(api)
    api.runs.report(first.run_id, _report(first, state="failed", exit_code=1, error="no such host"))
    rows = json.loads(freezer("run-list", "--client", "node", "-f", "json").out)
    assert [row["Run ID"] for row in rows[:2]] == [second.run_id, first.run_id]
    assert (rows[0]["State"], rows[1]["State"]) == ("running", "failed")
    failed = json.loads(freezer("run-list", "--state", "failed", "--limit", "1", "-f", "json").out)
    assert [row["Run ID"] for row in failed] == [first.run_id]
    shown = json.loads(freezer("run-show", first.run_id, "-f", "json").out)
    assert (shown["State"], shown["Exit code"], shown["Error"]) == ("failed", 1, "no such host")
    assert freezer("run-show", "nothing").err.splitlines()[0].endswith("has no run nothing")


def test_a_log_is_printed_and_no_terminal_obeys_it(api: Api, freezer: Callable[..., Done]) -> None:
    lease = _begun(api)
    api.runs.write_log(lease.run_id, _pieces(lease, 1, "one\ntw", "o\n", "\x1b[2Jthree ❄\n"))
    assert freezer("run-log", lease.run_id).out == "one\ntwo\n\\x1b[2Jthree ❄\n"
    assert json.loads(freezer("--json", "run-log", lease.run_id).out) == {"text": "one\ntwo\n\x1b[2Jthree ❄\n"}


def test_a_log_is_followed_until_the_run_is_over(api: Api, clock: Clock) -> None:
    lease = _begun(api)
    api.runs.write_log(lease.run_id, _pieces(lease, 1, "begun\n"))
    clock.steps = [
        lambda: None,
        lambda: api.runs.write_log(lease.run_id, _pieces(lease, 2, "more\n")),
        lambda: (
            api.runs.write_log(lease.run_id, _pieces(lease, 3, "the end\n")),
            api.runs.report(lease.run_id, _report(lease, state="success")),
        ),
    ]
    said: list[str] = []
    context = Context(lambda: api, clock, said.append, {})
    flow = show_log(context, Given({"run_id": lease.run_id, "follow": True}))
    assert isinstance(flow, Flow)
    assert list(flow.texts) == ["begun\n", "more\n", "the end\n"]
    assert clock.steps == []


@pytest.fixture
def backup(api: Api) -> str:
    return api.backups.create({**BACKUP, "time_stamp": 1_700_000_000})


def _restored(api: Api, clock: Clock, backup: str, said: list[str], last: dict[str, Any]) -> Record:
    """A restore that a scheduler takes up a little later and ends as ``last`` says."""
    held: list[Lease] = []

    def take() -> None:
        (job,) = api.jobs.find(search={"match": [{"description": "restore of home as of 2023-11-14T22:13:20"}]})[-1:]
        held.append(_claimed(api, job["job_id"]))

    def progress() -> None:
        api.runs.report(
            held[0].run_id,
            _report(held[0], progress=Progress(phase="restore", done_bytes=47, total_bytes=100)),
        )

    clock.steps = [take, progress, lambda: api.runs.report(held[0].run_id, _report(held[0], **last))]
    context = Context(lambda: api, clock, said.append, {})
    given = {"backup_uuid": backup, "path": "/new", "client": "node", "encrypt_pass_file": None}
    shown = restore(context, Given(given))
    assert isinstance(shown, Record)
    return shown


def test_a_restore_watches_its_run(api: Api, clock: Clock, backup: str) -> None:
    said: list[str] = []
    shown = _restored(api, clock, backup, said, {"state": "success"})
    assert [line.partition(": ")[2] for line in said[1:]] == [
        "waiting for its client",
        "running",
        "running: restore, 40 %",
        "success",
    ]
    assert (shown.code, shown.pairs["Result"]) == (0, "success")


def test_a_restore_that_left_items_out_says_so_and_has_its_own_exit_code(api: Api, clock: Clock, backup: str) -> None:
    said: list[str] = []
    last = {"state": "partial", "failures": [Failure("p", "denied")], "more_failures": 4}
    assert _restored(api, clock, backup, said, last).code == EXIT_PARTIAL
    assert said[-1].startswith("5 items could not be restored: freezer run-show ")


def test_a_restore_that_failed_tells_why_and_where_more_is(api: Api, clock: Clock, backup: str) -> None:
    last = {"state": "failed", "error": "the passphrase is wrong"}
    with pytest.raises(ApiError, match="has ended: failed: the passphrase is wrong") as caught:
        _restored(api, clock, backup, [], last)
    assert (caught.value.hint or "").startswith("see freezer run-log ")


def test_a_client_with_two_kinds_of_schedulers_is_settled_by_a_command(
    api: Api, freezer: Callable[..., Done], tmp_path: Path
) -> None:
    lease = _begun(api)
    job = str(api.runs.get(lease.run_id)["job_id"])
    api.jobs.update(job, {"job_schedule": {"status": "scheduled"}, "session_id": "", "session_tag": 0})
    with pytest.raises(ApiConflict) as refused:
        _begun(api)
    assert refused.value.reason == "mixed"
    assert freezer("client-scheduler", "node", "nonsense").code == 2
    assert freezer("client-scheduler", "node", "leasing").err == "freezer: client node: its scheduler is leasing\n"
    _begun(api)
