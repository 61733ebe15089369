"""Where the index is, and how it is reached."""

from __future__ import annotations

import re
from urllib.parse import unquote, urlsplit

import msgspec
from msgspec.structs import replace

from freezer.errors import UsageError

_SCHEMES = {f"{name}+{scheme}": scheme for name in ("elasticsearch", "opensearch") for scheme in ("http", "https")}
_NAME = re.compile(r"[a-z0-9][a-z0-9_.+-]{0,199}")
_HINT = "for example elasticsearch+https://freezer:PASSWORD@HOST:9200/freezer"


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """``hosts``: addresses of nodes, asked in turn; ``index``: the name that ours begins with; ``login``:
    ``user:password``; ``authorities``: PEM file of the authorities whose certificates are taken, empty for the
    system's; ``verify`` False takes any. ``timeout``: the longest silence in seconds; ``retries``: how often a request
    is sent again; ``replicas``: copies of the index on other nodes, None to leave them as they are."""

    hosts: tuple[str, ...] = ("http://localhost:9200",)
    index: str = "freezer"
    login: str = ""
    authorities: str = ""
    verify: bool = True
    timeout: float = 60.0
    retries: int = 3
    replicas: int | None = None

    def shown(self) -> str:
        """As anybody may read it."""
        return f"Elasticsearch at {', '.join(self.hosts)}, index {self.index}"

    def on_host(self, host: str) -> Place:
        """The same on another host, perhaps with a port; UsageError if it is none."""
        tls = self.hosts[0].startswith("https://")
        try:
            return replace(self, hosts=(address(host, tls=tls),))
        except ValueError:
            raise UsageError(f"db-host {host} is no name of a host, and no URL") from None


def is_place(url: str) -> bool:
    """Whether a URL of a database names such a store."""
    return url.partition("://")[0] in _SCHEMES


def place_of(url: str) -> Place:
    """``elasticsearch+https://USER:PASSWORD@HOST:PORT/INDEX``; UsageError for what is none. Password optional."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    try:
        asked = parts.port
    except ValueError:
        asked = -1
    if not parts.hostname or asked == -1 or parts.query or parts.fragment:
        raise UsageError("the URL of the index is none", hint=_HINT)
    login = ""
    if parts.username is not None:
        login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    index = checked_index(parts.path.strip("/") or "freezer")
    return Place(hosts=(address(host, tls=_SCHEMES[parts.scheme] == "https"),), index=index, login=login)


def address(text: str, *, tls: bool) -> str:
    """The address of a node: ``text`` with a scheme, and port 9200 unless it names one."""
    parts = urlsplit(text if "://" in text else f"http{'s' if tls else ''}://{text}")
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username is not None:
        raise ValueError(text)
    port = parts.port or 9200
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"{'https' if tls else parts.scheme}://{host}:{port}{parts.path.rstrip('/')}"


def checked_index(name: str) -> str:
    """``name``; UsageError if no index can be called so."""
    if not _NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name of an index", hint="small letters, digits and the signs _ . + -")
    return name
