"""How an operation is declared."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar, get_args

import msgspec

Type = Any
"""Whatever msgspec makes a schema of: a Struct as a rule; None: no body; with ``| None``: one that may be left out."""

_ATTRIBUTE = "operation"
Responder = TypeVar("Responder", bound=Callable[..., None])


class Parameter(msgspec.Struct, frozen=True):
    """A parameter of the query, or a header (``place`` says which). ``old``: whether v1 has it, too."""

    name: str
    about: str
    type: Type = str
    place: str = "query"
    old: bool = True


class Operation(msgspec.Struct, frozen=True, kw_only=True):
    """One method on one path; ``old_body`` and ``old_example`` are v1's if they differ.

    ``example`` is a body that works, in which ``"{job_id}"`` and the like stand for ids of what is there. ``refuses``:
    statuses of refusals besides those that every operation has, or that its body or its parameters bring. ``formats``:
    media types of its answers.
    """

    summary: str
    answers: Mapping[int, Type]
    about: str = ""
    rule: str = ""
    body: Type = None
    old_body: Type = None
    example: Any = None
    old_example: Any = None
    parameters: tuple[Parameter, ...] = ()
    refuses: tuple[int, ...] = ()
    tagged: bool = False
    formats: tuple[str, ...] = ("application/json",)

    def body_of(self, *, old: bool) -> Type:
        """What it takes, by v1 or v2."""
        return self.old_body if old and self.old_body is not None else self.body

    def example_of(self, *, old: bool) -> Any:
        """A body that works, by v1 or v2."""
        return self.old_example if old and self.old_example is not None else self.example


def operation(
    summary: str, answers: Mapping[int, Type], *, parameters: Iterable[Parameter] = (), **more: Any
) -> Callable[[Responder], Responder]:
    """Declare what a responder does; ``more`` are the fields of :class:`Operation`."""
    declared = Operation(summary=summary, answers=answers, parameters=tuple(parameters), **more)
    if is_required(declared.body) and declared.example is None:
        raise TypeError(f"operation {summary!r} has a body, but no example of it")

    def mark(responder: Responder) -> Responder:
        setattr(responder, _ATTRIBUTE, declared)
        return responder

    return mark


def is_required(body: Type) -> bool:
    """Whether there must be a body: there is a type for it, and it does not allow None."""
    return body is not None and type(None) not in get_args(body)


def declared(responder: object) -> Operation | None:
    """What was declared of a responder."""
    found = getattr(responder, _ATTRIBUTE, None)
    return found if isinstance(found, Operation) else None


def filled(example: Any, ids: Mapping[str, str]) -> Any:
    """``example`` with real ids in place of ``"{job_id}"`` and the like."""
    if isinstance(example, dict):
        return {filled(key, ids): filled(each, ids) for key, each in example.items()}
    if isinstance(example, list):
        return [filled(each, ids) for each in example]
    if isinstance(example, str) and example.startswith("{") and example.endswith("}"):
        return ids.get(example[1:-1], example)
    return example
