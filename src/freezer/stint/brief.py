"""What the agent is told, besides its options."""

from __future__ import annotations

import msgspec

from freezer.model.runs import Fence
from freezer.stint.policy import Policy


class Limits(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an agent may take of its machine. ``nice``: added to the niceness; ``ionice``: a class (``idle``,
    ``best-effort``) and, of the latter, a level from 0 to 7, such as ``best-effort:7``; ``memory``: bytes of address
    space; ``cgroup``: a directory of a cgroup that is delegated to us, below which each agent gets one of its own with
    ``memory`` as its limit; ``seconds``: how long an action may take."""

    nice: int = 0
    ionice: str = ""
    memory: int | None = None
    cgroup: str = ""
    seconds: float | None = None


class Brief(msgspec.Struct, frozen=True, omit_defaults=True):
    """One stint. ``action``: its number within the job; ``fence``: the try; ``stint``: counts the starts for this
    action within the try, from 0. ``begun``: when it was started (seconds
    since 1970). ``when``: what is known of the time of the run (seconds since 1970, 0: nothing).
    ``until``: a reading of the clock ``boottime`` at which the agent must be gone, None for never; it begins to end
    ``margin`` seconds before. ``policy``: what jobs of others may have done here; None if nobody else can have made the
    job. ``barrier``: the action waits, held still, for up to so many seconds for the other members of
    its session; 0: it does not."""

    run: str
    action: int
    fence: Fence
    stint: int
    begun: int = 0
    when: int = 0
    until: float | None = None
    margin: float = 0.0
    limits: Limits = Limits()
    policy: Policy | None = None
    barrier: int = 0
