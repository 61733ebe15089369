"""Job files of a node that has an API: taken there, where they are jobs as any others.

The API's copy is the only one that is executed. Its id is made from the client and the file's name, so that a file is
one job, whoever takes it there and how often. A file that has changed changes the job, unless somebody has changed that
meanwhile: then both stay as they are, and the log says so. A job that somebody has removed stays away until its file
changes; a job whose file is removed stays. Files with keys that only the API makes are copies of its jobs, which the
original's schedulers leave behind for ever: they are none of our business.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from freezer.client import Api
from freezer.clock import Clock
from freezer.decoding import json_decoder
from freezer.errors import ApiDenied, ApiMissing, ApiUnavailable, FreezerError
from freezer.model.schedule import PREFIX
from freezer.scheduler.contract import Document, Host
from freezer.scheduler.source.api import Memory
from freezer.scheduler.source.files import read_file

_EVERY_SECONDS = 10.0
_ENDING = ".conf"
_OWNER = frozenset({"user_id", "project_id", "user_credentials"})
_NAMESPACE = uuid.UUID("3f6c1b0e-52f4-5d0c-9a52-0b6a4e7e9d21")
_NOTE = "file "
_logger = logging.getLogger(__name__)


class _Taken(msgspec.Struct, frozen=True):
    """A file whose content has this digest has become a job that said ``meant``, by its digest."""

    content: str
    meant: str


class Uploader:
    """Takes the files of ``folder`` to the API, as jobs of ``client``; ``memory`` knows what was taken."""

    def __init__(self, api: Api, client: Callable[[], str], folder: str, memory: Memory, clock: Clock) -> None:
        self._api = api
        self._client = client
        self._folder = folder
        self._memory = memory
        self._clock = clock
        self._said: dict[str, str] = {}

    def serve(self, host: Host) -> None:
        """Do so as long as ``host`` goes on."""
        while host.going():
            try:
                self.upload()
            except (ApiUnavailable, ApiDenied) as error:
                _logger.debug("job files: %s", error)
            host.wait(_EVERY_SECONDS)

    def upload(self) -> None:
        """Take there what is new or has changed."""
        taken = self._memory.notes(_NOTE)
        for path in self._paths():
            name = os.path.basename(path)
            try:
                self._upload(path, name, taken.get(_NOTE + name))
            except (ApiUnavailable, ApiDenied):
                raise
            except FreezerError as error:
                self._say(name, f"{error}; it is left out")

    def _paths(self) -> list[str]:
        try:
            names = os.listdir(self._folder)
        except NotADirectoryError:
            return [self._folder]
        except OSError:
            return []
        return sorted(os.path.join(self._folder, name) for name in names if name.lower().endswith(_ENDING))

    def _upload(self, path: str, name: str, note: bytes | None) -> None:
        before = None if note is None else json_decoder(_Taken).decode(note)
        if _is_copy(path):
            return
        file = read_file(path, self._clock.now())
        if file.job is None or (before is not None and before.content == file.content):
            return
        client = self._client()
        id = uuid.uuid5(_NAMESPACE, f"{client}/{name}").hex
        document = {**file.job, "client_id": client}
        document.pop("job_id", None)
        present, revision = self._present(id)
        if present is None:
            self._api.jobs.create(document, id)
            _logger.info("job file %s is job %s of the API", path, id)
        elif before is None or _meant(present) != before.meant:
            self._say(name, f"{path} is not taken over: job {id} of the API was changed by somebody else", file.content)
            return
        else:
            self._api.jobs.update(id, self._change(document, present), revision=revision)
            _logger.info("job %s of the API was changed as job file %s says", id, path)
        found, _ = self._present(id)
        if found is not None:
            taken = _Taken(file.content, _meant(found))
            self._memory.keep_notes({_NOTE + name: msgspec.json.encode(taken)})

    def _present(self, id: str) -> tuple[Document | None, str | None]:
        try:
            return self._api.jobs.get_with_revision(id)
        except ApiMissing:
            return None, None

    def _change(self, document: Document, present: Document) -> dict[str, Any]:
        """What makes ``present`` say what ``document`` says; the original replaces a schedule, ours merges it."""
        known, wanted = present["job_schedule"], document["job_schedule"]
        if "runs" in self._api.features():
            schedule = {**{key: None for key in known if key.startswith(PREFIX)}, **wanted}
        else:
            schedule = {**{key: value for key, value in known.items() if not key.startswith(PREFIX)}, **wanted}
        return {
            "description": document.get("description", ""),
            "job_actions": document["job_actions"],
            "job_schedule": schedule,
        }

    def _say(self, name: str, message: str, key: str = "") -> None:
        if self._said.get(name) != message + key:
            self._said[name] = message + key
            _logger.error("%s", message)


def _is_copy(path: str) -> bool:
    """Whether a file has keys that only the API makes; one that cannot be read is none."""
    try:
        with open(path, "rb") as file:
            written = json.load(file)
    except (OSError, ValueError):
        return False
    return isinstance(written, dict) and not _OWNER.isdisjoint(written)


def _meant(job: Mapping[str, Any]) -> str:
    """A digest of what a job is to do, and when."""
    schedule = {key: value for key, value in (job.get("job_schedule") or {}).items() if key.startswith(PREFIX)}
    keys = ("freezer_action", "max_retries", "max_retries_interval")
    actions = [{key: each.get(key) for key in keys} for each in job.get("job_actions") or ()]
    text = json.dumps([job.get("description"), schedule, actions], sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=8).hexdigest()
