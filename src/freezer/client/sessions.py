"""Sessions: jobs on several clients that are run together."""

from __future__ import annotations

from dataclasses import dataclass

from freezer.client.collection import Collection, Document
from freezer.client.wire import Wire, segments
from freezer.model.sessions import Phase


@dataclass(frozen=True, slots=True)
class Told:
    """What a session answers: ``result`` (``success``, ``hold-off``, ``out-of-sync`` …) and its ``tag`` now.

    ``barrier``: for how many seconds a member that starts may hold still, 0 if there is no barrier. At a barrier the
    result is its state (``gathering``, ``preparing``, ``released``, ``broken``), with the ``reason``, and in how many
    seconds to ask ``again``.
    """

    result: str
    tag: int | None
    barrier: int = 0
    reason: str = ""
    again: float = 1.0


class Sessions(Collection):
    """The sessions of a project."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, "sessions", "session", "session_id")

    def add_job(self, identifier: str, job: str) -> None:
        """Let the session have the job, which gets the session's schedule."""
        self.wire.ask("PUT", segments(self.name, identifier, "jobs", job), self._both(identifier, job))

    def remove_job(self, identifier: str, job: str) -> None:
        """Take the job out of the session."""
        self.wire.ask("DELETE", segments(self.name, identifier, "jobs", job), self._both(identifier, job))

    def start(self, identifier: str, job: str, tag: int, due: int | None = None) -> Told:
        """Begin a round for a job that knows the session by ``tag``, or join the one that has begun. ``due``: for which
        instant, in seconds since 1970; then the same may be asked again."""
        when: Document = {} if due is None else {"due": due}
        return self._act(identifier, {"start": {"job_id": job, "current_tag": tag, **when}}, harmless=due is not None)

    def end(self, identifier: str, job: str, tag: int, result: str) -> Told:
        """Say how the job has ended (``success``, ``fail``, ``aborted``)."""
        return self._act(identifier, {"end": {"job_id": job, "current_tag": tag, "result": result}})

    def at_barrier(self, identifier: str, job: str, tag: int, phase: Phase, age: float = 0, attempt: str = "") -> Told:
        """Say how far a job is at the barrier of a round, since how many seconds, and by which attempt."""
        told = {"job_id": job, "session_tag": tag, "phase": phase, "age": age, "attempt": attempt}
        return self._act(identifier, {"barrier": told}, harmless=True)

    def _act(self, identifier: str, action: Document, *, harmless: bool = False) -> Told:
        path = segments(self.name, identifier, "action")
        answer = self._object(self.wire.ask("POST", path, self._what(identifier), body=action, harmless=harmless))
        return Told(
            str(answer.get("result", "")),
            answer.get("session_tag"),
            int(answer.get("barrier") or 0),
            str(answer.get("reason", "")),
            float(answer.get("again", 1.0)),
        )

    def _both(self, identifier: str, job: str) -> str:
        return f"session {identifier}, or no job {job}"
