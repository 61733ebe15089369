"""Authentication of documents that stay readable, such as a backup's ``metadata``.

The authenticator is one line of text that stands beside the document and holds all that is needed to verify it but
the passphrase: ``freezer-hmac-v1:MEMORY_KIB:ITERATIONS:LANES:CHAIN_SALT:CHAIN_CHECK:HMAC``, numbers in decimal, the
rest in lower-case hexadecimal.
"""

from __future__ import annotations

import hashlib
import hmac
import re

from freezer.crypto.chainkey import ChainKey, KdfParameters
from freezer.crypto.passphrase import Passphrase
from freezer.errors import DamagedError, PassphraseError, UnknownFormat

_SCHEME = "freezer-hmac-v1"
_LABEL = b"freezer document authentication v1"
_TEXT = re.compile(
    rf"{_SCHEME}:([0-9]{{1,9}}):([0-9]{{1,9}}):([0-9]{{1,9}}):([0-9a-f]{{32}}):([0-9a-f]{{32}}):([0-9a-f]{{64}})"
)


def authenticate(chain_key: ChainKey, document: bytes, associated: bytes) -> str:
    """The authenticator of ``document``, bound to ``associated`` (which says what the document belongs to)."""
    kdf = chain_key.parameters
    return ":".join(
        (
            _SCHEME,
            str(kdf.memory_kib),
            str(kdf.iterations),
            str(kdf.lanes),
            chain_key.salt.hex(),
            chain_key.check.hex(),
            _code(chain_key, document, associated).hex(),
        )
    )


def verify_authentication(key: Passphrase | ChainKey, document: bytes, associated: bytes, authenticator: str) -> None:
    """Return if ``authenticator`` was made for exactly this, else :class:`PassphraseError`, :class:`DamagedError` or
    :class:`UnknownFormat`."""
    match = _TEXT.fullmatch(authenticator)
    if match is None:
        raise UnknownFormat("the authentication of the document is not in a form that this program knows")
    parameters = KdfParameters(int(match[1]), int(match[2]), int(match[3]))
    salt, check, code = (bytes.fromhex(part) for part in match.group(4, 5, 6))
    if isinstance(key, Passphrase):
        key = ChainKey.derive(key, salt, parameters)
    elif (key.salt, key.parameters) != (salt, parameters):
        raise DamagedError("the document belongs to another chain of backups")
    if not hmac.compare_digest(key.check, check):
        raise PassphraseError("the passphrase is not the one that the document was authenticated with")
    if not hmac.compare_digest(_code(key, document, associated), code):
        raise DamagedError("the document was altered after it was written, or belongs elsewhere")


def _code(chain_key: ChainKey, document: bytes, associated: bytes) -> bytes:
    key = chain_key.expand(_LABEL, 32, chain_key.salt)
    message = len(associated).to_bytes(8, "big") + associated + document
    return hmac.digest(key, message, hashlib.sha256)
