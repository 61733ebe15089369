"""Answers of the API that are no success, as errors."""

from __future__ import annotations

import json
from dataclasses import dataclass

from freezer.errors import ApiConflict, ApiDenied, ApiError, ApiInvalid, ApiMissing, ApiUnavailable
from freezer.http import Answer, wait_asked_for

_CLASSES: dict[int, type[ApiError]] = {
    400: ApiInvalid,
    401: ApiDenied,
    403: ApiDenied,
    404: ApiMissing,
    409: ApiConflict,
    412: ApiConflict,
    413: ApiInvalid,
    422: ApiInvalid,
    428: ApiConflict,
    429: ApiUnavailable,
    502: ApiUnavailable,
    503: ApiUnavailable,
    504: ApiUnavailable,
    753: ApiInvalid,  # what version 19.0.0 and older answer to malformed JSON
}
_LONGEST = 500  # characters of an explanation that are repeated


@dataclass(frozen=True, slots=True)
class Problem:
    """What an answer says went wrong; ``path`` leads to the place in the document that was sent, ``reason`` is a word
    for programs. None if unknown."""

    text: str | None
    hint: str | None
    path: tuple[str | int, ...] | None
    reason: str | None = None


def failure(place: str, answer: Answer, what: str) -> ApiError:
    """The error that ``answer`` stands for, to a request for ``what`` (``job 123``)."""
    problem = read_problem(answer.body)
    kind = _CLASSES.get(answer.status, ApiError)
    request_id = answer.headers.get("x-openstack-request-id")
    hint = problem.hint
    if answer.status == 401:
        text, hint = f"{place} does not know us", hint or "is the password right, and has the token not expired?"
    elif answer.status == 404 and problem.text is None:
        text = f"{place} has no {what}"
    elif 300 <= answer.status < 400:
        text = f"{place} is elsewhere: {answer.headers.get('Location', 'it does not say where')}"
        hint = "set OS_BACKUP_URL to that address"
    else:
        text = f"{place} {_verb(answer.status)}: {problem.text or f'status {answer.status}'}"
    if answer.status in (429, 503) and (wait := wait_asked_for(answer)) is not None:
        hint = hint or f"it wants to be asked again in {wait:.0f} s"
    return kind(text, hint=hint, status=answer.status, request_id=request_id, path=problem.path, reason=problem.reason)


def read_problem(body: bytes) -> Problem:
    """The explanation in ``body``: Falcon's form (``title`` and ``description``), or Keystone's (``error``)."""
    try:
        document = json.loads(body)
    except ValueError:
        return Problem(None, None, None)
    if not isinstance(document, dict):
        return Problem(None, None, None)
    inner = document.get("error")
    if isinstance(inner, dict):
        document = inner
    text = next((document[key] for key in ("description", "message", "title") if document.get(key)), None)
    hint = document.get("hint")
    path, reason = document.get("path"), document.get("reason")
    return Problem(
        " ".join(str(text).split())[:_LONGEST] if text else None,
        hint if isinstance(hint, str) else None,
        tuple(path) if isinstance(path, list) else None,
        reason if isinstance(reason, str) else None,
    )


def _verb(status: int) -> str:
    if status == 403:
        return "forbids that"
    if status >= 500 and status != 753:
        return "fails"
    return "refuses"
