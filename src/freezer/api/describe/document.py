"""The OpenAPI document of an application."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from freezer import __version__
from freezer.api.describe import schemas
from freezer.api.describe.answers import NotAuthenticated, Refused
from freezer.api.describe.operation import Operation, Parameter, filled, is_required
from freezer.api.describe.parameters import IDEMPOTENCY_KEY, IF_MATCH, PATH
from freezer.api.describe.site import Routed
from freezer.api.requests import old_rule

Document = dict[str, Any]
Open = Callable[[str], bool]
_PART = re.compile(r"\{(\w+)\}")
_JSON = "application/json"
_REFUSALS = {
    400: "What was sent cannot be.",
    401: "Nobody, or nobody that is known.",
    403: "Not allowed.",
    404: "There is no such thing, or it is somebody else's.",
    405: "No such action.",
    406: "The caller does not take JSON.",
    409: "It exists already, or it is not what the caller thinks.",
    413: "The body has more than 1 MiB.",
    422: "Right in itself, but not here.",
    429: "Too many requests, or too many failed logins; `Retry-After` says when to come again.",
    503: "The database, or Keystone, cannot be reached; `Retry-After` says when to come again.",
}
_LATER = {"Retry-After": {"$ref": "#/components/headers/Retry-After"}}
_HEADERS = {
    "ETag": {"description": "The revision, for `If-Match`.", "schema": {"type": "string"}},
    "Retry-After": {"description": "Seconds to wait.", "schema": {"type": "string"}},
}
SCHEMES = {
    "token": {
        "type": "apiKey",
        "in": "header",
        "name": "X-Auth-Token",
        "description": "Keystone's, or our own.",
    },
    "password": {"type": "http", "scheme": "basic", "description": "On servers without Keystone."},
}


def make_document(app: Routed, is_open: Open, schemes: Sequence[str] = tuple(SCHEMES)) -> Document:
    """The document; TypeError for what is not declared.

    ``is_open`` tells whether everybody may ask for a path, ``schemes`` how others say who they are: keys of
    :data:`SCHEMES`, none on a server that does not ask.
    """
    operations = list(app.operations())
    made = schemas.Schemas(_types(operations))
    paths: Document = {}
    for path, method, declared in operations:
        told = _operation(made, path, method, declared, free=is_open(path))
        if schemes and not is_open(path):
            told["security"] = [{each: []} for each in schemes]
        paths.setdefault(path, {})[method.lower()] = told
    _link(paths)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Freezer",
            "version": __version__,
            "summary": "Backup, restore and disaster recovery as a service",
            "license": {"name": "Apache 2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": made.components,
            "headers": _HEADERS,
            "securitySchemes": {each: SCHEMES[each] for each in schemes},
        },
    }


def _types(operations: Iterable[tuple[str, str, Operation]]) -> Iterable[Any]:
    yield from (Refused, NotAuthenticated)
    for _, _, each in operations:
        yield from (each.body, each.old_body)
        yield from (parameter.type for parameter in each.parameters)
        for answer in each.answers.values():
            yield from alternatives(answer)


def alternatives(answer: Any) -> tuple[Any, ...]:
    """The types of an answer that may be one of several."""
    return answer if isinstance(answer, tuple) else (answer,)


def _operation(made: schemas.Schemas, path: str, method: str, declared: Operation, *, free: bool) -> Document:
    old = path.startswith("/v1")
    body = declared.body_of(old=old)
    result: Document = {
        "operationId": operation_id(path, method),
        "summary": declared.summary,
        "tags": [_tag(path)],
        "parameters": [*_parts(path), *(_parameter(made, each) for each in declared.parameters if each.old or not old)],
        "responses": _responses(made, path, declared, free=free),
    }
    if declared.about:
        result["description"] = declared.about
    if declared.rule:
        result["x-policy-rule"] = old_rule(declared.rule) if old else declared.rule
    if body is not None:
        content: Document = {"schema": made.of(body)}
        example = declared.example_of(old=old)
        if example is not None:
            content["example"] = filled(example, {name: each for name, (_, each) in PATH.items()})
        result["requestBody"] = {"required": is_required(body), "content": {_JSON: content}}
    return result


def operation_id(path: str, method: str) -> str:
    """A name for an operation that no other has."""
    return "_".join([method.lower(), *(part.strip("{}").replace("-", "_") for part in path.split("/") if part)])


def _tag(path: str) -> str:
    parts = [part for part in path.split("/") if part and not part.startswith("{")]
    if parts and parts[0] in {"v1", "v2"}:
        return f"{parts[0]}: {parts[1]}" if len(parts) > 1 else parts[0]
    return parts[0] if parts else "versions"


def _parts(path: str) -> Iterable[Document]:
    for name in _PART.findall(path):
        if name not in PATH:
            raise TypeError(f"{path}: describe.parameters.PATH does not say what {name} is")
        schema = {"type": "string", "minLength": 1}
        yield {"name": name, "in": "path", "required": True, "description": PATH[name][0], "schema": schema}


def _parameter(made: schemas.Schemas, parameter: Parameter) -> Document:
    about = {"description": parameter.about, "schema": made.of(parameter.type)}
    return {"name": parameter.name, "in": parameter.place, **about}


def _responses(made: schemas.Schemas, path: str, declared: Operation, *, free: bool) -> Document:
    result: Document = {}
    for status, answer in declared.answers.items():
        told: Document = {"description": _REFUSALS.get(status) or declared.summary}
        if answer is not None:
            several = [made.of(each) for each in alternatives(answer)]
            schema = several[0] if len(several) == 1 else {"anyOf": several}
            told["content"] = {kind: {"schema": schema if "json" in kind else {}} for kind in declared.formats}
        if declared.tagged and status < 300:
            told["headers"] = {"ETag": {"$ref": "#/components/headers/ETag"}}
        result[str(status)] = told
    for status in _refusals(path, declared, free=free):
        result.setdefault(str(status), _refused(made, status))
    return dict(sorted(result.items()))


def _refusals(path: str, declared: Operation, *, free: bool) -> Iterable[int]:
    yield from declared.refuses
    yield 400
    yield 406
    if not free:
        yield from (401, 403, 429, 503)
    if "{" in path:
        yield 404
    if declared.body is not None:
        yield 413
    if IDEMPOTENCY_KEY in declared.parameters or IF_MATCH in declared.parameters:
        yield 409


def _refused(made: schemas.Schemas, status: int) -> Document:
    told: Document = {"description": _REFUSALS[status]}
    if status == 406:
        return told
    later = [Refused, NotAuthenticated]
    kinds: dict[int, list[Any]] = {401: [NotAuthenticated], 429: later, 503: later}
    several = [made.of(each) for each in kinds.get(status, [Refused])]
    told["content"] = {_JSON: {"schema": several[0] if len(several) == 1 else {"anyOf": several}}}
    if status in {429, 503}:
        told["headers"] = _LATER
    return told


def _link(paths: Mapping[str, Document]) -> None:
    """Tell what can be done with the id of something new."""
    for path, methods in paths.items():
        made = methods.get("post", {}).get("responses", {}).get("201")
        if made is None or not path.startswith("/v"):
            continue
        collection = path.rsplit("/", 1)[-1]
        name = f"{collection.removesuffix('s')}_id"
        followers = {
            told["operationId"]: _followed(told["operationId"], path, name)
            for other, others in paths.items()
            if other.startswith(f"{path}/{{{name}}}")
            for told in others.values()
            if not _PART.findall(other[len(path) + len(name) + 3 :])
        }
        if followers:
            made["links"] = followers


def _followed(operation: str, path: str, name: str) -> Document:
    above = {each: f"$request.path.{each}" for each in _PART.findall(path)}
    return {"operationId": operation, "parameters": {**above, name: f"$response.body#/{name}"}}
