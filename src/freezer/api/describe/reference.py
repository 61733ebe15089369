"""Pages of the documentation, made from the OpenAPI document: the operations, and the documents they take and give."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

Document = Mapping[str, Any]
_METHODS = ("get", "head", "post", "put", "patch", "delete")

_OPERATIONS = """\
# Operations of the API

Made from the OpenAPI document, which every server has at `/openapi.json`. By v1 the operations are those of v2 without
the project in the path, unless a section says otherwise. [Documents](documents.md) has the bodies,
[Who may do what](permissions.md) the roles.

Besides what is listed, every operation may answer 400 (what was sent cannot be) and 406 (the caller does not take
JSON); those that are not open to everybody also 401 (nobody is known), 403 (not allowed), 429 (too many requests) and
503 (the database or Keystone cannot be reached), the last two with `Retry-After`. A body of more than 1 MiB is a 413.
Refusals are `Refused` documents, those of authentication `NotAuthenticated` ones.
"""
_DOCUMENTS = """\
# Documents of the API

Made from the typed models of the API; the [operations](operations.md) say which is used where. Keys in **bold** must be
there. Forms are what callers write; answers may have more keys in later releases.
"""
_EVERYWHERE = frozenset({"400", "401", "403", "406", "413", "429", "503"})


def operations_page(document: Document) -> str:
    """The page about operations."""
    groups: dict[str, list[str]] = {}
    for path, methods in document["paths"].items():
        if path.startswith("/v1/"):
            continue
        for method in _METHODS:
            if method in methods:
                told = methods[method]
                older = document["paths"].get(path.replace("/v2/{project_id}", "/v1"), {}).get(method)
                groups.setdefault(told["tags"][0], []).append(_operation(path, method, told, older))
    parts = [_OPERATIONS]
    for name, found in groups.items():
        parts.append(f"## {name.removeprefix('v2: ').capitalize() if ': ' in name else name}\n\n" + "\n".join(found))
    return "\n".join(parts)


def _operation(path: str, method: str, told: Document, older: Document | None) -> str:
    lines = [f"### {method.upper()} {path}", "", f"{told['summary']}."]
    if told.get("description"):
        lines += ["", told["description"]]
    rule = told.get("x-policy-rule")
    facts = [f"Rule `{rule}`."] if rule else [] if "security" in told else ["Open to everybody."]
    if path.startswith("/v2/") and older is None:
        facts.append("Not by v1.")
    if "requestBody" in told:
        facts.append(_body(told, older))
    if facts:
        lines += ["", " ".join(facts)]
    rows = [each for each in told["parameters"] if each["in"] != "path"]
    if rows:
        table = [f"| `{each['name']}` | {_type(each['schema'])} | {_cell(each['description'])} |" for each in rows]
        lines += ["", "| parameter | | |", "|---|---|---|", *table]
    answers = [_answer(status, each) for status, each in told["responses"].items() if status not in _EVERYWHERE]
    return "\n".join([*lines, "", "Answers: " + "; ".join(answers) + ".", ""])


def _body(told: Document, older: Document | None) -> str:
    content = told["requestBody"]["content"]["application/json"]
    optional = "" if told["requestBody"]["required"] else " (optional)"
    text = f"Takes {_type(content['schema'])}{optional}"
    before = older["requestBody"]["content"]["application/json"]["schema"] if older else content["schema"]
    return f"{text}, by v1 {_type(before)}." if before != content["schema"] else f"{text}."


def _answer(status: str, told: Document) -> str:
    schemas = [content["schema"] for content in told.get("content", {}).values() if content["schema"]]
    if not schemas:
        return f"{status} {'without a body' if int(status) >= 400 else ''}".strip()
    if int(status) >= 400:
        return status
    return f"{status} with {_type(schemas[0])}"


def documents_page(document: Document) -> str:
    """The page about documents."""
    parts = [_DOCUMENTS]
    for name, schema in document["components"]["schemas"].items():
        parts.append(f"## {name}\n\n{schema['description']}\n\n{_fields(schema)}")
    return "\n".join(parts)


def _fields(schema: Document) -> str:
    required = schema.get("required", ())
    rows = []
    for name, each in schema.get("properties", {}).items():
        shown = f"**`{name}`**" if name in required else f"`{name}`"
        rows.append(f"| {shown} | {_type(each)} | {_cell(each.get('description', ''))} |")
    if not rows:
        return ""
    return "| key | | |\n|---|---|---|\n" + "\n".join(rows) + "\n"


def _type(schema: Document) -> str:
    """A schema in a few words, with links to named ones."""
    if "$ref" in schema:
        name = schema["$ref"].rsplit("/", 1)[-1]
        return f"[{name}](documents.md#{name.lower()})"
    if "enum" in schema:
        return " ".join(f"`{_word(each)}`" for each in schema["enum"] if each not in ("", None, False)) or "text"
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(filter(None, map(_type, schema["anyOf"]))))
    kind = schema.get("type")
    if kind == "array":
        inner = _type(schema.get("items", {}))
        return f"list of {inner}" if inner else "list"
    if isinstance(kind, list):
        return "anything simple"
    return _NAMES.get(kind or "", "")


_NAMES = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "object": "object",
    "null": "null",
}


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def pages(document: Document) -> Iterable[tuple[str, str]]:
    """File names and texts of all pages."""
    yield "operations.md", operations_page(document)
    yield "documents.md", documents_page(document)
