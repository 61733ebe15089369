"""A scheduler with an API: who it is there, which API that is, and the parts that go with it.

Nothing is asked before the daemon goes, so that it starts while the API, or Keystone, is away; what was learnt before
is remembered in the outbox.
"""

from __future__ import annotations

import os
import socket
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

from freezer.client import Api
from freezer.client.address import root_of
from freezer.client.opening import open_api
from freezer.clock import Clock
from freezer.errors import ApiError
from freezer.model.central import capabilities
from freezer.scheduler.contract import Document
from freezer.scheduler.journal import Journal
from freezer.scheduler.office.alone import Alone
from freezer.scheduler.office.chosen import ChosenOffice
from freezer.scheduler.office.leases import LeaseOffice
from freezer.scheduler.office.offline import Offline
from freezer.scheduler.office.rounds import Rounds
from freezer.scheduler.office.upstream import UpstreamOffice
from freezer.scheduler.outbox import Outbox
from freezer.scheduler.registration import Attendance, default_client
from freezer.scheduler.sessions.office import SessionOffice
from freezer.scheduler.settings import DEFAULT_POLICY, Settings
from freezer.scheduler.source.api import ApiSource
from freezer.scheduler.source.upload import Uploader
from freezer.scheduler.source.upstream import Completed, unfinished
from freezer.stint import policy as policies

_TIMEOUT = 15.0
_FEED_TIMEOUT = 60.0
_HOLDER, _CLIENT, _ORIGINAL = "holder", "client", "original"


class Membership:
    """Who a scheduler with these settings is to its API; ``outbox``: where it remembers that, if it does."""

    def __init__(self, settings: Settings, clock: Clock, outbox: Outbox | None = None) -> None:
        if url := settings.cloud.get("OS_BACKUP_URL"):
            root_of(url)  # UsageError now, and not in the log
        self.settings = settings
        self.clock = clock
        self._remembered = outbox
        self.api = open_api(settings.cloud, home=os.path.expanduser("~"), clock=clock, timeout=_TIMEOUT)

    def client(self) -> str:
        """The client whose jobs we execute."""
        if self.settings.client_id:
            return self.settings.client_id
        try:
            found = default_client(self.api)
        except ApiError:
            known = self._note(_CLIENT)
            if known is None:
                raise
            return known.decode()
        self._keep(_CLIENT, found.encode())
        return found

    def is_original(self) -> bool:
        """Whether the API is the original's; as it was, while it is away."""
        try:
            original = "runs" not in self.api.features()
        except ApiError:
            return self._note(_ORIGINAL) == b"1"
        self._keep(_ORIGINAL, b"%d" % original)
        return original

    def document(self) -> dict[str, object]:
        """What our client is, as it is registered."""
        central = self.settings.centralized_scheduler
        told = capabilities(self.settings.capabilities(), central=central)
        found: dict[str, object] = {"client_id": self.client(), "hostname": socket.gethostname()}
        found |= {key: list(values) for key, values in told.items()}
        if central:
            return {**found, "is_central": True}
        return found if self.is_original() else {**found, **self._may_be_executed()}

    def _may_be_executed(self) -> dict[str, list[str]]:
        """What of the policy of this node the API should know: it refuses jobs that would fail by it."""
        return policies.of_node(self.settings.policy_file, DEFAULT_POLICY).executing().document()

    def _note(self, name: str) -> bytes | None:
        return None if self._remembered is None else self._remembered.note(name)

    def _keep(self, name: str, value: bytes) -> None:
        if self._remembered is not None and self._remembered.note(name) != value:
            self._remembered.keep_note(name, value)


class Online(Membership):
    """What such a scheduler needs of its API besides."""

    def __init__(self, settings: Settings, outbox: Outbox, clock: Clock) -> None:
        super().__init__(settings, clock, outbox)
        self.outbox = outbox
        self.feed = open_api(settings.cloud, home=os.path.expanduser("~"), clock=clock, timeout=_FEED_TIMEOUT)

    def holder(self) -> str:
        """The name under which we hold runs: one for each state directory, for ever."""
        known = self.outbox.note(_HOLDER)
        if known is None:
            known = f"{socket.gethostname()}/{uuid.uuid4().hex[:12]}".encode()
            self.outbox.keep_note(_HOLDER, known)
        return known.decode()

    def of_project(self, project: str) -> Api:
        """The API below the path of a project, ours if it is not named."""
        return self.api.of_project(project) if project and self.settings.centralized_scheduler else self.api

    def source(self) -> ApiSource:
        """Where our jobs come from."""
        memory = None if self.settings.centralized_scheduler else self.outbox
        return ApiSource(
            self.feed, self.client, self.clock, every=self.settings.interval, memory=memory, listed=self._listed,
            completed=self._completed(),
        )  # fmt: skip

    def office(self, journal: Journal) -> tuple[ChosenOffice, LeaseOffice]:
        """Who lets us execute runs, and the part of it that delivers."""
        # In a pool nobody can know what the others begin.
        runs_on = self.settings.offline_runs == "run" and not self.settings.centralized_scheduler
        holder = self.holder()
        ground = Path(os.path.dirname(self.settings.pid_file)) / "offline"
        leases = LeaseOffice(
            self.of_project,
            self.outbox,
            self.clock,
            holder=holder,
            offline=Offline(self.outbox, ground, holder) if runs_on else None,
            left=lambda: self.api.runs.free(self.client()),
            ttl=self.settings.lease_seconds,
        )
        logs = os.path.join(self.settings.state_dir, "logs")
        alone, rounds = Alone(journal, lambda _: None, logs, self.clock), Rounds(self.of_project, self.outbox)
        upstream = UpstreamOffice(alone, rounds, self.outbox, self.clock)
        ours = SessionOffice(leases, self.of_project, self.clock)
        return ChosenOffice(ours, upstream, self.is_original), leases

    def attendance(self) -> Attendance:
        """What registers us, and says how we are."""
        return Attendance(self.api, self.document, self.clock, self.outbox.waiting)

    def uploader(self) -> Uploader:
        """What takes job files to the API."""
        return Uploader(self.api, self.client, self.settings.jobs_dir, self.outbox, self.clock)

    def _listed(self) -> list[dict[str, Any]]:
        client = self.client()
        if self.settings.centralized_scheduler:
            return list(self.feed.jobs.served(client))
        search = unfinished(client) if self.is_original() else {"match": [{"client_id": client}]}
        return self.feed.jobs.find(search=search)

    def _completed(self) -> Callable[[Document], Document]:
        complete = Completed(self.outbox, self.clock)
        return lambda job: complete(job) if self.is_original() else job
