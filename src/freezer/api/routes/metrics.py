"""``/metrics``: numbers for Prometheus, which has no token; so it is a matter of addresses who may read them."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import falcon

from freezer.api.describe.operation import operation
from freezer.api.metrics import CONTENT_TYPE, Meters
from freezer.api.proxied import is_proxied
from freezer.api.refusals import forbidden


class Metrics:
    """All numbers, for whoever asks from one of ``networks``; not through a proxy, unless its word is ``believed``."""

    def __init__(self, meters: Meters, networks: Sequence[str], *, believed: bool) -> None:
        self._meters = meters
        self._networks = [ipaddress.ip_network(each) for each in networks]
        self._believed = believed

    @operation("Numbers for Prometheus", {200: str}, formats=("text/plain",), refuses=(403,))
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        if not self._may(req):
            raise forbidden()
        resp.content_type = CONTENT_TYPE
        resp.data = self._meters.text()

    def _may(self, req: falcon.Request) -> bool:
        if is_proxied(req.env) and not self._believed:
            return False
        text = req.env.get("REMOTE_ADDR", "")
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return not text  # a Unix socket has no address
        return any(address in network for network in self._networks)
