"""What an option is."""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum

import msgspec


class Kind(Enum):
    """How the text of an option is read; the value is the word for it in help and reference."""

    TEXT = "text"
    PATH = "path"
    INTEGER = "whole number"
    DAYS = "days"
    SHARE = "share"
    SIZE = "size"
    RATE = "rate"
    FLAG = "flag"
    SWITCH = "switch"
    CHOICE = "choice"
    DATE = "date"
    SECRET = "secret"  # noqa: S105


class Generation(Enum):
    """Where an alias comes from."""

    UPSTREAM = "19.0.0"
    COMMAND = "freezerc"
    DOCUMENT = "job documents"


class Alias(msgspec.Struct, frozen=True):
    """Another name of an option, written with underscores.

    ``literal`` is the exact spelling 19.0.0 knows (some of its spellings have underscores), for the prefix rule.
    """

    name: str
    generation: Generation
    literal: str = ""


ACTIONS: Mapping[str, str] = {
    "backup": "store a directory tree",
    "restore": "bring a backup back",
    "list": "list the backups of a container",
    "show": "list the files of a backup",
    "info": "list containers, or with -l the objects of one",
    "check": "check that backups are complete and readable",
    "copy": "copy backups from one storage to another",
    "admin": "remove old backups",
    "init": "make a repository for the engine dedup",
    "forget": "let go of backups of a repository, by rule or by id",
    "prune": "give the space back that no backup of a repository needs",
    "hold": "keep a backup of a repository whatever the rules say",
    "release": "end a hold",
    "drill": "prove that a backup of a repository can be restored",
    "key-add": "let another passphrase open a repository",
    "key-remove": "take a passphrase of a repository away",
    "key-list": "list what opens a repository",
    "check-storage": "check that a storage keeps its promises",
    "exec": "run a command",
}
"""Every action with its one-line description, in the order of the help."""

UPSTREAM_ACTIONS = frozenset({"backup", "restore", "info", "admin", "exec"})
"""The actions that 19.0.0 has too."""

REPOSITORY_ACTIONS = frozenset(
    {"init", "forget", "prune", "hold", "release", "drill", "key-add", "key-remove", "key-list"}
)
"""The actions that concern a repository and nothing else."""


class Option(msgspec.Struct, frozen=True, kw_only=True):
    """One option of the agent.

    ``default`` is written as a user would write it (None: not set) and converted like any other text;
    ``default_note`` says in words what holds when there is none. ``actions``, ``modes`` and ``engines`` are those it
    belongs to, empty for all. ``implied``: what it means when no value follows it, if it may stand alone. ``cli`` is
    the main long spelling if it is not the name. ``unbuilt`` names the part that this build
    lacks, ``unbuilt_choices`` those single choices. ``zero_unset``: 0 means "not set", as 19.0.0 has it.
    ``config_only``: 19.0.0 has no command-line spelling. ``storage_key``: may stand in a ``[storage:NAME]`` section.
    ``executes``: makes the agent run a program or read a file of settings, so that a document from the API may not
    set it freely. ``tenant_may_set``: a tenant may set it for a central client, which runs other people's jobs.
    ``command_line_only``: says where to find other options, so it has no place among them. ``latching``: once a
    source says yes, no later one takes it back.
    ``section``: its section in oslo.config files; the name of an option of another section than ``DEFAULT`` is the
    section's and the key's. ``origin``: the library that declares it, where that is not Freezer.
    """

    name: str
    kind: Kind
    help: str
    group: str
    default: str | None = None
    default_note: str = ""
    unit: str = ""
    metavar: str = ""
    choices: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    cli: str = ""
    short: str = ""
    aliases: tuple[Alias, ...] = ()
    actions: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    engines: tuple[str, ...] = ()
    implied: str = ""
    unbuilt: str = ""
    unbuilt_choices: Mapping[str, str] = msgspec.field(default_factory=dict)
    upstream: bool = True
    repeatable: bool = False
    zero_unset: bool = False
    config_only: bool = False
    storage_key: bool = False
    executes: bool = False
    tenant_may_set: bool = False
    command_line_only: bool = False
    latching: bool = False
    section: str = "DEFAULT"
    origin: str = ""

    @property
    def spelling(self) -> str:
        """The main spelling on the command line: ``--path-to-backup``."""
        return "--" + (self.cli or self.name.replace("_", "-"))

    @property
    def secret(self) -> bool:
        """Whether its value must never be shown."""
        return self.kind is Kind.SECRET

    @property
    def takes_value(self) -> bool:
        """False for those that mean "yes" when nothing follows them."""
        return self.kind not in {Kind.FLAG, Kind.SWITCH}

    def belongs_to(self, action: str) -> bool:
        """Whether ``action`` has this option."""
        return not self.actions or action in self.actions

    def allowed(self) -> str:
        """What may be written, in words."""
        if self.kind is Kind.CHOICE:
            return " ".join(self.choices)
        return _ALLOWED[self.kind] + self._range()

    def _range(self) -> str:
        if self.minimum is None:
            return ""
        return f" from {self.minimum} to {self.maximum}" if self.maximum is not None else f", at least {self.minimum}"


_ALLOWED = {
    Kind.TEXT: "a text",
    Kind.PATH: "a path",
    Kind.INTEGER: "a whole number",
    Kind.DAYS: "a number of days, fractions allowed",
    Kind.SHARE: "a share such as 5%, or true for all and false for nothing",
    Kind.SIZE: "bytes, or a number with K, M, G, T or P",
    Kind.RATE: "bytes a second, or a number with K, M, G, T or P; -1 for no limit",
    Kind.FLAG: "true or false",
    Kind.SWITCH: "true or false",
    Kind.DATE: "an ISO 8601 date such as 2026-11-21T10:00:00Z, 2026-11-21T10:00:00+02:00 or 2026-11-21",
    Kind.SECRET: "a text",
}
