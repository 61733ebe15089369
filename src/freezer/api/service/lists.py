"""Lists: what a search means."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from freezer.api.refusals import bad_request
from freezer.api.service.answers import decode, render
from freezer.api.service.caller import Caller
from freezer.api.store.contract import Keep, Kind, NoSuchMarker, Page, Query, Record, TooMany, Unit
from freezer.api.store.terms import LOOKED_UP, flat, same, term

Condition = tuple[str, object]

_NUMBERS = frozenset(
    {
        "curr_backup_level",
        "level",
        "time_stamp",
        "timestamp",
        "max_retries",
        "session_tag",
        "hold_off",
        "due",
        "exit_code",
    }
)
_FLAGS = frozenset({"is_central"})
_MOST_CONDITIONS = 50
_LONGEST_WORDS = 1000
_MOST_DIGITS = 16


class Search(msgspec.Struct, frozen=True):
    """The search of a request: every ``match`` must hold, no ``match_not`` may, every one of ``words`` must occur."""

    match: tuple[Condition, ...] = ()
    match_not: tuple[Condition, ...] = ()
    words: tuple[str, ...] = ()
    after: int | None = None
    before: int | None = None


class Listed(msgspec.Struct, frozen=True):
    """A page of answers as JSON texts, the records that they tell about, and what was searched for."""

    answers: Sequence[str]
    page: Page
    search: Search


def read_search(value: object) -> Search:
    """The search in the body of a request: ``match``, ``match_not``, ``time_after``, ``time_before``.

    An entry ``_all`` holds text to be found anywhere, or a JSON list of more entries.
    """
    if not isinstance(value, dict):
        raise bad_request("the search must be an object with match and match_not")
    match, words = _conditions(value.get("match"), "match")
    unwanted, no_words = _conditions(value.get("match_not"), "match_not")
    if no_words:
        raise bad_request("match_not: _all is not possible")
    _check_size(match, unwanted, words)
    return Search(
        tuple(match), tuple(unwanted), tuple(words), instant(value, "time_after"), instant(value, "time_before")
    )


def with_parameters(search: Search, kind: Kind, parameters: Mapping[str, str | list[str]]) -> Search:
    """``search`` with what the query says: any key that is looked up, ``q`` for text, ``time_after``, ``time_before``.

    Proxies may drop the body of a GET; the query they leave alone. Whatever else stands in it means nothing.
    """
    match = list(search.match)
    words = list(search.words)
    for key, value in parameters.items():
        texts = value if isinstance(value, list) else [value]
        if key in LOOKED_UP[kind]:
            match.extend((key, _meant(key, each)) for each in texts)
        elif key == "q":
            words.extend(each for each in texts if each.strip())
    after, before = (instant(parameters, key) for key in ("time_after", "time_before"))
    _check_size(match, search.match_not, words)
    return Search(
        tuple(match),
        search.match_not,
        tuple(words),
        search.after if after is None else after,
        search.before if before is None else before,
    )


def _meant(key: str, text: str) -> object:
    """The value that ``text`` stands for in a query, where everything is text."""
    if key in _NUMBERS and text.isascii() and text.removeprefix("-").isdigit() and len(text) < _MOST_DIGITS:
        return int(text)
    return {"true": True, "false": False}.get(text.lower(), text) if key in _FLAGS else text


def _check_size(match: Sequence[Condition], match_not: Sequence[Condition], words: Sequence[str]) -> None:
    if len(match) + len(match_not) + len(words) > _MOST_CONDITIONS:
        raise bad_request(f"a search has at most {_MOST_CONDITIONS} conditions")
    if any(len(each) > _LONGEST_WORDS for each in words):
        raise bad_request(f"a text to be found has at most {_LONGEST_WORDS} characters")


def _conditions(value: object, name: str) -> tuple[list[Condition], list[str]]:
    found: list[Condition] = []
    words: list[str] = []
    if value is None:
        return found, words
    if not isinstance(value, list):
        raise bad_request(f"{name} must be a list of objects")
    for each in value:
        if not isinstance(each, dict):
            raise bad_request(f"{name} must be a list of objects")
        for key, wanted in each.items():
            if key == "_all":
                more, text = _anywhere(wanted)
                found.extend(more)
                words.extend(text)
            elif isinstance(wanted, dict | list):
                raise bad_request(f"{name}: {key}: only texts, numbers, true, false and null can be looked for")
            else:
                found.append((key, wanted))
    return found, words


def _anywhere(value: object) -> tuple[list[Condition], list[str]]:
    if not isinstance(value, str):
        raise bad_request("_all must be a text")
    try:
        entries = decode(value)
    except msgspec.DecodeError:
        entries = None
    if isinstance(entries, list) and entries and all(isinstance(each, dict) for each in entries):
        return _conditions(entries, "_all")
    return [], [value] if value.strip() else []


def instant(document: Mapping[str, object], key: str) -> int | None:
    """A time in seconds since 1970 under ``key``, also as text; None if there is none."""
    value = document.get(key)
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < _MOST_DIGITS:
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value < 2**53:
        raise bad_request(f"{key} must be a time in seconds since 1970")
    return value


def list_records(unit: Unit, caller: Caller, kind: Kind, search: Search, query: Query) -> Listed:
    """The records of ``kind`` that ``search`` describes; ``query`` says which part of the list is wanted."""
    if kind is not Kind.BACKUP and (search.after is not None or search.before is not None):
        raise bad_request("time_after and time_before are for backups")
    known = LOOKED_UP[kind]
    rest = [each for each in search.match if each[0] not in known]
    rest_not = [each for each in search.match_not if each[0] not in known]
    whole = msgspec.structs.replace(
        query,
        terms=tuple(term(*each) for each in search.match if each[0] in known),
        terms_not=tuple(term(*each) for each in search.match_not if each[0] in known),
        words=search.words,
        after=search.after,
        before=search.before,
    )
    keep = _sieve(unit, caller, rest, rest_not) if rest or rest_not else None
    try:
        page = unit.find(kind, caller.scope, whole, keep)
    except (NoSuchMarker, TooMany) as error:
        raise bad_request(error.message) from None
    return Listed(render(unit, caller, page.records, listed=True), page, search)


def _sieve(unit: Unit, caller: Caller, wanted: Sequence[Condition], unwanted: Sequence[Condition]) -> Keep:
    def keeps(document: dict[str, Any]) -> bool:
        found = flat(document)
        if any(key not in found or same(found[key]) != same(value) for key, value in wanted):
            return False
        return not any(key in found and same(found[key]) == same(value) for key, value in unwanted)

    def keep(records: Sequence[Record]) -> Sequence[bool]:
        return [keeps(decode(each, type=dict[str, Any])) for each in render(unit, caller, records, credentials=False)]

    return keep
