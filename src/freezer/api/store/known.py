"""What the server's configuration adds to a store."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from freezer.crypto.keyring import KeyRing


class Known(msgspec.Struct, frozen=True):
    """``quotas``: limits by resource, for projects without their own; ``ring``: keys of what is sealed, if any is."""

    quotas: Mapping[str, int] = {}
    ring: KeyRing | None = None
