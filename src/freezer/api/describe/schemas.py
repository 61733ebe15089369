"""JSON Schemas of the typed documents, by msgspec, and what their classes add to them."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import cleandoc
from typing import Any

import msgspec

_TEMPLATE = "#/components/schemas/{name}"
_ADDED = "SCHEMA"


class Schemas:
    """The schemas of ``types``; ``components`` are those that have names, as Structs do."""

    def __init__(self, types: Iterable[Any]) -> None:
        wanted: list[Any] = []
        for each in types:
            if each is not None and each not in wanted:
                wanted.append(each)
        made, self.components = msgspec.json.schema_components(wanted, ref_template=_TEMPLATE)
        self._made = list(zip(wanted, made, strict=True))
        for cls in _structs(wanted):
            schema = self.components.get(cls.__name__)
            if schema is not None:
                schema.update(getattr(cls, _ADDED, {}))
                schema["description"] = " ".join(cleandoc(cls.__doc__ or "").replace("``", "`").split())

    def of(self, type: Any) -> dict[str, Any]:
        """The schema of one of the types, or a reference to it."""
        return next(schema for known, schema in self._made if known == type)


def _structs(types: Iterable[Any]) -> Iterable[type[msgspec.Struct]]:
    """Every Struct in ``types``, however deep."""
    todo = [msgspec.inspect.type_info(each) for each in types]
    seen: set[Any] = set()
    while todo:
        found = todo.pop()
        if isinstance(found, msgspec.inspect.StructType):
            if found.cls in seen:
                continue
            seen.add(found.cls)
            yield found.cls
            todo.extend(field.type for field in found.fields)
        for name in ("type", "item_type", "key_type", "value_type"):
            inner = getattr(found, name, None)
            if isinstance(inner, msgspec.inspect.Type):
                todo.append(inner)
        todo.extend(getattr(found, "types", ()))
        todo.extend(getattr(found, "item_types", ()))
