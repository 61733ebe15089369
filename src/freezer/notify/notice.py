"""What a channel takes to people."""

from __future__ import annotations

import msgspec

from freezer.clock import utc_text


class Notice(msgspec.Struct, frozen=True, kw_only=True):
    """``event``: what has happened, in two or three words, always the same for the same condition; ``over``: it is so
    no longer.

    ``kind``, ``id`` and ``name`` say of what (a client, a job), ``text`` says it in a sentence, ``time`` since when, in
    seconds since 1970 UTC.
    """

    event: str
    project_id: str
    kind: str
    id: str
    name: str
    text: str
    time: int
    over: bool = False

    @property
    def title(self) -> str:
        """One line for lists and subjects."""
        return f"{self.event}{' is over' if self.over else ''}: {self.kind} {self.name or self.id}"

    def document(self) -> dict[str, object]:
        """The notice for programs; ``text`` is what chat servers (Slack, Mattermost) show."""
        return {
            "text": f"{self.title}. {self.text}",
            "event": self.event,
            "over": self.over,
            "project_id": self.project_id,
            "kind": self.kind,
            "id": self.id,
            "name": self.name,
            "time": utc_text(self.time),
        }
