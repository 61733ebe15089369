"""What stands around the execution of a central scheduler, by its settings."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from msgspec.structs import replace

from freezer.client.opening import is_keystone, open_api
from freezer.clock import Clock
from freezer.model.central import CentralPolicy, capabilities
from freezer.scheduler.contract import Document, Executor, Service
from freezer.scheduler.pool.delegates import Delegates
from freezer.scheduler.pool.executor import Acting, CentralExecutor, nobody
from freezer.scheduler.settings import Settings
from freezer.stint.policy import Policy

_TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Central:
    """``policy``: what is done for other projects; ``variables``: those that only the agent of a job may have;
    ``acting``: what lets it act for the job's user; ``services``: what must go on meanwhile."""

    policy: Callable[[], CentralPolicy]
    variables: Callable[[Document], Mapping[str, str]]
    acting: Acting
    services: tuple[Service, ...] = ()

    def policy_of(self, node: Policy, job: Document) -> Policy:
        """What ``job`` may have done on a node with that policy."""
        return replace(node, central=self.policy(), project=str(job.get("project_id") or ""))

    def around(self, inner: Executor, clock: Clock) -> Executor:
        """``inner``, kept to that."""
        return CentralExecutor(inner, self.policy, self.acting, clock)


def central(settings: Settings, clock: Clock) -> Central:
    """The parts of a central scheduler."""
    told = capabilities(settings.capabilities(), central=True)
    options = frozenset(settings.tenants_may_set)
    policy = cache(lambda: CentralPolicy(_project(settings, clock), told, options))
    if not is_keystone(settings.cloud):
        return Central(policy, lambda _job: {}, nobody)
    folder, home = Path(settings.state_dir) / _TOKENS, os.path.expanduser("~")
    delegates = Delegates(settings.cloud, folder, clock, home=home)
    return Central(policy, delegates.variables, delegates.acting, (delegates.keep,))


def _project(settings: Settings, clock: Clock) -> str:
    """The id of our own project; asked for when there is a job, as the API may be away when we begin."""
    with open_api(settings.cloud, home=os.path.expanduser("~"), clock=clock) as api:
        return api.project()
