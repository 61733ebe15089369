"""Conditions that people want to be told of, and the telling."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from msgspec.structs import replace

from freezer.api.housekeeper.context import Context
from freezer.api.housekeeper.work import Work, active, every
from freezer.api.scope import EVERYTHING, Scope
from freezer.api.service.answers import body, links
from freezer.api.service.job_state import told_schedule
from freezer.api.service.pauses import lasting
from freezer.api.store.contract import Kind, Query, Record, Unit
from freezer.api.store.operations import Alarm
from freezer.api.store.terms import term
from freezer.clock import utc_text
from freezer.errors import DocumentError
from freezer.model.due import instants
from freezer.notify import Notice, announce

CLIENT_SILENT = "client silent"
BACKUP_OVERDUE = "backup overdue"
_CONDITIONS = frozenset({CLIENT_SILENT, BACKUP_OVERDUE})
_OVER = ": over"
_GOOD = ("success", "partial")
_DAY = 86_400


def notice_conditions(work: Work) -> int:
    """Have an alarm for every condition that holds, and no other; how many have begun or ended."""
    holding = {(each.event, each.object): each for each in (*_silent_clients(work), *_overdue_backups(work))}

    def keep(unit: Unit) -> int:
        known = {(each.event, each.object): each for each in unit.operations.alarms() if each.event in _CONDITIONS}
        begun = [unit.operations.add_alarm(holding[key]) for key in holding.keys() - known.keys()]
        ended = [known[key] for key in known.keys() - holding.keys()]
        for each in ended:
            unit.operations.drop_alarm(each)
            if each.told:
                unit.operations.add_alarm(_over(each, work.now))
        return sum(begun) + len(ended)

    return work.store.write(keep)


def tell(work: Work) -> int:
    """Tell people of alarms that they have not been told of; what no channel takes now is tried again in the next
    round."""
    waiting = [each for each in work.store.read(lambda unit: unit.operations.alarms()) if not each.told]
    return sum(_told(work, each) for each in waiting)


def _told(work: Work, alarm: Alarm) -> bool:
    over = alarm.event.endswith(_OVER)
    notice = Notice(
        event=alarm.event.removesuffix(_OVER),
        project_id=alarm.project_id,
        kind=alarm.kind,
        id=alarm.object,
        name=alarm.name,
        text=alarm.text,
        time=alarm.since,
        over=over,
    )
    if not announce(notice, work.channels):
        return False
    operations = "drop_alarm" if alarm.passing else "mark_alarm"
    work.store.write(lambda unit: getattr(unit.operations, operations)(alarm))
    return True


def _over(alarm: Alarm, now: int) -> Alarm:
    return replace(alarm, event=alarm.event + _OVER, since=now, passing=True, told=False)


def _silent_clients(work: Work) -> Iterator[Alarm]:
    before = work.now - work.settings.silent_after
    known = work.store.read(lambda unit: unit.operations.presences())
    silent = {each.client: each for each in known if each.seen < before}
    if not silent:
        return
    clients = work.store.read(lambda unit: unit.many(Kind.CLIENT, EVERYTHING, list(silent)))
    for id, client in clients.items():
        name, seen = str(client.own["name"]), silent[id].seen
        text = f"{name} has not asked for work since {utc_text(seen)}."
        yield _alarm(client, CLIENT_SILENT, "client", name, text, seen)


def _overdue_backups(work: Work) -> Iterator[Alarm]:
    work.punctual.begin()
    for jobs in every(work, Kind.JOB):
        yield from work.store.read(partial(_overdue_of, work, jobs))


def _overdue_of(work: Work, jobs: Sequence[Record], unit: Unit) -> list[Alarm]:
    awake = [each for each in jobs if active(each) and not work.punctual.has(each, work.now)]
    context = Context.of(unit, awake)
    return [each for each in (_overdue(unit, work, job, context) for job in awake) if each is not None]


def _overdue(unit: Unit, work: Work, job: Record, context: Context) -> Alarm | None:
    """The alarm of a job that had two chances, and a whole period, since it last went well."""
    pauses = context.pauses_of(job)
    if lasting(pauses, job) is not None:
        return None
    shown = body(job)
    settled = [int(links(job).get("armed", 0)), int(shown["job_schedule"].get("time_created") or 0) - 1]
    settled += [each.ended for each in pauses if each.ended is not None]
    try:
        chances = _missed_chances(work, job, max(settled))
        if not chances:
            return None  # whatever has become of its runs
        good = _last_good(unit, job, context)
        chances = _missed_chances(work, job, max(*settled, good or 0))
    except DocumentError:
        return None
    if not chances:
        return None
    last = "has no run that went well" if good is None else f"last went well at {utc_text(good)}"
    text = f"Job {job.id} on {shown['client_id']} {last}; it was due at {utc_text(chances[0])}."
    return _alarm(job, BACKUP_OVERDUE, "job", str(shown["description"] or job.id), text, chances[0])


def _missed_chances(work: Work, job: Record, since: int) -> list[int]:
    """The first two instants of a job after ``since``, if both are over, or the only one, if it was a day ago."""
    chances = instants(told_schedule(job), since, 2)
    last = None if not chances else chances[1] if len(chances) == 2 else chances[0] + _DAY
    if last is not None and last <= work.now:
        return chances
    work.punctual.until(job, last)
    return []


def _last_good(unit: Unit, job: Record, context: Context) -> int | None:
    """When the newest run of a job that went well was due, or began."""
    newest = context.runs.get(job.id)
    if newest is not None and newest.own["state"] in _GOOD:
        return int(newest.own["due"] or 0)
    found: list[int] = []
    for state in _GOOD:
        query = Query(terms=(term("job_id", job.id), term("state", state)), limit=1, newest_first=True)
        page = unit.find(Kind.RUN, Scope(job.project_id), query)
        found.extend(int(each.own["due"] or each.own["ended"] or 0) for each in page.records)
    return max(found, default=None)


def _alarm(record: Record, event: str, kind: str, name: str, text: str, since: int) -> Alarm:
    return Alarm(
        project_id=record.project_id, event=event, kind=kind, object=record.id, name=name[:255], text=text, since=since
    )
