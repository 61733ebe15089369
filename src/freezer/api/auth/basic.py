"""HTTP Basic, or a token that was given for the same password; with few tries for who does not know it."""

from __future__ import annotations

import base64
import binascii
import secrets
import threading

from freezer.api.auth.gate import Environ, NotAuthenticated
from freezer.api.auth.nobody import is_loopback
from freezer.api.auth.tokens import Claims, Signer
from freezer.api.auth.users import Users
from freezer.api.scope import Identity
from freezer.clock import Clock

CHALLENGE = 'Basic realm="freezer", charset="UTF-8"'
_MOST_FAILURES = 10
_WINDOW_SECONDS = 300.0
_MOST_COUNTED = 10_000


class Basic:
    """Identities by password or token."""

    def __init__(
        self, users: Users, signer: Signer, clock: Clock, token_seconds: int, *, behind_proxy: bool = False
    ) -> None:
        self._users = users
        self._signer = signer
        self._clock = clock
        self._token_seconds = token_seconds
        self._behind_proxy = behind_proxy
        self._failures: dict[tuple[str, str], list[float]] = {}
        self._lock = threading.Lock()

    def identify(self, environ: Environ) -> Identity:
        """Who the request comes from; NotAuthenticated."""
        token = environ.get("HTTP_X_AUTH_TOKEN")
        if token:
            return self.by_token(token)
        name, password = _credentials(environ.get("HTTP_AUTHORIZATION", ""))
        self.check_privacy(environ)
        return self.by_password(name, password, environ.get("REMOTE_ADDR", ""))

    def check_privacy(self, environ: Environ) -> None:
        """NotAuthenticated if others on the way could have read the password of this request."""
        if self._behind_proxy or environ.get("wsgi.url_scheme") == "https":
            return
        if not is_loopback(environ.get("REMOTE_ADDR", "")):
            raise NotAuthenticated(reason="passwords are taken over TLS only")

    def by_token(self, token: str) -> Identity:
        """The user that a token was made for, if its password is still the same."""
        claims = self._signer.read(token, self._clock.now())
        identity = None if claims is None else self._users.identity(claims.user, token)
        if claims is None or identity is None or claims.password != self._users.fingerprint(claims.user):
            raise NotAuthenticated
        if not self._users.takes(claims.user, claims.issued, claims.id):
            raise NotAuthenticated
        return identity

    def by_password(self, name: str, password: bytes, address: str) -> Identity:
        """The user with that password; after ten failures from an address nobody is looked up for a while."""
        who = (address, name)
        self._check_failures(who)
        identity = self._users.verify(name, password)
        if identity is None:
            self._failed(who)
            raise NotAuthenticated
        self._failures.pop(who, None)
        return identity

    def issue(self, identity: Identity) -> tuple[str, int]:
        """A token for ``identity``, and when it ends."""
        token, claims = issue(self._users, self._signer, identity.user_id, self._clock.now(), self._token_seconds)
        return token, claims.expires

    def _check_failures(self, who: tuple[str, str]) -> None:
        now = self._clock.monotonic()
        recent = [at for at in self._failures.get(who, ()) if now - at < _WINDOW_SECONDS]
        if len(recent) >= _MOST_FAILURES:
            raise NotAuthenticated(wait=max(1, int(_WINDOW_SECONDS - (now - recent[0]))))

    def _failed(self, who: tuple[str, str]) -> None:
        now = self._clock.monotonic()
        with self._lock:
            if len(self._failures) >= _MOST_COUNTED:
                self._failures.clear()
            recent = [at for at in self._failures.get(who, ()) if now - at < _WINDOW_SECONDS]
            self._failures[who] = [*recent, now][-_MOST_FAILURES:]


def issue(users: Users, signer: Signer, name: str, now: float, seconds: int) -> tuple[str, Claims]:
    """A token for the user ``name``, and what it says."""
    claims = Claims(name, users.fingerprint(name), int(now) + seconds, int(now), secrets.token_hex(8))
    return signer.sign(claims), claims


def _credentials(header: str) -> tuple[str, bytes]:
    scheme, _, encoded = header.partition(" ")
    if scheme.lower() != "basic":
        raise NotAuthenticated
    try:
        name, colon, password = base64.b64decode(encoded.strip(), validate=True).partition(b":")
        if not colon:
            raise NotAuthenticated
        return name.decode(), password
    except (binascii.Error, UnicodeDecodeError, ValueError):
        raise NotAuthenticated from None
