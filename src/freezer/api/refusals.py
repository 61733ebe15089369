"""Answers that are not what was asked for, each with its status and the title the original gives it."""

from __future__ import annotations

from collections.abc import Mapping

from freezer.errors import DocumentError, FreezerError


class Refusal(FreezerError):
    """An answer of status 4xx or 5xx; ``path`` leads to the value in the request that is at fault, ``reason`` is one
    word for programs."""

    def __init__(
        self,
        status: int,
        title: str,
        message: str,
        *,
        path: tuple[str | int, ...] = (),
        hint: str | None = None,
        headers: Mapping[str, str] | None = None,
        reason: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint)
        self.status = status
        self.title = title
        self.path = path
        self.headers = dict(headers or {})
        self.reason = reason

    def document(self) -> dict[str, object]:
        """The body of the answer."""
        result: dict[str, object] = {"title": self.title, "description": self.message}
        if self.path:
            result["path"] = list(self.path)
        if self.hint:
            result["hint"] = self.hint
        if self.reason:
            result["reason"] = self.reason
        return result


def bad_request(message: str, *, title: str = "Bad request format") -> Refusal:
    """400."""
    return Refusal(400, title, message)


def bad_document(error: DocumentError) -> Refusal:
    """400: what :mod:`freezer.model` says about a document."""
    return Refusal(400, "Bad request format", error.message, path=error.path, hint=error.hint)


def unprocessable(message: str) -> Refusal:
    """422: a document that is right in itself, but not here."""
    return Refusal(422, "Unprocessable Entity", message)


def forbidden() -> Refusal:
    """403."""
    return Refusal(403, "Access Forbidden", "You are not allowed to access this resource")


def missing(what: str, id: str) -> Refusal:
    """404; the same for what does not exist and for what is somebody else's."""
    return Refusal(404, "Not Found", f"{what} not registered with ID {id}")


def conflict(message: str) -> Refusal:
    """409."""
    return Refusal(409, "Document already existing", message)


def too_many(wait: int) -> Refusal:
    """429 for a caller who asks more often than it may; ``wait``: seconds after which it may again."""
    message = f"You have asked more often than you may; try again in {wait} s."
    return Refusal(429, "Too Many Requests", message, headers={"Retry-After": str(wait)})


def stale(what: str, id: str) -> Refusal:
    """409 for a caller who said which revision it wants to change."""
    return Refusal(409, "Conflict", f"{what} {id} has been changed since", hint="read it again and repeat the change")


def refused(reason: str, message: str, *, hint: str | None = None) -> Refusal:
    """409 for somebody who was not the first, or not in time; ``reason`` says so to programs."""
    return Refusal(409, "Conflict", message, hint=hint, reason=reason)
