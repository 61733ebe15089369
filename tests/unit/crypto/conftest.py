from __future__ import annotations

import pytest

from freezer.crypto.chainkey import ChainKey, KdfParameters
from freezer.crypto.passphrase import Passphrase

CHEAP = KdfParameters(memory_kib=64, iterations=1, lanes=1)


@pytest.fixture(scope="session")
def passphrase() -> Passphrase:
    return Passphrase.from_line(b"correct horse battery staple\n")


@pytest.fixture(scope="session")
def chain_key(passphrase: Passphrase) -> ChainKey:
    return ChainKey.new(passphrase, CHEAP)
