"""Which parts a daemon is made of, by its settings: the one place that knows all of them."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from freezer.clock import Clock
from freezer.scheduler.contract import Executor
from freezer.scheduler.daemon import Parts
from freezer.scheduler.execution.executor import AGENT, LocalExecutor
from freezer.scheduler.journal import Journal
from freezer.scheduler.settings import DEFAULT_POLICY, Settings
from freezer.stint import policy as policies
from freezer.stint.brief import Limits
from freezer.stint.policy import Policy

if TYPE_CHECKING:
    from freezer.scheduler.pool.assembly import Central
    from freezer.scheduler.sessions.executor import Folders


def assemble(
    settings: Settings, journal: Journal, clock: Clock, environ: Mapping[str, str], *, agent: Sequence[str] = AGENT
) -> Parts:
    """The parts of a daemon with that journal. ``environ``: what agents may need to know of it."""
    from freezer.scheduler.execution.surroundings import credentials

    variables = {**credentials(environ), **settings.cloud}
    if settings.no_api:
        return _alone(settings, journal, clock, _executor(settings, clock, variables, agent))
    if settings.centralized_scheduler:
        return _central(settings, journal, clock, variables, agent)
    agents = _executor(settings, clock, variables, agent)
    return _with_api(settings, journal, clock, agents, agents.stints.paths)


def _central(
    settings: Settings, journal: Journal, clock: Clock, variables: Mapping[str, str], agent: Sequence[str]
) -> Parts:
    """Jobs of every project, each executed in the name of its user: none of our own credentials is for them."""
    from freezer.scheduler.pool.assembly import central

    own = {name: value for name, value in variables.items() if name.lower().endswith("_proxy")}
    found = central(settings, clock)
    inner = _executor(settings, clock, own, agent, found)
    parts = _with_api(settings, journal, clock, found.around(inner, clock), inner.stints.paths)
    return replace(parts, services=(*parts.services, *found.services))


def _executor(
    settings: Settings,
    clock: Clock,
    variables: Mapping[str, str],
    agent: Sequence[str],
    central: Central | None = None,
) -> LocalExecutor:
    """What executes runs as children of this process. Jobs of files are the node's own; those of the API
    are others'."""
    policy = Policy() if settings.no_api else policies.of_node(settings.policy_file, DEFAULT_POLICY)
    return LocalExecutor(
        os.path.join(settings.state_dir, "runs"),
        clock,
        command=agent,
        variables=(lambda _: variables) if central is None else (lambda job: {**variables, **central.variables(job)}),
        limits=_limits(settings),
        executes=not settings.disable_exec,
        policy=None if settings.no_api else policy if central is None else partial(central.policy_of, policy),
    )


def _limits(settings: Settings) -> Limits:
    memory, seconds = settings.agent_memory * 1024 * 1024, settings.agent_time_limit
    return Limits(settings.nice, settings.ionice, memory or None, settings.agent_cgroup, seconds or None)


def _alone(settings: Settings, journal: Journal, clock: Clock, executor: Executor) -> Parts:
    """This machine with its job files."""
    from freezer.scheduler.office.alone import Alone
    from freezer.scheduler.source.files import JobFiles

    source = JobFiles(settings.jobs_dir, journal, clock)
    office = Alone(journal, source.path_of, os.path.join(settings.state_dir, "logs"), clock)
    return Parts(source, office, executor)


def _with_api(settings: Settings, journal: Journal, clock: Clock, agents: Executor, folders: Folders) -> Parts:
    """Jobs, leases and reports of the API. ``folders``: where those who hold still together say so."""
    from freezer.scheduler.online import Online
    from freezer.scheduler.outbox import Outbox
    from freezer.scheduler.sessions.executor import SessionExecutor

    online = Online(settings, Outbox(Path(settings.state_dir) / "outbox.db"), clock)
    office, leases = online.office(journal)
    executor = SessionExecutor(agents, folders, online.of_project, clock)
    uploads = () if settings.centralized_scheduler else (online.uploader().serve,)
    return Parts(online.source(), office, executor, (*leases.services(), online.attendance().serve, *uploads))
