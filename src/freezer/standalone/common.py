"""What making a first home and joining have in common."""

from __future__ import annotations

from typing import Protocol

import msgspec

from freezer.clock import Clock
from freezer.standalone import files
from freezer.standalone.home import Home, Plan
from freezer.standalone.place import Place, authorized_line
from freezer.standalone.repository import has_repository, ready_repository
from freezer.standalone.secrets import ready_passphrase
from freezer.standalone.settings import write_settings
from freezer.standalone.sheet import Sheet, page
from freezer.standalone.unit import write_unit


class Talk(Protocol):
    """The user, as far as a command has something to tell on its way."""

    def say(self, message: str) -> None:
        """One line about what is being done."""
        ...

    def password(self, user: str, password: str, url: str) -> None:
        """A password that is shown this once."""
        ...

    def sheet(self, text: str, path: str) -> None:
        """The recovery sheet, which has just been made."""
        ...


class Ready(msgspec.Struct, frozen=True):
    """A home that works. ``job``: the id of the backup of ``source`` that was asked for, empty if none was. ``new``:
    whether it is the first one."""

    plan: Plan
    place: Place
    source: str = ""
    job: str = ""
    new: bool = False


def make_repository(home: Home, plan: Plan, place: Place, clock: Clock, talk: Talk) -> None:
    """Everything that does not need the API: settings, passphrase, repository, sheet and unit."""
    write_settings(home, plan, place)
    write_unit(home)
    passphrase = ready_passphrase(home)
    if place.host and not has_repository(home):
        line = authorized_line(home, plan.client)
        talk.say(f"{place.host} must let this machine in, by this line in authorized_keys of its user there:")
        talk.say(line)
    ready_repository(home, place)
    if files.read(home.sheet) is None:
        made = Sheet(plan.client, place, plan.store, passphrase, clock.now())
        text = page(made)
        files.write(home.sheet, text)
        talk.sheet(text, home.sheet)
