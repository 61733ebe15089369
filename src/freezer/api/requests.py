"""What all routes do with requests and answers."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterable
from typing import Any, TypeVar, overload

import falcon
import msgspec
from msgspec.structs import replace

from freezer.api.policy import Policy
from freezer.api.refusals import Refusal, bad_request, forbidden, missing
from freezer.api.scope import Identity, Scope
from freezer.api.service.audit import Sights, noted
from freezer.api.service.caller import Caller
from freezer.api.service.trusts import TrustWanted
from freezer.api.store.audit import LONGEST_TARGET, Deed
from freezer.api.store.contract import LONGEST_OWNER, Query, Remembered, Store, Unit
from freezer.api.trusts.keeper import Keeper
from freezer.clock import Clock

MAX_BODY = 1024 * 1024
MAX_PAGE = 1000
DEFAULT_PAGE = 10
IDENTITY = "freezer.identity"
REQUEST_ID = "freezer.request_id"
ROUTE = "freezer.route"
T = TypeVar("T")
_MOST = 2**53
_READ = 65_536
_MAX_KEY = 160
_MAX_DEPTH = 64
_LAST_COUNTS = ("limit", "offset")  # of several values, as the original has it


class Services(msgspec.Struct, frozen=True):
    """What routes work with. ``stopping`` is set when this process is to end: nobody waits for news any more.

    ``silent_after``: seconds after which a client that was not heard of is called silent. ``tenants_may_set``: see
    :class:`Caller`.
    """

    store: Store
    policy: Policy
    clock: Clock
    stopping: threading.Event = msgspec.field(default_factory=threading.Event)
    trusts: Keeper | None = None
    sights: Sights = msgspec.field(default_factory=Sights)
    silent_after: int = 1800
    tenants_may_set: frozenset[str] = frozenset()

    def write(self, caller: Caller, work: Callable[[Unit], T]) -> T:
        """What ``work`` returns, done and noted in the audit, or neither.

        What machines report all the time is written by ``store.write``: the reports themselves say who and when.
        """
        return self.entrusted(caller, lambda: self.store.write(lambda unit: noted(unit, caller, work(unit))))

    def entrusted(self, caller: Caller, act: Callable[[], T]) -> T:
        """What ``act`` returns, if need be after the trust has been made that it wants."""
        try:
            return act()
        except TrustWanted as wanted:
            if self.trusts is None:
                raise
            self.trusts.make(caller.identity, wanted)
        return act()

    def sighted(self, caller: Caller, operation: str) -> None:
        """Note that somebody looks at what is not of its project; once an hour, for schedulers do it all the time."""
        if caller.deed is None or not self.store.writes:
            return
        if self.sights.is_first(caller.identity.user_id, operation, caller.now):
            deed = replace(caller.deed, operation=operation)
            self.store.write(lambda unit: unit.audit.note(deed))

    def delegating(self, caller: Caller) -> Caller:
        """``caller``, with what its jobs on central clients need of it."""
        if self.trusts is None or caller.old or not caller.identity.token or caller.is_node:
            return caller
        return replace(caller, delegation=self.trusts.delegation())


def identity_of(req: falcon.Request) -> Identity:
    """Who the request comes from; authentication has put it there."""
    identity = req.env.get(IDENTITY)
    if not isinstance(identity, Identity) or max(len(identity.user_id), len(identity.project_id)) > LONGEST_OWNER:
        raise forbidden()
    return identity


def old_rule(rule: str) -> str:
    """The rule of v1 that stands for one of v2's."""
    return f"v1:{rule}" if rule == "jobs:create" else "v1:use"


def caller_of(services: Services, req: falcon.Request, project_id: str | None, rule: str) -> Caller:
    """The caller, if ``rule`` lets it; ``project_id`` None: by v1."""
    identity = identity_of(req)
    now = int(services.clock.now())
    if project_id is None:
        if identity.client is not None:
            raise forbidden()
        services.policy.check(old_rule(rule), identity, identity.project_id)
        scope = Scope(identity.project_id, identity.user_id)
        deed = _deed(req, identity, now, identity.project_id, rule)
        may = services.tenants_may_set
        return Caller(identity, scope, now, old=True, expected=_expected(req), deed=deed, tenants_may_set=may)
    services.policy.check(rule, identity, project_id)
    if len(project_id) > LONGEST_OWNER:
        raise missing("Project", project_id[:LONGEST_OWNER])
    scope = Scope(project_id, central=identity.client is None, client=identity.client)
    deed, may = _deed(req, identity, now, project_id, rule), services.tenants_may_set
    return Caller(identity, scope, now, expected=_expected(req), deed=deed, tenants_may_set=may)


def _deed(req: falcon.Request, identity: Identity, now: int, project_id: str, rule: str) -> Deed:
    _, _, below = req.path.lstrip("/").partition("/")
    target = below if req.path.startswith("/v1") else below.partition("/")[2]
    return Deed(
        at=now,
        project_id=project_id,
        user_id=identity.user_id,
        user_name=identity.user_name[:LONGEST_TARGET],
        operation=rule,
        target=target[:LONGEST_TARGET],
        request_id=req.env[REQUEST_ID],
        address=(req.remote_addr or "")[:LONGEST_OWNER],
    )


def everywhere(caller: Caller) -> Caller:
    """``caller`` with every project in view."""
    return replace(caller, scope=Scope(None, central=True))


def _expected(req: falcon.Request) -> int | None:
    header = req.get_header("If-Match")
    if header is None or header.strip() == "*":
        return None
    text = header.strip().removeprefix("W/").strip('"')
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise Refusal(409, "Conflict", "If-Match names no revision of this API", hint="send the ETag of an answer")
    return int(text)


def body_of(req: falcon.Request) -> bytes:
    """The bytes of the body; 413 above 1 MiB."""
    declared = req.content_length
    if declared is not None and declared > MAX_BODY:
        raise Refusal(413, "Request Entity Too Large", f"a body may have at most {MAX_BODY} bytes")
    if declared is None and "chunked" not in (req.get_header("Transfer-Encoding") or "").lower():
        return b""
    stream = req.bounded_stream if declared is not None else req.stream
    parts: list[bytes] = []
    size = 0
    while part := stream.read(_READ):
        size += len(part)
        if size > MAX_BODY:
            raise Refusal(413, "Request Entity Too Large", f"a body may have at most {MAX_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


def json_of(req: falcon.Request) -> Any:
    """The document in the body; None if there is no body."""
    raw = body_of(req)
    if not raw.strip():
        return None
    try:
        value = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise _no_json(raw, str(error)) from None
    except RecursionError:
        raise bad_request("the body is nested too deeply") from None
    if raw.count(b"[") + raw.count(b"{") > _MAX_DEPTH or b"\\u0000" in raw or b"\0" in raw:
        _check_inside(value)
    return value


def _no_json(raw: bytes, said: str) -> Refusal:
    """400 with the line of the fault, which the quick decoder does not tell."""
    hint = None
    try:
        json.loads(raw)
    except json.JSONDecodeError as error:
        said = f"line {error.lineno}, column {error.colno}: {error.msg}"
        hint = "a document begins with { and ends with }" if error.msg == "Extra data" else None
    except (UnicodeDecodeError, RecursionError):
        pass
    return Refusal(400, "Bad request format", f"the body is no JSON: {said}", hint=hint)


def _check_inside(value: object) -> None:
    """400 for NUL in a text, and for a document so deep that it could exhaust whoever works with it."""
    level: list[object] = [value]
    for _ in range(_MAX_DEPTH):
        if any(isinstance(each, str) and "\0" in each for each in level):
            raise bad_request("texts must not contain NUL")
        level = [inner for each in level for inner in _inside(each)]
        if not level:
            return
    raise bad_request(f"the body is nested more than {_MAX_DEPTH} levels deep")


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return (*value, *value.values())
    return value if isinstance(value, list) else ()


def document_of(req: falcon.Request) -> Any:
    """The document in the body; 400 if there is none."""
    value = json_of(req)
    if value is None:
        raise bad_request("Missing request body")
    return value


@overload
def number_of(req: falcon.Request, name: str, default: int) -> int: ...


@overload
def number_of(req: falcon.Request, name: str, default: None) -> int | None: ...


def number_of(req: falcon.Request, name: str, default: int | None) -> int | None:
    """A whole number of the query that is not negative, given once; 400 for anything else."""
    if isinstance(req.params.get(name), list) and name not in _LAST_COUNTS:
        raise bad_request(f'The "{name}" parameter is given more than once.', title="Invalid parameter")
    text = req.get_param(name)
    if not text:
        return default
    digits = text.removeprefix("-")
    if not digits.isascii() or not digits.isdigit():
        message = f'The "{name}" parameter is invalid. The value must be an integer.'
        raise bad_request(message, title="Invalid parameter")
    number = int(digits) if len(digits) < 16 else _MOST
    if text.startswith("-") and number:
        message = f'The "{name}" parameter is invalid. The value must not be negative.'
        raise bad_request(message, title="Invalid parameter")
    return min(number, _MOST)


def flag_of(req: falcon.Request, name: str) -> bool:
    """A yes or no in the query; 400 for anything else."""
    return bool(req.get_param_as_bool(name, blank_as_true=False))


def query_of(req: falcon.Request) -> Query:
    """Which part of a list is wanted: ``limit`` (10, at most 1000), ``offset``, ``marker``, ``sort``, ``total``."""
    sort = req.get_param("sort") or "created"
    if sort not in {"created", "-created"}:
        raise bad_request('The "sort" parameter is invalid: created or -created.', title="Invalid parameter")
    return Query(
        limit=min(number_of(req, "limit", DEFAULT_PAGE) or DEFAULT_PAGE, MAX_PAGE),
        offset=number_of(req, "offset", 0),
        marker=req.get_param("marker") or None,
        newest_first=sort.startswith("-"),
        total=flag_of(req, "total"),
    )


def answer(resp: falcon.Response, body: str, status: int = 200) -> None:
    """Answer with a JSON text."""
    resp.status = falcon.code_to_http_status(status)
    resp.data = body.encode()


def tagged(resp: falcon.Response, revision: int) -> None:
    """Tell the revision that the answer is about."""
    resp.set_header("ETag", f'"{revision}"')


class Idempotent(msgspec.Struct, frozen=True):
    """A creation that may be asked for again: who, where, under which key, and what exactly."""

    identity: str
    route: str
    key: str
    request_hash: str


def idempotent(req: falcon.Request, route: str, document: object) -> Idempotent | None:
    """The idempotency key of a request, if it has one."""
    key = req.get_header("Idempotency-Key")
    if key is None:
        return None
    if not key.isascii() or not key.isprintable() or not 0 < len(key) <= _MAX_KEY:
        raise bad_request(f"an Idempotency-Key has 1 to {_MAX_KEY} printable characters")
    identity = identity_of(req)
    text = msgspec.json.encode(document, order="deterministic")
    return Idempotent(
        f"{identity.user_id}@{identity.project_id}"[:_MAX_KEY], route, key, hashlib.sha256(text).hexdigest()
    )


def known_answer(found: Remembered, asked: Idempotent) -> Remembered:
    """The answer of the first request; 409 if that was another one."""
    if found.request_hash != asked.request_hash:
        raise Refusal(409, "Conflict", "this Idempotency-Key belongs to another request")
    return found
