"""In whose name the agents of a central scheduler act.

For each job the user who made it has delegated some roles in its project to the scheduler's user, by a *trust*. From
that the scheduler gets a token for that project, and the agent is given this token alone, in a file of its own: with
the scheduler's password it could act in every project.
"""

from __future__ import annotations

import hashlib
import logging
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from freezer.clock import Clock
from freezer.errors import FreezerError, PermissionDenied, UsageError
from freezer.keystone.credentials import Credentials, given_variables, read_credentials
from freezer.scheduler.contract import Document, Host

_LOG = logging.getLogger(__name__)
_LOOK_SECONDS = 60.0
_ENOUGH_SECONDS = 1800.0
_PART = 3  # of the life of a short token that must be left
_HANDED_ON = ("OS_REGION_NAME", "OS_INTERFACE", "OS_ENDPOINT_TYPE", "OS_CACERT", "OS_INSECURE")
_OF_THE_SCHEDULER = ("OS_PROJECT_", "OS_TENANT_", "OS_DOMAIN_", "OS_SYSTEM_", "OS_TRUST_ID")


class Access(Protocol):
    """As much of :class:`freezer.keystone.access.CloudAccess` as is needed here."""

    def token(self) -> str: ...

    def renew(self, refused: str) -> str: ...

    def expires(self) -> float: ...

    def close(self) -> None: ...


class _Trust:
    """A trust that running agents act by: the token in its file, until when it is renewed, and how many they are."""

    def __init__(self, access: Access, path: Path) -> None:
        self.access = access
        self.path = path
        self.life = 0.0
        self.agents = 0
        self.lock = threading.Lock()

    def hand_out(self, now: float) -> None:
        """See to it that a token stands in the file that lasts for a while."""
        with self.lock:
            token = self.access.token()
            left = self.access.expires() - now
            if left < min(_ENOUGH_SECONDS, self.life / _PART):
                token = self.access.renew(token)
                left = self.access.expires() - now
            self.life = max(self.life, left)
            _write(self.path, token)


class Delegates:
    """Tokens from the trusts of jobs. ``variables``: how the scheduler itself logs in; :class:`UsageError` if that is
    not by a password. ``folder``: where tokens are for as long as an agent needs them; nobody else may look
    into it. May be used from any thread."""

    def __init__(
        self,
        variables: Mapping[str, str],
        folder: Path,
        clock: Clock,
        *,
        home: str = "",
        opener: Callable[[Credentials], Access] | None = None,
    ) -> None:
        given = given_variables(variables, home)
        # A trust says which project is meant.
        self._given = {name: value for name, value in given.items() if not name.startswith(_OF_THE_SCHEDULER)}
        if self._credentials("any").method != "password":
            raise UsageError(
                "a central scheduler logs in with OS_USERNAME and OS_PASSWORD: Keystone lets nobody else use trusts"
            )
        self._folder = folder
        self._clock = clock
        self._opener = opener or _open
        self._lock = threading.Lock()
        self._trusts: dict[str, _Trust] = {}
        _prepare(folder)

    def variables(self, job: Document) -> Mapping[str, str]:
        """The variables of an agent of ``job``, which is being executed (:meth:`acting`)."""
        trust = _trust_of(job)
        return {
            **{name: self._given[name] for name in _HANDED_ON if name in self._given},
            "OS_AUTH_URL": self._credentials(trust).auth_url,
            "OS_AUTH_TYPE": "token_file",
            "OS_TOKEN_FILE": str(self._path(trust)),
        }

    @contextmanager
    def acting(self, job: Document) -> Iterator[None]:
        """While the context lasts, a valid token stands where :meth:`variables` says.

        :class:`freezer.errors.PermissionDenied` if nobody lets us act for the job any more, other errors if that cannot
        be found out now."""
        id = _trust_of(job)
        with self._lock:
            trust = self._trusts.get(id)
            if trust is None:
                trust = self._trusts[id] = _Trust(self._opener(self._credentials(id)), self._path(id))
            trust.agents += 1
        try:
            trust.hand_out(self._clock.now())
            yield
        finally:
            self._leave(id, trust)

    def _leave(self, id: str, trust: _Trust) -> None:
        with self._lock:
            trust.agents -= 1
            if trust.agents:
                return
            del self._trusts[id]
            trust.path.unlink(missing_ok=True)
            trust.access.close()

    def keep(self, host: Host) -> None:
        """Replace tokens that will not last, as long as there are agents that need them: a service of the daemon."""
        while host.wait(_LOOK_SECONDS):
            self.look()

    def look(self) -> None:
        """Do that once."""
        with self._lock:
            trusts = list(self._trusts.values())
        for trust in trusts:
            try:
                trust.hand_out(self._clock.now())
            except FreezerError as error:
                _LOG.warning("%s", error.message)

    def _credentials(self, trust: str) -> Credentials:
        return read_credentials(self._given, source="the scheduler's settings", trust=trust)

    def _path(self, trust: str) -> Path:
        return self._folder / f"{hashlib.sha256(trust.encode()).hexdigest()[:32]}.token"


def _trust_of(job: Document) -> str:
    """The id of a job's trust; PermissionDenied if it has none that can be used."""
    credentials = job.get("user_credentials") or {}
    trust = credentials.get("trust_id")
    if trust:
        return str(trust)
    standing = (job.get("credential") or {}).get("state", "missing")
    raise PermissionDenied(
        f"job {job['job_id']} has no trust that lets us act for its user ({standing})",
        hint="whoever it belongs to saves it once more",
    )


def _open(credentials: Credentials) -> Access:
    from freezer.keystone.access import CloudAccess

    return CloudAccess(credentials)


def _prepare(folder: Path) -> None:
    """Make the folder for our eyes only. What an earlier daemon left there stays: its agents may still run."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.chmod(0o700)


def _write(path: Path, token: str) -> None:
    """Replace the file at once; whoever reads it sees a whole token."""
    descriptor, name = tempfile.mkstemp(dir=path.parent)  # for our eyes only
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(token)
        os.replace(name, path)
    except BaseException:
        os.unlink(name)
        raise
