"""``freezer status``: what runs, and how the backups of this machine stand."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from freezer.client import Api
from freezer.clock import Clock
from freezer.errors import ApiError
from freezer.standalone import background
from freezer.standalone.access import open_home
from freezer.standalone.home import Home, Plan
from freezer.standalone.services import services
from freezer.standalone.supervisor import State, read_state
from freezer.units import counted

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400


class Status(msgspec.Struct, frozen=True):
    """``lines``: each a word and what is said about it. ``well``: whether everything runs that should."""

    lines: Sequence[tuple[str, str]]
    well: bool
    document: Mapping[str, Any]


def status(home: Home, clock: Clock) -> Status:
    """How a home stands; :class:`freezer.errors.FreezerError` if there is none."""
    plan = home.known_plan()
    up, state = background.is_up(home), read_state(home)
    well, lines = up, [("home", home.path), ("API", plan.url), ("backups in", plan.store)]
    running: dict[str, bool] = {}
    for service in services(home, plan):
        text, running[service.name] = _service(state, service.name, up=up, now=clock.now())
        lines.append((service.name, text))
    well = up and all(running.values())
    jobs: list[Mapping[str, Any]] = []
    if not up:
        lines.append(("", state.problem or "It is down: freezer up starts it."))
    elif running.get("api", True):
        try:
            with open_home(home, plan, clock) as api:
                jobs = list(_jobs(api, plan, clock.now()))
        except ApiError as error:
            well = False
            lines.append(("", error.message))
    lines += [(str(each["description"]), str(each["text"])) for each in jobs]
    document = {
        "home": home.path,
        "url": plan.url,
        "up": up,
        "services": running,
        "problem": state.problem,
        "jobs": jobs,
    }
    return Status(lines, well, document)


def _service(state: State, name: str, *, up: bool, now: float) -> tuple[str, bool]:
    known = state.services.get(name)
    if not up or known is None or not known.process:
        said = f", having said: {known.said}" if known is not None and known.said else ""
        return f"not running{said}", False
    again = f", started again after {counted(known.failures, 'failure')}" if known.failures else ""
    return f"running for {age(now - known.since)} as process {known.process}{again}", True


def _jobs(api: Api, plan: Plan, now: float) -> Iterator[Mapping[str, Any]]:
    for job in api.jobs.each(client_id=plan.client):
        if job["client_id"] != plan.client:
            continue
        run = api.runs.latest(str(job["job_id"]))
        last = "has not run yet" if run is None else f"{run['state']}, {_moment(run, now)}"
        due = [int(each["due"]) for each in api.jobs.preview(str(job["job_id"]), count=1)["runs"]]
        following = f"; next in {age(due[0] - now)}" if due else ""
        yield {
            "job_id": job["job_id"],
            "description": job["description"] or job["job_id"],
            "last": None if run is None else run["state"],
            "next": due[0] if due else None,
            "text": last + following,
        }


def _moment(run: Mapping[str, Any], now: float) -> str:
    ended = run.get("ended")
    return f"{age(now - ended)} ago" if isinstance(ended, int) and ended > 0 else "now"


def age(seconds: float) -> str:
    """A length of time in one unit: ``12 s``, ``3 min``, ``7 h``, ``2 days``."""
    whole = max(0, int(seconds))
    for unit, word in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if whole >= 2 * unit:
            return f"{whole // unit} {word}"
    return f"{whole} s"
