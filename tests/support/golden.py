"""Replays recorded requests to the original's API and compares what is answered.

A *step* is one request with the answer that the original gave. ``{name}`` in it stands for what differs from run to
run: projects, users, ids that earlier steps captured; ``<hex32>``, ``<uuid>`` and ``<ts>`` for any id, UUID or present
time. Where the original was wrong, ``bug`` says how, ``accept`` which statuses are right, ``better_response`` what a
right answer contains. An answer may always contain more than the recorded one. ``follows`` is ours: the recorded answer
only follows from an earlier request that the original failed, so that it cannot be given by a server that does not;
``accept`` and ``better_response`` are what such a server answers.
"""

from __future__ import annotations

import json
import re
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from support.wsgi import Answer, Caller

FIXTURES = Path(__file__).parent.parent / "fixtures" / "golden"
_HEX = re.compile(r"\b[0-9a-f]{32}\b")
_UUID = re.compile(r"\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")
_NAME = re.compile(r"\{([\w:.-]+)\}")
_NOW_IS_WITHIN = 200_000

PEOPLE: Mapping[str, tuple[str, str]] = {
    "demo": ("demo", "member,reader"),
    "demo2": ("demo", "member,reader"),
    "reader": ("demo", "reader"),
    "norole": ("demo", "freezer-no-role"),
    "alt": ("alt", "member,reader"),
    "admin": ("adm", "admin,member,reader"),
    "svc": ("adm", "service"),
}
"""Those who ask: the project of each, and the roles in it."""

PROJECTS = ("demo", "alt", "adm")


@dataclass(frozen=True)
class World:
    """``names``: the ids of projects and users, ``headers``: what each of the people sends with a request."""

    names: Mapping[str, str]
    headers: Mapping[str | None, Mapping[str, str]]


def made_up() -> World:
    """People who say themselves who they are, in the headers that Keystone's middleware would set."""
    names = {f"project:{project}": uuid.uuid4().hex for project in PROJECTS}
    names |= {f"user:{alias}": uuid.uuid4().hex for alias in PEOPLE}
    headers: dict[str | None, Mapping[str, str]] = {None: {}, "unscoped": _claimed("demo", names["user:demo"], "", "")}
    for alias, (project, roles) in PEOPLE.items():
        headers[alias] = _claimed(alias, names[f"user:{alias}"], names[f"project:{project}"], roles)
    return World(names, headers)


def _claimed(alias: str, user: str, project: str, roles: str) -> dict[str, str]:
    told = {"X-Identity-Status": "Confirmed", "X-User-Id": user, "X-User-Name": alias, "X-Roles": roles}
    return {**told, "X-Project-Id": project} if project else told


def groups(version: str) -> list[str]:
    """The names of the recorded groups of ``v1`` or ``v2``."""
    return sorted(path.stem for path in (FIXTURES / version).glob("*.jsonl"))


def steps(version: str, group: str) -> list[dict[str, Any]]:
    """The steps of a group."""
    return [json.loads(line) for line in (FIXTURES / version / f"{group}.jsonl").read_text("utf-8").splitlines()]


class Replay:
    """The people of one run, and what has been captured so far."""

    def __init__(self, call: Caller, world: World, sleep: Callable[[float], None] = time.sleep) -> None:
        self._call = call
        self._headers = world.headers
        self._sleep = sleep
        self._names: dict[str, str] = {"rnd": uuid.uuid4().hex[:8], "base": call.base, **world.names}

    def differences(self, step: Mapping[str, Any]) -> list[str]:
        """Do one step; how the answer differs from every one that would be right."""
        answer = self._do(step)
        for name, path in (step.get("capture") or {}).items():
            self._capture(name, path, answer.json())
        body = self._general(answer.json())
        recorded = list(self._unlike(step, step["status"], step["response"], answer, body))
        if "follows" in step:
            return self._worse(step, answer, body)
        if not step.get("bug") or not recorded:
            return recorded
        return self._worse(step, answer, body)

    def _worse(self, step: Mapping[str, Any], answer: Answer, body: object) -> list[str]:
        """How the answer differs from what is better than the recorded one."""
        if answer.status not in step.get("accept", []):
            return [f"{answer.status} is none of {step.get('accept', [])}: {body}"]
        if "better_response" not in step:
            return []
        return list(_missing(self._general(self._concrete(step["better_response"])), body, ""))

    def _do(self, step: Mapping[str, Any]) -> Answer:
        headers = {"Accept": "application/json", **self._headers[step["as"]], **step.get("headers", {})}
        body: bytes | None = None
        if "raw_body" in step:
            body = step["raw_body"].encode()
        elif "body" in step:
            body = json.dumps(self._concrete(step["body"])).encode()
        self._sleep(step.get("sleep", 0))
        return self._call(step["method"], self._concrete(step["path"]), headers, body)

    def _unlike(
        self, step: Mapping[str, Any], status: int, response: object, answer: Answer, body: object
    ) -> Iterator[str]:
        if answer.status != status:
            yield f"{answer.status} instead of {status}: {body}"
            return
        if answer.status >= 400:
            if isinstance(response, dict):
                yield from (
                    f"{key} is missing in {body}" for key in response if not isinstance(body, dict) or key not in body
                )
        elif not step.get("ignore_body"):
            yield from _missing(_repeated(response), body, "")
        wanted, found = step.get("content_type", ""), answer.headers.get("content-type", "")
        if wanted and wanted.split(";")[0] != found.split(";")[0]:
            yield f"content type {found} instead of {wanted}"

    def _capture(self, name: str, path: str, document: Any) -> None:
        try:
            for part in path.split("."):
                document = document[int(part)] if isinstance(document, list) else document[part]
            self._names[name] = document
        except (KeyError, TypeError, IndexError):
            self._names.setdefault(name, "capture-failed")

    def _concrete(self, value: Any) -> Any:
        if isinstance(value, str):
            return _NAME.sub(lambda found: self._names.get(found[1], found[0]), value)
        if isinstance(value, list):
            return [self._concrete(each) for each in value]
        if isinstance(value, dict):
            if "$repeat" in value:
                return _repeated(value)
            return {self._concrete(key): self._concrete(each) for key, each in value.items()}
        return value

    def _general(self, value: Any) -> Any:
        if isinstance(value, str):
            for name, meant in sorted(self._names.items(), key=lambda pair: -len(pair[1])):
                if len(meant) >= 8:
                    value = value.replace(meant, f"{{{name}}}")
            return _HEX.sub("<hex32>", _UUID.sub("<uuid>", value))
        if isinstance(value, int) and not isinstance(value, bool) and abs(value - time.time()) < _NOW_IS_WITHIN:
            return "<ts>"
        if isinstance(value, list):
            return [self._general(each) for each in value]
        if isinstance(value, dict):
            return {self._general(key): self._general(each) for key, each in value.items()}
        return value


def _repeated(value: Any) -> Any:
    """``value`` with its long texts, which the fixtures write short."""
    if isinstance(value, dict):
        if "$repeat" in value:
            character, count = value["$repeat"]
            return character * count
        return {key: _repeated(each) for key, each in value.items()}
    return [_repeated(each) for each in value] if isinstance(value, list) else value


def _missing(wanted: object, found: object, where: str) -> Iterator[str]:
    """How ``found`` fails to contain ``wanted``."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        for key, each in wanted.items():
            if key not in found:
                yield f"{where}.{key} is missing"
            elif key != "user_name":  # names of the recorded users
                yield from _missing(each, found[key], f"{where}.{key}")
    elif isinstance(wanted, list) and isinstance(found, list):
        if len(wanted) != len(found):
            yield f"{where} has {len(found)} entries instead of {len(wanted)}"
        for place, (one, other) in enumerate(zip(wanted, found, strict=False)):
            yield from _missing(one, other, f"{where}[{place}]")
    elif wanted != found:
        yield f"{where} is {found!r} instead of {wanted!r}"
