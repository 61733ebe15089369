"""The XML that S3 speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from xml.etree import ElementTree
from xml.sax.saxutils import escape


class Node:
    """An element; names are looked up without their namespace, which services do not agree on."""

    def __init__(self, element: ElementTree.Element) -> None:
        self._element = element

    @property
    def name(self) -> str:
        return self._element.tag.rpartition("}")[2]

    def all(self, name: str) -> Iterator[Node]:
        """The elements of this name directly in it."""
        return (node for node in map(Node, self._element) if node.name == name)

    def text(self, *names: str) -> str:
        """The text of the first element at that path below it; empty if there is none."""
        node = self
        for name in names:
            found = next(node.all(name), None)
            if found is None:
                return ""
            node = found
        return node._element.text or ""


def parse(body: bytes, *names: str) -> Node | None:
    """The document, if it is one whose outermost element has one of these names (none: any)."""
    if b"<!DOCTYPE" in body:  # no S3 sends one, and entities are a way to blow up memory
        return None
    try:
        node = Node(ElementTree.fromstring(body))  # noqa: S314 (no entities without a DOCTYPE)
    except (ElementTree.ParseError, ValueError):
        return None
    return node if not names or node.name in names else None


def is_broken(body: bytes, name: str) -> bool:
    """Whether ``body`` begins as a document whose outermost element has this name, and does not end as one."""
    return parse(body) is None and f"<{name}".encode() in body[:300] and b"<!DOCTYPE" not in body


def completed_parts(tags: Sequence[str]) -> bytes:
    """What completes an upload of parts with these entity tags, number 1 first."""
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{escape(tag)}</ETag></Part>"
        for number, tag in enumerate(tags, 1)
    )
    return f"<CompleteMultipartUpload>{parts}</CompleteMultipartUpload>".encode()


def bucket_in(region: str) -> bytes:
    """What creates a bucket in a region of AWS that is not its first."""
    where = f"<LocationConstraint>{escape(region)}</LocationConstraint>"
    return f"<CreateBucketConfiguration>{where}</CreateBucketConfiguration>".encode()


def retention(mode: str, until: str) -> bytes:
    """What locks an object until a date."""
    return f"<Retention><Mode>{mode}</Mode><RetainUntilDate>{until}</RetainUntilDate></Retention>".encode()


def versioned() -> bytes:
    """What switches versions on."""
    return b"<VersioningConfiguration><Status>Enabled</Status></VersioningConfiguration>"
