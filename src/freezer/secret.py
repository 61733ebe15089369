"""Secrets that cannot be printed by accident."""

from __future__ import annotations


class Secret:
    """A value that shows itself as ``<secret>`` everywhere but in :meth:`reveal`."""

    __slots__ = ("_value",)

    def __init__(self, value: bytes) -> None:
        self._value = value

    @classmethod
    def from_text(cls, text: str) -> Secret:
        return cls(text.encode("utf-8", "surrogateescape"))

    def reveal(self) -> bytes:
        """The value itself; call it where the bytes are used and keep no other reference."""
        return self._value

    def __repr__(self) -> str:
        return "<secret>"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return format("<secret>", spec)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a secret is not pickled")
