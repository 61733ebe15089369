"""Tries of one scheduled run: at most one of them becomes a backup, whoever sleeps, and wherever.

A scheduler numbers its tries of a run; each number is a *fence*. Whoever has a greater one may have been given the run
because the one before is taken for dead, which it need not be. A *stint* is one start of the agent within a try,
counted from 0. So that every try can be decided by all later ones, whether it has been announced or not, attempts of a
scheduled run have names that everybody computes alike.

Before a try does anything it *closes* the earlier stints of its own fence, and of every lower one all there may ever
be: their attempts are aborted by name. An abort is a decision like a commit, so a sleeper that wakes between its last
look and its commit loses there, or had won before, and then its backup is the result of the run.

The stints of a fence are a chain: each closes the one before it. Who finds the first that nobody has decided on, and
aborts that, has closed the chain: a further stint would have to close this one, and sees that it was closed from above.
With *markers* the word of who came first may be written over; so there one more is closed.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from freezer.errors import ContainerError, FreezerError
from freezer.repository.protocol.deciding import Decider, State

_MARK = "closed by try"
_MOST_STINTS = 100_000
_NUMBERS = 3  # incarnation, number and stint


class Fenced(msgspec.Struct, frozen=True):
    """A stint of the try ``number`` (of that ``incarnation`` of the API's database, 0: the API was not asked) to carry
    out action ``action`` of a run. ``when``: seconds since 1970, the same for every try: when the run was due."""

    run: str
    action: int
    incarnation: int
    number: int
    stint: int = 0
    when: int = 0

    @property
    def text(self) -> str:
        """As it is kept with the attempt and with the backup."""
        return f"{self._action}.{self.incarnation}.{self.number}.{self.stint}"

    @property
    def fence(self) -> tuple[int, int]:
        """By which tries of a run are older and newer."""
        return self.incarnation, self.number

    def is_of(self, text: str) -> bool:
        """Whether that is the text of a try of the same run and action."""
        return text.startswith(f"{self._action}.")

    @property
    def _action(self) -> str:
        return f"{self.run}.{self.action}"


class AlreadyCommitted(FreezerError):
    """Another try of the run was quicker: its ``attempt`` is the backup."""

    def __init__(self, attempt: str) -> None:
        super().__init__(f"an earlier try of this run has made the backup {attempt}")
        self.attempt = attempt


def fenced_id(fenced: Fenced) -> str:
    """The name of a stint's attempt: its time first, as in every name, and what everybody computes alike."""
    told = hashlib.blake2b(fenced.text.encode(), digest_size=10, person=b"freezer attempt").digest()
    return base64.b32hexencode((fenced.when * 1000).to_bytes(6, "big") + told).decode().rstrip("=").lower()


def made_before(fenced: Fenced, commits: Mapping[str, str]) -> None:
    """:class:`AlreadyCommitted` if one of ``commits`` (the run that it was made in, by attempt) is a try of the run."""
    for attempt, run in commits.items():
        if fenced.is_of(run):
            raise AlreadyCommitted(attempt)


def close_others(decider: Decider, mine: Fenced, open: Iterable[str] = ()) -> None:
    """Make sure that no try of the run with a lower fence, and no earlier stint of this one, ever becomes a backup.
    ``open``: the texts of undecided attempts: tries of earlier incarnations are closed if they have been announced, of
    this one in any case.

    :class:`AlreadyCommitted` if one has become a backup; :class:`ContainerError` if that cannot be decided, or there is
    a try with a greater fence."""
    own = f"{_MARK} {mine.incarnation}.{mine.number},"
    others = [each for text in open if (each := _read(mine, text)) is not None]
    if any(each.fence > mine.fence for each in others):
        raise _late()
    for stint in range(mine.stint):
        standing = _close(decider, replace(mine, stint=stint), f"{own} stint {mine.stint}")
        if standing.startswith(_MARK) and not standing.startswith(own):
            raise _late()
    for number in range(1, mine.number):
        _close_chain(decider, replace(mine, number=number, stint=0), f"{own} stint {mine.stint}")
    for each in others:
        if each.incarnation < mine.incarnation:
            _close(decider, each, f"{own} stint {mine.stint}")


def _read(mine: Fenced, text: str) -> Fenced | None:
    """The try that was kept as ``text``; None if it is none of the same run and action."""
    told = text.rsplit(".", 3)[1:] if mine.is_of(text) else []
    if len(told) != _NUMBERS or not all(each.isascii() and each.isdigit() for each in told):
        return None
    incarnation, number, stint = map(int, told)
    return replace(mine, incarnation=incarnation, number=number, stint=stint)


def _late() -> ContainerError:
    return ContainerError(
        "a later try of this run has closed this one", hint="whoever has the run now makes the backup"
    )


def _close_chain(decider: Decider, first: Fenced, reason: str) -> None:
    """Close all stints that a fence may ever have."""
    more = 0 if decider.first_word_counts else 1
    lower = f"{_MARK} {first.incarnation}.{first.number},"
    for stint in range(_MOST_STINTS):
        standing = _close(decider, replace(first, stint=stint), reason)
        if standing.startswith(_MARK) and not standing.startswith(lower):
            if not more:
                return
            more -= 1
    raise ContainerError(f"run {first.run} has had more than {_MOST_STINTS} stints of one try")


def _close(decider: Decider, other: Fenced, reason: str) -> str:
    """Abort the attempt of a stint, if it was not aborted before; the reason that stands."""
    id = fenced_id(other)
    closed = decider.close(id, reason)
    if closed.state is State.COMMITTED:
        raise AlreadyCommitted(id)
    if closed.state is State.UNDECIDED:
        raise ContainerError(
            f"whether the attempt {id} of this run is a backup cannot be decided any more",
            hint="look for its backup with freezer-agent list; nothing more is stored for this run",
        )
    return closed.reason
