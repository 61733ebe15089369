"""From settings to the application that a WSGI server runs."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from freezer import __version__
from freezer.api.app import build, with_update
from freezer.api.around import Around
from freezer.api.auth import nobody, nodes
from freezer.api.auth.basic import CHALLENGE, Basic
from freezer.api.auth.gate import IDENTITY_ROUTES, Environ, Gate, is_open
from freezer.api.auth.identity import Catalog, IdentityVersion, IdentityVersions, Issuer, Open, Projects, Tokens
from freezer.api.auth.tokens import Signer, read_key
from freezer.api.auth.users import Users
from freezer.api.checks import Check, database_check
from freezer.api.config import ApiSettings
from freezer.api.describe.document import Document, make_document
from freezer.api.describe.site import Routed
from freezer.api.limits import Limits
from freezer.api.metrics import Meters
from freezer.api.policy import Policy
from freezer.api.proxied import believing_proxy
from freezer.api.requests import Services
from freezer.api.routes.health import Health
from freezer.api.routes.metrics import Metrics
from freezer.api.routes.openapi import OpenApi
from freezer.api.store.contract import Store
from freezer.api.store.elastic.store import ElasticStore
from freezer.api.store.elastic.wire import Wire
from freezer.api.store.known import Known
from freezer.api.store.readonly import ReadOnly, read_only_while
from freezer.api.store.sql.engine import open_engine
from freezer.api.store.sql.store import SqlStore
from freezer.api.trusts.keeper import Delegated, Keeper
from freezer.api.trusts.keystone import RealKeystone
from freezer.api.waiting import Waiting
from freezer.clock import Clock, SystemClock
from freezer.crypto.keyring import KeyRing

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication

_OPEN_TOKEN_SECONDS = 86_400
_SCHEMES = {"keystone": ("token",), "basic": ("token", "password"), "none": ()}


class Application:
    """What a WSGI server calls; ``close`` gives back what it holds."""

    def __init__(self, outer: WSGIApplication, close: Callable[[], None]) -> None:
        self._outer = outer
        self.close = close

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return self._outer(environ, start_response)


def make_application(
    settings: ApiSettings, clock: Clock | None = None, stopping: threading.Event | None = None
) -> Application:
    """The whole application; FreezerError if it cannot be: no way of authentication, no tables, no policy.

    ``stopping`` is set when the process is to end. Nothing runs beside requests yet: it may be made, and thrown away,
    before a process is divided.
    """
    time = clock or SystemClock()
    way = settings.authentication
    meters = Meters(__version__)
    kept = open_kept(settings, time, settings.connections, meters.repeated)
    kept.tables.check()
    store, trusts = kept.store, kept.trusts
    policy = Policy(time, settings.files, settings.policy_file or None)
    services = Services(
        store,
        policy,
        time,
        stopping or threading.Event(),
        trusts,
        silent_after=settings.silent_minutes * 60,
        tenants_may_set=frozenset(settings.tenants_may_set),
    )
    app = build(
        services,
        Health(time, _checks(settings, way, store), settings.disabled_by, details=settings.detailed_health),
        Metrics(meters, settings.metrics_from, believed=settings.believes_proxy),
        waiting=Waiting(store, services.stopping, settings.max_waiters or 0),
        limits=Limits(time, settings.rate_limit, settings.rate_burst) if settings.rate_limit else None,
        old_too=settings.enable_v1_api,
    )
    app.add_route("/openapi.json", OpenApi(app, is_open, _SCHEMES[way]))
    inner = with_update(nodes.guarded(app, _guarded(app, settings, way, time)))
    outer = Around(inner, meters, time, log=settings.access_log)
    return Application(believing_proxy(outer) if settings.believes_proxy else outer, kept.tables.close)


def _checks(settings: ApiSettings, way: str, store: ReadOnly) -> dict[str, Check]:
    checks = {"database": database_check(store)}
    if way == "keystone":
        from freezer.api.auth.keystone import keystone_check

        checks["keystone"] = keystone_check(settings.files)
    return checks


class Tables(Store, Protocol):
    """A store that holds connections until it is closed."""

    def close(self) -> None: ...


class Kept(NamedTuple):
    """What the server keeps: its tables, the same for all who change something, and trusts, if there are to be any."""

    tables: Tables
    store: ReadOnly
    trusts: Keeper | None


def open_kept(
    settings: ApiSettings, clock: Clock, connections: int, repeated: Callable[[], None] = lambda: None
) -> Kept:
    """What is kept, on at most so many connections; ``repeated`` is called when a transaction is done again."""
    trusting = settings.authentication == "keystone" and settings.trusts
    known = Known(settings.quotas, KeyRing(settings.trust_keys) if trusting else None)
    tables = open_tables(settings, clock, connections, known, repeated)
    store = ReadOnly(tables, read_only_while(settings.read_only, settings.read_only_by))
    return Kept(tables, store, _keeper(store, settings, clock) if trusting else None)


def open_tables(
    settings: ApiSettings,
    clock: Clock,
    connections: int,
    known: Known | None = None,
    repeated: Callable[[], None] | None = None,
) -> Tables:
    """The store that is configured."""
    if settings.place is not None:
        return ElasticStore(Wire(settings.place, clock), clock, known, repeated)
    return SqlStore(open_engine(settings.database, connections=connections), clock, known, repeated, connections)


def _keeper(store: ReadOnly, settings: ApiSettings, clock: Clock) -> Keeper:
    keystone = RealKeystone(settings.files, settings.trusts_section, "trust_admin")
    return Keeper(
        store, keystone, Delegated(settings.trusts_roles, settings.trusts_days, settings.trusts_always), clock
    )


def _guarded(app: Routed, settings: ApiSettings, way: str, clock: Clock) -> WSGIApplication:
    if way == "keystone":
        from freezer.api.auth.keystone import guarded

        return guarded(app, settings.files)
    if way == "basic":
        users = Users(settings.passwords, settings.users, clock)
        signer = Signer(read_key(settings.token_key))
        seconds = settings.token_hours * 3600
        basic = Basic(users, signer, clock, seconds, behind_proxy=settings.behind_proxy)
        _add_identity(app, basic, basic.identify, clock)
        return Gate(app, basic.identify, CHALLENGE)
    _add_identity(app, Open(nobody.ADMINISTRATOR, clock, _OPEN_TOKEN_SECONDS), nobody.identify, clock)
    return Gate(app, nobody.identify)


def everything() -> Routed:
    """All routes of a server with all its parts, with nothing behind them: to be described, not to be called."""
    nothing: Any = None
    app = build(Services(nothing, nothing, nothing), Health(nothing, {}, ""), Metrics(nothing, (), believed=False))
    app.add_route("/openapi.json", OpenApi(app, is_open, ()))
    _add_identity(app, nothing, nothing, nothing)
    return app


def describe() -> Document:
    """The OpenAPI document of a server with all its parts."""
    return make_document(everything(), is_open)


def _add_identity(app: Routed, issuer: Issuer, identify: Any, clock: Clock) -> None:
    app.add_route(IDENTITY_ROUTES, IdentityVersions())
    app.add_route(f"{IDENTITY_ROUTES}/v3", IdentityVersion())
    app.add_route(f"{IDENTITY_ROUTES}/v3/auth/tokens", Tokens(issuer, clock))
    app.add_route(f"{IDENTITY_ROUTES}/v3/auth/projects", Projects(identify))
    app.add_route(f"{IDENTITY_ROUTES}/v3/auth/catalog", Catalog(identify))
