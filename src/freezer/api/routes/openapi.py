"""``/openapi.json``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import falcon
import msgspec

from freezer.api.describe.document import Open, make_document
from freezer.api.describe.operation import operation
from freezer.api.describe.site import Routed


class OpenApi:
    """The description of ``app``, made when it is first asked for; the rest is :func:`make_document`'s."""

    def __init__(self, app: Routed, is_open: Open, schemes: Sequence[str]) -> None:
        self._app = app
        self._is_open = is_open
        self._schemes = schemes
        self._made = b""

    @operation("This document", {200: dict[str, Any]})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        if not self._made:
            self._made = msgspec.json.encode(make_document(self._app, self._is_open, self._schemes))
        resp.data = self._made
