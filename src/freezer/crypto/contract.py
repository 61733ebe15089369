"""What a pipeline may expect of a cipher, whichever it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

Buffer = bytes | bytearray | memoryview


class Sealer(Protocol):
    """Turns the plain bytes of one object into its stored bytes: ``header``, then updates, then ``finish``."""

    @property
    def header(self) -> bytes:
        """The first stored bytes."""
        ...

    def update(self, data: Buffer) -> Iterator[Buffer]:
        """The stored bytes that ``data`` completes, perhaps none, in pieces of a convenient size; ``data`` belongs to
        the caller again after the last one."""
        ...

    def finish(self) -> bytes:
        """The last stored bytes; nothing may be called afterwards."""
        ...


class Unsealer(Protocol):
    """Turns the stored bytes of one object, header included, back into plain bytes."""

    def update(self, data: Buffer) -> Iterator[Buffer]:
        """The plain bytes that ``data`` makes available, perhaps none, in pieces of a convenient size; exhaust it
        before the next. Errors below :class:`freezer.errors.DataError`."""
        ...

    def finish(self) -> bytes:
        """The last plain bytes; an error if the object is not complete."""
        ...
