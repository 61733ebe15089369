"""Which versions of the API there are, and their JSON Home documents."""

from __future__ import annotations

from typing import Any

import falcon
import msgspec

from freezer.api.describe.operation import operation
from freezer.api.requests import answer
from freezer.api.service.answers import text

FEATURES = (
    "idempotency-key",
    "etag",
    "marker",
    "total",
    "search",
    "patch-clients",
    "runs",
    "changes",
    "served-by",
    "deletions",
)
"""What this server can do beyond the original, for clients that ask."""

_JSON: dict[str, dict[str, str]] = {"application/json": {}}


class Version(msgspec.Struct, frozen=True, kw_only=True):
    """A version of the API, and what this server can do beyond the original."""

    id: str
    status: str
    updated: str
    links: list[dict[str, str]]
    features: list[str]


class VersionsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The versions that this server has."""

    versions: list[Version]


class HomeAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A JSON Home document."""

    resources: dict[str, dict[str, Any]]


class Versions:
    """``/``."""

    @operation("Which versions there are", {300: VersionsAnswer})
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        def entry(id: str, status: str) -> dict[str, Any]:
            link = {"href": f"{req.prefix}/{id}/", "rel": "self"}
            return {"id": id, "status": status, "updated": "2018-02-21T13:30:00", "links": [link]}

        versions = [{**entry("v2", "CURRENT"), "features": list(FEATURES)}]
        answer(resp, text({"versions": versions}), 300)


def _home(version: str, *, whole: bool) -> dict[str, Any]:
    prefix = f"/{version}/{{project_id}}" if whole else f"/{version}"
    common = ("project_id",) if whole else ()

    def resource(template: str, names: tuple[str, ...], allow: list[str]) -> dict[str, Any]:
        return {
            "href-template": prefix + template,
            "href-vars": {name: f"param/{name}" for name in (*common, *names)},
            "hints": {"allow": allow, "formats": _JSON},
        }

    found = {"rel/backups": resource("/backups/{backup_id}", ("backup_id",), ["GET"])}
    if whole:
        listed = ("all_projects", "offset", "limit")
        found["rel/jobs"] = resource("/jobs{?all_projects,offset,limit}", listed, ["GET", "POST"])
        found["rel/job"] = resource("/jobs/{job_id}", ("job_id",), ["GET", "PATCH", "POST", "DELETE"])
    return {"resources": found}


class Home:
    """``/v1`` and ``/v2``."""

    def __init__(self, version: str) -> None:
        self._document = msgspec.json.encode(_home(version, whole=version == "v2"))

    @operation("Resources as JSON Home", {200: HomeAnswer}, formats=("application/json-home",))
    def on_get(self, req: falcon.Request, resp: falcon.Response) -> None:
        resp.content_type = "application/json-home"
        resp.data = self._document
