"""Nodes with a key of their own, and machines that join by an enrolment, beside whichever way other callers are
authenticated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import falcon

from freezer.api.auth.gate import Environ
from freezer.api.refusals import Refusal
from freezer.api.requests import IDENTITY, Services
from freezer.api.service import enrolments, node_keys

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication


def _token(environ: Environ) -> str:
    token = environ.get("HTTP_X_AUTH_TOKEN", "")
    return token if token.startswith((node_keys.PREFIX, enrolments.PREFIX)) else ""


def guarded(app: WSGIApplication, others: WSGIApplication) -> WSGIApplication:
    """``app``, which asks :class:`Nodes`, for whoever comes with the key of a node or an enrolment; ``others`` for
    everybody else."""

    def application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        return (app if _token(environ) else others)(environ, start_response)

    return application


class Nodes:
    """Finds out which node a request is from; in every request anew, so that a revoked key is refused from then on."""

    def __init__(self, services: Services) -> None:
        self._services = services

    def process_request(self, req: falcon.Request, _resp: falcon.Response) -> None:
        token = _token(req.env)
        if not token:
            return
        known = enrolments.identity if token.startswith(enrolments.PREFIX) else node_keys.identity
        identity = self._services.store.read(lambda unit: known(unit, token))
        if identity is None:
            raise Refusal(401, "Unauthorized", "The request you have made requires authentication.")
        req.env[IDENTITY] = identity
