"""Signature version 4 of AWS, in a request's headers.

https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html; the body's SHA-256 is part of what is
signed, so a service that checks the signature has checked the body.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from urllib.parse import quote

from freezer.secret import Secret
from freezer.storage.contract import Buffer

_ALGORITHM = "AWS4-HMAC-SHA256"
_SERVICE = "s3"


@dataclass(frozen=True, slots=True)
class Keys:
    """Access key, secret key, and the session token of temporary ones."""

    access: str
    secret: Secret
    token: str = ""


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent. ``path`` is encoded (:func:`encode_path`), ``host`` has the port unless it is the scheme's own."""

    method: str
    host: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: Buffer

    @property
    def query_text(self) -> str:
        """Sorted and encoded as the signature wants it, which is a legal query, too."""
        pairs = sorted((quote(name, safe="~"), quote(value, safe="~")) for name, value in self.query.items())
        return "&".join(f"{name}={value}" for name, value in pairs)


def encode_path(key: str) -> str:
    """``key`` within a URL's path; everything but letters, digits and ``-._~/`` is escaped."""
    return quote(key, safe="/~")


def sign(request: Request, keys: Keys, region: str, now: float) -> dict[str, str]:
    """All headers of ``request``, signed for ``region`` at ``now`` (seconds since 1970)."""
    moment = datetime.fromtimestamp(now, UTC).strftime("%Y%m%dT%H%M%SZ")
    digest = hashlib.sha256(request.body).hexdigest()
    headers = {name.lower(): value for name, value in request.headers.items()}
    headers |= {"host": request.host, "x-amz-date": moment, "x-amz-content-sha256": digest}
    if keys.token:
        headers["x-amz-security-token"] = keys.token
    names = ";".join(sorted(headers))
    lines = "".join(f"{name}:{' '.join(headers[name].split())}\n" for name in sorted(headers))
    canonical = "\n".join((request.method, request.path, request.query_text, lines, names, digest))
    scope = f"{moment[:8]}/{region}/{_SERVICE}/aws4_request"
    text = "\n".join((_ALGORITHM, moment, scope, hashlib.sha256(canonical.encode()).hexdigest()))
    signature = hmac.new(_key(keys.secret, moment[:8], region), text.encode(), "sha256").hexdigest()
    headers["authorization"] = (
        f"{_ALGORITHM} Credential={keys.access}/{scope}, SignedHeaders={names}, Signature={signature}"
    )
    return headers


def _key(secret: Secret, day: str, region: str) -> bytes:
    key = b"AWS4" + secret.reveal()
    for word in (day, region, _SERVICE, "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return key
