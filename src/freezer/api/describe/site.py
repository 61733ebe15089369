"""The application, which remembers what it routes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import falcon

from freezer.api.describe.operation import Operation, declared

_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE")


class Routed(falcon.App[Any, Any]):
    """An application that can be asked for its operations."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._resources: dict[str, tuple[object, str]] = {}

    def add_route(self, uri_template: str, resource: object, **kwargs: Any) -> None:
        """As falcon's."""
        suffix = kwargs.get("suffix")
        self._resources[uri_template] = (resource, f"_{suffix}" if suffix else "")
        super().add_route(uri_template, resource, **kwargs)

    def operations(self) -> Iterator[tuple[str, str, Operation]]:
        """Path, method and declaration of each; TypeError for one that is not declared."""
        for path, (resource, suffix) in self._resources.items():
            for method in _METHODS:
                name = f"on_{method.lower()}{suffix}"
                responder = getattr(resource, name, None)
                if responder is None:
                    continue
                found = declared(responder)
                if found is None:
                    raise TypeError(f"{method} {path}: {type(resource).__name__}.{name} has no @operation")
                yield path, method, found
