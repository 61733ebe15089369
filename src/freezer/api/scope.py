"""Who asks, and what of the store that lets them see."""

from __future__ import annotations

import msgspec

PRIVILEGED = frozenset({"admin", "service"})


class Identity(msgspec.Struct, frozen=True):
    """A user with the roles it has in a project; ``project_id`` is empty for a token without scope.

    ``client``: the uuid of the one client that a node acts for, whose role is ``node`` then.
    """

    user_id: str
    project_id: str
    roles: frozenset[str]
    user_name: str = ""
    token: str = ""
    client: str | None = None

    @property
    def privileged(self) -> bool:
        """Whether it may see what concerns other projects."""
        return bool(self.roles & PRIVILEGED)


class Scope(msgspec.Struct, frozen=True):
    """The rows that can be seen: those of ``project_id`` (None: of all), of ``user_id`` alone if it is set.

    ``central``: clients that serve every project as well. ``client``: only that client, its jobs, and what it has made.
    """

    project_id: str | None
    user_id: str | None = None
    central: bool = False
    client: str | None = None

    def includes(self, project_id: str, user_id: str) -> bool:
        """Whether a row of this owner is seen, central clients aside."""
        return self.project_id in (None, project_id) and self.user_id in (None, user_id)


EVERYTHING = Scope(None)
"""For what the server does of its own accord."""
