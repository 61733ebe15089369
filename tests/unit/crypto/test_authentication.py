from __future__ import annotations

import pytest

from freezer.crypto.authentication import authenticate, verify_authentication
from freezer.crypto.chainkey import ChainKey
from freezer.crypto.passphrase import Passphrase
from freezer.errors import DamagedError, PassphraseError, UnknownFormat

DOCUMENT = b'{"level": 1}'


def test_a_document_verifies_under_its_key_and_its_passphrase(chain_key: ChainKey, passphrase: Passphrase) -> None:
    text = authenticate(chain_key, DOCUMENT, b"set")
    assert "\n" not in text
    verify_authentication(chain_key, DOCUMENT, b"set", text)
    verify_authentication(passphrase, DOCUMENT, b"set", text)


@pytest.mark.parametrize(
    ("document", "associated"),
    [(b'{"level": 2}', b"set"), (DOCUMENT, b"other"), (b"t" + DOCUMENT, b"se"), (b"", b"set" + DOCUMENT)],
)
def test_an_altered_or_moved_document_is_found(chain_key: ChainKey, document: bytes, associated: bytes) -> None:
    with pytest.raises(DamagedError):
        verify_authentication(chain_key, document, associated, authenticate(chain_key, DOCUMENT, b"set"))


def test_a_wrong_passphrase_is_told_from_an_altered_document(chain_key: ChainKey) -> None:
    with pytest.raises(PassphraseError):
        verify_authentication(Passphrase.from_line(b"no"), DOCUMENT, b"", authenticate(chain_key, DOCUMENT, b""))


def test_the_authenticator_of_another_chain_is_found(chain_key: ChainKey, passphrase: Passphrase) -> None:
    other = ChainKey.new(passphrase, chain_key.parameters)
    with pytest.raises(DamagedError, match="another chain"):
        verify_authentication(chain_key, DOCUMENT, b"", authenticate(other, DOCUMENT, b""))


@pytest.mark.parametrize("change", [lambda text: "", lambda text: text[:-1], lambda text: "v2" + text, str.upper])
def test_another_form_is_refused(chain_key: ChainKey, change) -> None:
    with pytest.raises(UnknownFormat):
        verify_authentication(chain_key, DOCUMENT, b"", change(authenticate(chain_key, DOCUMENT, b"")))


def test_an_extravagant_cost_is_refused(passphrase: Passphrase, chain_key: ChainKey) -> None:
    text = authenticate(chain_key, DOCUMENT, b"").replace(":64:1:1:", ":9999999:1:1:")
    with pytest.raises(UnknownFormat, match="are accepted"):
        verify_authentication(passphrase, DOCUMENT, b"", text)
