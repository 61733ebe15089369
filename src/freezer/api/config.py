"""The server's configuration: the original's files, sections and keys, and ours.

Files: ``freezer.conf``, then ``freezer-api.conf``, each from the first of ``~/.freezer``, ``~``, ``/etc/freezer`` and
``/etc`` that has it; ``--config-file`` takes their place. Ours are the sections ``[api]``, ``[http_basic]`` and
``[quota]``, where a key that does not exist is an error. Sections that belong to libraries (``[keystone_authtoken]``,
``[oslo_policy]``) are read by them. Whatever else the original knows and we do not need gets a notice
(:mod:`freezer.api.original`).
"""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from freezer.api.original import about, log_settings
from freezer.api.store.elastic.place import Place, address, checked_index, is_place, place_of
from freezer.errors import UsageError
from freezer.log import LogSettings
from freezer.log.keys import LOG_FLAGS, LOG_NUMBERS, LOG_TEXTS
from freezer.model.checking import MAX_NUMBER
from freezer.model.quotas import RESOURCES, UNLIMITED
from freezer.notify import PROTECTIONS
from freezer.notify import Settings as NotifySettings
from freezer.options.configuration import read_lines
from freezer.options.ini import read_text
from freezer.options.names import find_key

_NAMES = ("freezer.conf", "freezer-api.conf")
_DEFAULT_DATABASE = "sqlite:////var/lib/freezer/freezer-api.db"
AUTHENTICATIONS = ("keystone", "basic", "none")
TLS_VERSIONS = ("1.2", "1.3")
_LONGEST_NAMES = 1000
_ELASTIC = "elasticsearch"
_STORES = ("db", "sqlalchemy", _ELASTIC)
_OURS = frozenset({"api", "http_basic", "notify", "quota"})


class ApiSettings(msgspec.Struct, frozen=True, kw_only=True):
    """How the server is to run; ``files`` are those that were read, ``notices`` what had no effect in them.

    ``max_waiters``: how many requests of a process may wait for changes; None: half of its threads if they are ours,
    otherwise none.
    """

    auth: str = ""
    bind_host: str = ""
    bind_port: int = 9090
    workers: int = 1
    threads: int = 64
    max_waiters: int | None = None
    tls_certificate: str = ""
    tls_key: str = ""
    tls_client_ca: str = ""
    tls_minimum: str = "1.2"
    stop_seconds: int = 60
    behind_proxy: bool = False
    proxy_headers: bool = False
    enable_v1_api: bool = True
    database: str = _DEFAULT_DATABASE
    elastic: Place | None = None
    connections: int = 10
    policy_file: str = ""
    disabled_by: str = "/etc/freezer/healthcheck_disable"
    detailed_health: bool = False
    metrics_from: tuple[str, ...] = ("127.0.0.0/8", "::1/128")
    access_log: bool = True
    rate_limit: int = 0
    rate_burst: int = 0
    keep_runs_days: int = 90
    read_only: bool = False
    read_only_by: str = "/etc/freezer/api_read_only"
    passwords: str = "/etc/freezer/htpasswd"
    users: str = "/etc/freezer/users.toml"
    token_key: str = "/var/lib/freezer/token.key"  # noqa: S105
    token_hours: int = 24
    housekeeping: bool = True
    housekeeping_seconds: int = 60
    silent_minutes: int = 30
    notify: NotifySettings = NotifySettings()
    audit_days: int = 365
    trusts: bool = True
    trusts_always: bool = False
    trusts_section: str = "keystone_authtoken"
    trusts_roles: tuple[str, ...] = ("member",)
    trusts_days: int = 90
    tenants_may_set: tuple[str, ...] = ()
    trust_keys: str = "/var/lib/freezer/trust.keys"
    quotas: Mapping[str, int] = {}
    log: LogSettings = log_settings({})
    keystone: bool = False
    files: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()

    @property
    def authentication(self) -> str:
        """``keystone``, ``basic`` or ``none``; UsageError if nothing says which."""
        if self.auth:
            return self.auth
        if self.keystone:
            return "keystone"
        hint = "set [api] auth to keystone, basic or (on 127.0.0.1 only) none"
        raise UsageError("nothing says how callers are authenticated", hint=hint)

    @property
    def place(self) -> Place | None:
        """Where records are kept if that is no SQL database."""
        return place_of(self.database) if self.elastic is None and is_place(self.database) else self.elastic

    @property
    def believes_proxy(self) -> bool:
        """Whether the request is what a proxy in front says of it."""
        return self.behind_proxy or self.proxy_headers

    @property
    def host(self) -> str:
        """Where to listen: everywhere if callers are authenticated, and their passwords are not to be overheard."""
        if self.bind_host:
            return self.bind_host
        return "0.0.0.0" if self.authentication == "keystone" or self.tls_certificate else "127.0.0.1"  # noqa: S104


class _Key(msgspec.Struct, frozen=True):
    """Which field of the settings a key sets, and how; ``log.`` or ``notify.`` before one of theirs, none: it is only
    checked."""

    """Which field of the settings a key sets (``log.`` before one of the log's, ``quotas.``
    before a limit; none: it is only checked), and how."""

    field: str
    read: Callable[[str], object]
    allowed: str


def _whole(low: int, high: int) -> Callable[[str], int]:
    def read(text: str) -> int:
        number = int(text) if text.isascii() and text.isdigit() and len(text) < 17 else -1
        if not low <= number <= high:
            raise ValueError(text)
        return number

    return read


def _limit(text: str) -> int:
    return UNLIMITED if text == str(UNLIMITED) else _whole(0, MAX_NUMBER)(text)


def _names(text: str) -> tuple[str, ...]:
    names = tuple(sorted({each.strip() for each in text.split(",") if each.strip()}))
    if not names or len(",".join(names)) > _LONGEST_NAMES:
        raise ValueError(text)
    return names


def _options(text: str) -> tuple[str, ...]:
    found = [find_key(each.strip()) for each in text.split(",") if each.strip()]
    if None in found:
        raise ValueError(text)
    return tuple(each[0].name for each in found if each is not None)


def _yes(text: str) -> bool:
    word = text.lower()
    if word not in {"true", "yes", "on", "1", "false", "no", "off", "0"}:
        raise ValueError(text)
    return word in {"true", "yes", "on", "1"}


def _one_of(*words: str) -> Callable[[str], object]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(text)
        return text

    return read


def _networks(text: str) -> tuple[str, ...]:
    return tuple(str(ipaddress.ip_network(each)) for each in text.replace(",", " ").split())


def _words(text: str) -> tuple[str, ...]:
    return tuple(each.strip() for each in text.split(",") if each.strip())


def _login(text: str) -> str:
    if not text.partition(":")[1]:
        raise ValueError
    return text


def _index(text: str) -> str:
    try:
        return checked_index(text)
    except UsageError:
        raise ValueError(text) from None


def _blanks_or_commas(text: str) -> tuple[str, ...]:
    found = tuple(text.replace(",", " ").split())
    if not found:
        raise ValueError(text)
    for each in found:
        address(each, tls=False)
    return found


def _blanks(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _text(field: str) -> _Key:
    return _Key(field, str, "a text")


def _flag(field: str) -> _Key:
    return _Key(field, _yes, "true or false")


_KEYS: Mapping[tuple[str, str], _Key] = {
    ("DEFAULT", "bind_host"): _text("bind_host"),
    ("DEFAULT", "bind_port"): _Key("bind_port", _whole(1, 65_535), "a port from 1 to 65535"),
    ("DEFAULT", "enable_v1_api"): _flag("enable_v1_api"),
    **{("DEFAULT", key): _text(f"log.{field}") for key, field in LOG_TEXTS.items()},
    **{("DEFAULT", key): _flag(f"log.{field}") for key, field in LOG_FLAGS.items()},
    **{
        ("DEFAULT", key): _Key(f"log.{field}", _whole(1, 1_000_000), "a number from 1 to 1000000")
        for key, field in LOG_NUMBERS.items()
    },
    ("DEFAULT", "default_log_levels"): _Key("log.levels", _words, "logger=LEVEL, with commas between them"),
    ("api", "auth"): _Key("auth", _one_of(*AUTHENTICATIONS), ", ".join(AUTHENTICATIONS)),
    ("api", "bind_host"): _text("bind_host"),
    ("api", "bind_port"): _Key("bind_port", _whole(1, 65_535), "a port from 1 to 65535"),
    ("api", "workers"): _Key("workers", _whole(1, 256), "a number from 1 to 256"),
    ("api", "threads"): _Key("threads", _whole(1, 1024), "a number from 1 to 1024"),
    ("api", "max_waiters"): _Key("max_waiters", _whole(0, 512), "a number from 0 to 512"),
    ("api", "keep_runs_days"): _Key("keep_runs_days", _whole(1, 36_500), "days from 1 to 36500"),
    ("api", "tls_certificate"): _text("tls_certificate"),
    ("api", "tls_key"): _text("tls_key"),
    ("api", "tls_client_ca"): _text("tls_client_ca"),
    ("api", "tls_minimum"): _Key("tls_minimum", _one_of(*TLS_VERSIONS), ", ".join(TLS_VERSIONS)),
    ("api", "stop_seconds"): _Key("stop_seconds", _whole(1, 3600), "seconds from 1 to 3600"),
    ("api", "behind_proxy"): _flag("behind_proxy"),
    ("api", "enable_v1_api"): _flag("enable_v1_api"),
    ("api", "disabled_by"): _text("disabled_by"),
    ("api", "audit_days"): _Key("audit_days", _whole(1, 36_500), "days from 1 to 36500"),
    **{("quota", name): _Key(f"quotas.{name}", _limit, "a number, or -1 for no limit") for name in RESOURCES},
    ("api", "trust_keys"): _text("trust_keys"),
    ("centralized_scheduler", "enabled"): _flag("trusts"),
    ("centralized_scheduler", "enforce_trusts"): _flag("trusts_always"),
    ("centralized_scheduler", "auth_section"): _text("trusts_section"),
    ("centralized_scheduler", "trusts_delegated_roles"): _Key("trusts_roles", _names, "names of roles, with commas"),
    ("centralized_scheduler", "trusts_days"): _Key("trusts_days", _whole(1, 3650), "days from 1 to 3650"),
    ("centralized_scheduler", "tenants_may_set"): _Key("tenants_may_set", _options, "names of options, with commas"),
    ("api", "metrics_from"): _Key("metrics_from", _networks, "networks such as 192.0.2.0/24, with spaces between them"),
    ("api", "access_log"): _flag("access_log"),
    ("api", "rate_limit"): _Key("rate_limit", _whole(0, 100_000), "requests each second, 0 for no limit"),
    ("api", "rate_burst"): _Key("rate_burst", _whole(0, 1_000_000), "a number of requests"),
    ("api", "read_only"): _flag("read_only"),
    ("api", "read_only_by"): _text("read_only_by"),
    ("api", "housekeeping"): _flag("housekeeping"),
    ("api", "housekeeping_seconds"): _Key("housekeeping_seconds", _whole(5, 3600), "seconds from 5 to 3600"),
    ("api", "silent_minutes"): _Key("silent_minutes", _whole(1, 100_000), "minutes from 1 to 100000"),
    ("notify", "webhooks"): _Key("notify.webhooks", _blanks, "addresses with blanks between them"),
    ("notify", "mail_protection"): _Key("notify.mail_protection", _one_of(*PROTECTIONS), ", ".join(PROTECTIONS)),
    ("notify", "mail_to"): _Key("notify.mail_to", _words, "addresses with commas between them"),
    **{
        ("notify", key): _text(f"notify.{key}")
        for key in ("mail_server", "mail_from", "mail_user", "mail_password_file", "authorities")
    },
    ("http_basic", "passwords"): _text("passwords"),
    ("http_basic", "users"): _text("users"),
    ("http_basic", "token_key"): _text("token_key"),
    ("http_basic", "token_hours"): _Key("token_hours", _whole(1, 8760), "hours from 1 to 8760"),
    ("database", "connection"): _text("database"),
    ("database", "max_pool_size"): _Key("connections", _whole(1, 1000), "a number from 1 to 1000"),
    ("oslo_middleware", "enable_proxy_headers_parsing"): _flag("proxy_headers"),
    ("healthcheck", "detailed"): _flag("detailed_health"),
    ("healthcheck", "disable_by_file_path"): _text("disabled_by"),
    ("storage", "backend"): _Key("storage.backend", _one_of(*_STORES), ", ".join(_STORES)),
    ("storage", "driver"): _Key("storage.driver", _one_of(*_STORES), ", ".join(_STORES)),
    ("elasticsearch", "hosts"): _Key("elastic.hosts", _blanks_or_commas, "addresses with commas between them"),
    ("elasticsearch", "http_auth"): _Key("elastic.login", _login, "user:password"),
    ("elasticsearch", "index"): _Key("elastic.index", _index, "small letters, digits and the signs _ . + -"),
    ("elasticsearch", "timeout"): _Key("elastic.timeout", _whole(1, 3600), "seconds from 1 to 3600"),
    ("elasticsearch", "retries"): _Key("elastic.retries", _whole(0, 100), "a number from 0 to 100"),
    ("elasticsearch", "use_ssl"): _flag("elastic.tls"),
    ("elasticsearch", "verify_certs"): _flag("elastic.verify"),
    ("elasticsearch", "ca_certs"): _text("elastic.authorities"),
    ("elasticsearch", "number_of_replicas"): _Key("elastic.replicas", _whole(0, 100), "a number from 0 to 100"),
}


def find_files(home: str, etc: str) -> list[str]:
    """The configuration files of this machine, in the order of reading."""
    places = (os.path.join(home, ".freezer"), home, os.path.join(etc, "freezer"), etc)
    found = []
    for name in _NAMES:
        paths = [path for path in (os.path.join(place, name) for place in places) if os.path.isfile(path)]
        found.extend(paths[:1])
    return found


def read_settings(files: Sequence[str]) -> ApiSettings:
    """The settings in ``files``, later ones win; UsageError with file, line and key for what cannot be."""
    values: dict[str, Any] = {}
    grouped: dict[str, dict[str, Any]] = {"log": {}, "notify": {}, "quotas": {}, "storage": {}, "elastic": {}}
    notices: list[str] = []
    keystone = False
    for path in files:
        for section, key, text, number in read_lines(read_text(path, "configuration file"), path):
            where = f"{path}: line {number}"
            keystone = keystone or section == "keystone_authtoken"
            found = _KEYS.get((section, key.lower().replace("-", "_")))
            if found is None:
                notices.extend(_unknown(section, key, where))
                continue
            value = _read(found, text.strip(), f"{where}: [{section}] {key}")
            part, dot, name = found.field.partition(".")
            if dot:
                grouped[part][name] = value
            elif found.field:
                values[found.field] = value
    told: dict[str, Any] = {
        "log": log_settings(grouped["log"]),
        "notify": NotifySettings(**grouped["notify"]),
        "quotas": grouped["quotas"],
        "elastic": _elastic(grouped["storage"], grouped["elastic"]),
        "keystone": keystone,
    }
    return ApiSettings(**values, **told, files=tuple(files), notices=tuple(notices))


def _elastic(storage: Mapping[str, str], given: Mapping[str, Any]) -> Place | None:
    """The place that ``[elasticsearch]`` names, if ``[storage]`` says that records are kept there."""
    chosen = set(storage.values())
    if _ELASTIC not in chosen:
        return None
    if len(chosen) > 1:
        raise UsageError("[storage] backend and driver name different stores", hint="one of them is enough")
    told = dict(given)
    tls = told.pop("tls", False)
    hosts = told.pop("hosts", Place().hosts)
    return Place(hosts=tuple(address(each, tls=tls) for each in hosts), **told)


def _unknown(section: str, key: str, where: str) -> Iterable[str]:
    if section in _OURS:
        known = ", ".join(sorted(name for own, name in _KEYS if own == section))
        raise UsageError(f"{where}: [{section}] has no key {key}; it has {known}")
    said = about(section, key)
    if said is not None:
        yield f"{where}: {said}"


def _read(key: _Key, text: str, where: str) -> object:
    try:
        return key.read(text)
    except ValueError:
        raise UsageError(f"{where}: {text!r} is not possible; allowed: {key.allowed}") from None
