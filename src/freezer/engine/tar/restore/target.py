"""What an extraction needs of its target, and targets that only look."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import msgspec

from freezer.model.failures import Failures
from freezer.tree.attributes import Attributes
from freezer.tree.sandbox import Outcome
from freezer.tree.write import PlainFiles

Content = Iterable[tuple[int, bytes | memoryview]]


class Target(Protocol):
    """The part of :class:`freezer.tree.sandbox.Sandbox` that an extraction uses."""

    failures: Failures

    def make_directory(self, path: bytes) -> bool: ...

    def write_file(self, path: bytes, attributes: Attributes, size: int, content: Content) -> Outcome: ...

    def plain_files(self, directory: bytes, expected: int) -> PlainFiles | None: ...

    def symlink(self, path: bytes, target: bytes, attributes: Attributes) -> Outcome: ...

    def hard_link(self, path: bytes, existing: bytes) -> Outcome: ...

    def fifo(self, path: bytes, attributes: Attributes) -> Outcome: ...

    def device(self, path: bytes, attributes: Attributes, block: bool, major: int, minor: int) -> Outcome: ...

    def directory_attributes(self, path: bytes, attributes: Attributes) -> None: ...

    def children(self, path: bytes) -> list[bytes]: ...

    def remove(self, path: bytes) -> bool: ...


class Seen(msgspec.Struct, frozen=True):
    """One item of a backup as a listing shows it; ``type``: file directory symlink link fifo device."""

    path: bytes
    type: str
    size: int
    attributes: Attributes | None
    target: bytes = b""


class Listing(msgspec.Struct):
    """A target that writes nothing and tells ``see`` about every item; contents are read when ``read`` says so."""

    see: Callable[[Seen], None]
    read: bool = False
    failures: Failures = msgspec.field(default_factory=Failures)

    def make_directory(self, path: bytes) -> bool:
        return True

    def write_file(self, path: bytes, attributes: Attributes, size: int, content: Content) -> Outcome:
        if self.read:
            for _ in content:
                pass
        return self._seen(Seen(path, "file", size, attributes))

    def plain_files(self, directory: bytes, expected: int) -> PlainFiles | None:
        return None

    def symlink(self, path: bytes, target: bytes, attributes: Attributes) -> Outcome:
        return self._seen(Seen(path, "symlink", 0, attributes, target))

    def hard_link(self, path: bytes, existing: bytes) -> Outcome:
        return self._seen(Seen(path, "link", 0, None, existing))

    def fifo(self, path: bytes, attributes: Attributes) -> Outcome:
        return self._seen(Seen(path, "fifo", 0, attributes))

    def device(self, path: bytes, attributes: Attributes, block: bool, major: int, minor: int) -> Outcome:
        return self._seen(
            Seen(path, "device", 0, attributes, b"%s %d,%d" % (b"block" if block else b"char", major, minor))
        )

    def directory_attributes(self, path: bytes, attributes: Attributes) -> None:
        self._seen(Seen(path, "directory", 0, attributes))

    def children(self, path: bytes) -> list[bytes]:
        return []

    def remove(self, path: bytes) -> bool:
        return False

    def _seen(self, seen: Seen) -> Outcome:
        self.see(seen)
        return Outcome.WRITTEN
