"""Where a bucket is."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from urllib.parse import urlsplit

from freezer.errors import UsageError
from freezer.storage.objects import names
from freezer.storage.s3.signing import Keys

DEFAULT_REGION = "us-east-1"

_LABELS = re.compile(r"(?=.{3,63}$)[a-z0-9][a-z0-9-]*(\.[a-z0-9][a-z0-9-]*)*")
_PORTS = {"http": 80, "https": 443}


class Style(Enum):
    """How a bucket is written in a URL. ``AUTO``: before the host name at AWS, elsewhere in the path."""

    AUTO = "auto"
    PATH = "path"
    VIRTUAL = "virtual"


@dataclass(frozen=True, slots=True)
class Access:
    """Who we are, and where.

    ``keys`` is asked before every request, as keys may be temporary. ``endpoint`` is None for AWS, ``region`` None if
    the service shall tell it. ``trust`` is a PEM file of authorities, empty for the system's, None to trust anybody.
    """

    keys: Callable[[], Keys]
    endpoint: str | None = None
    region: str | None = None
    style: Style = Style.AUTO
    trust: str | None = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A bucket, or the service itself: scheme and host of its URL, and the encoded path that keys are appended to."""

    scheme: str
    host: str
    path: str


def check_endpoint(text: str) -> str:
    """``text`` if it is the URL of a service, otherwise :class:`UsageError`."""
    try:
        parts = urlsplit(text)
        good = parts.scheme in _PORTS and bool(parts.hostname) and not (parts.query or parts.fragment or parts.username)
        good = good and parts.port != 0
    except ValueError:
        good = False
    if not good:
        raise UsageError(f"--endpoint {text} is no URL of an S3 service", hint="such as https://s3.example.com:9000")
    return text.rstrip("/")


def locate(access: Access, region: str, bucket: str) -> Place:
    """Where ``bucket`` is, or for an empty name the service."""
    parts = urlsplit(access.endpoint or _aws(region))
    host = parts.netloc.lower()
    if parts.port == _PORTS[parts.scheme]:
        host = host.rpartition(":")[0]
    if bucket and _is_virtual(access, bucket):
        return Place(parts.scheme, f"{bucket}.{host}", f"{parts.path}/")
    return Place(parts.scheme, host, f"{parts.path}/" + (f"{bucket}/" if bucket else ""))


def split_container(text: str) -> tuple[str, str]:
    """The bucket and the prefix (empty, or ending in ``/``) of ``BUCKET`` or ``BUCKET/PREFIX``."""
    bucket, prefix = names.split_container(text, "S3", "BUCKET")
    if not re.fullmatch(r"[A-Za-z0-9._-]+", bucket):
        raise UsageError(f"--container {text!r}: a bucket's name consists of letters, digits, '-', '.' and '_'")
    return bucket, prefix


def is_aws(access: Access) -> bool:
    """Whether the service is Amazon's own."""
    host = urlsplit(access.endpoint).hostname if access.endpoint else None
    return access.endpoint is None or (host is not None and host.endswith((".amazonaws.com", ".amazonaws.com.cn")))


def _is_virtual(access: Access, bucket: str) -> bool:
    if access.style is Style.PATH:
        return False
    possible = _LABELS.fullmatch(bucket) is not None
    if access.style is Style.VIRTUAL:
        if not possible:
            raise UsageError(
                f"--container {bucket}: the name cannot stand before a host name",
                hint="use lower-case letters, digits and '-', or --s3-addressing path",
            )
        return True
    # A certificate for *.s3.amazonaws.com does not cover names with dots.
    return is_aws(access) and possible and "." not in bucket


def _aws(region: str) -> str:
    return f"https://s3.{region}.amazonaws.com" + (".cn" if region.startswith("cn-") else "")
