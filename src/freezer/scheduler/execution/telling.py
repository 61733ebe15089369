"""What an agent says while it runs, passed on to the office: its log by whole lines, how far it is, its report."""

from __future__ import annotations

import os

import msgspec

from freezer.clock import Clock
from freezer.decoding import json_decoder
from freezer.errors import DamagedError
from freezer.model.run_reports import Progress
from freezer.scheduler.contract import Hold, Office, Told
from freezer.stint.ending import Ending
from freezer.stint.folder import Folder

EVERY = 2.0
"""Seconds between two news of progress."""

_PIECE = 64 * 1024
_CURSOR = "told.json"


class Cursor(msgspec.Struct, frozen=True, omit_defaults=True):
    """How much of a stint is passed on: bytes of its log and of its failures, and whether that is all. Kept in the run
    directory, for the next scheduler; what was said in the instant of a death may be passed on twice."""

    log: int = 0
    failures: int = 0
    over: bool = False


class Teller:
    """Passes on what one stint says."""

    def __init__(self, folder: Folder, hold: Hold, office: Office, clock: Clock) -> None:
        self._folder = folder
        self._hold = hold
        self._office = office
        self._clock = clock
        self._cursor = self._kept()
        self._shown: Progress | None = None
        self._next = 0.0

    def look(self) -> None:
        """Pass on what is new, if it is time."""
        now = self._clock.monotonic()
        if now < self._next:
            return
        self._next = now + EVERY
        self._log(whole=True)
        self._failures()
        progress = self._folder.progress()
        if progress is not None and progress != self._shown:
            self._shown = progress
            self._office.tell(self._hold, Told(progress=progress))

    def finish(self, ending: Ending) -> None:
        """Pass on the rest."""
        self._next = 0.0
        self.look()
        self._log(whole=False)
        known = set(self._folder.failures(0)[0])
        rest = [each for each in ending.failures if each not in known]
        if (rest or ending.more_failures) and not self._cursor.over:
            self._office.tell(self._hold, Told(failures=rest, more_failures=ending.more_failures))
        if ending.report is not None and not self._cursor.over:
            self._office.backup(self._hold, {**ending.report, "job_id": self._hold.wanted.job_id})
        if ending.upkeep and not self._cursor.over:
            self._office.upkeep(self._hold, ending.upkeep)
        self._keep(msgspec.structs.replace(self._cursor, over=True))

    def _failures(self) -> None:
        found, end = self._folder.failures(self._cursor.failures)
        if found:
            self._office.tell(self._hold, Told(failures=found))
            self._keep(msgspec.structs.replace(self._cursor, failures=end))

    def _log(self, *, whole: bool) -> None:
        while True:
            data = self._read()
            if whole:
                data = data[: data.rfind(b"\n") + 1] if b"\n" in data or len(data) < _PIECE else data
            if not data:
                return
            self._office.log(self._hold, data.decode("utf-8", "backslashreplace"))
            self._keep(msgspec.structs.replace(self._cursor, log=self._cursor.log + len(data)))

    def _read(self) -> bytes:
        try:
            with open(self._folder.log, "rb") as file:
                file.seek(self._cursor.log)
                return file.read(_PIECE)
        except FileNotFoundError:
            return b""

    def _kept(self) -> Cursor:
        try:
            with open(self._folder.at(_CURSOR), "rb") as file:
                return json_decoder(Cursor).decode(file.read())
        except (FileNotFoundError, msgspec.DecodeError, DamagedError):
            return Cursor()

    def _keep(self, cursor: Cursor) -> None:
        self._cursor = cursor
        new = self._folder.at(f"{_CURSOR}.new")
        with open(new, "wb") as file:
            file.write(msgspec.json.encode(cursor))
        os.replace(new, self._folder.at(_CURSOR))
