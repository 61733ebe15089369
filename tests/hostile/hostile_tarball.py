"""Archives built block by block, so that anything can be claimed. Nothing here is shared with what reads them."""

from __future__ import annotations

BLOCK = 512
GNU, POSIX = b"ustar  \0", b"ustar\x0000"
END = bytes(2 * BLOCK)


def octal(value: int, width: int) -> bytes:
    return b"%0*o\0" % (width - 1, value)


def base256(value: int, width: int) -> bytes:
    lead = b"\xff" if value < 0 else b"\x80"
    return lead + (value % 256 ** (width - 1)).to_bytes(width - 1, "big")


def padded(body: bytes) -> bytes:
    return body + bytes(-len(body) % BLOCK)


def head(
    name: bytes,
    kind: bytes = b"0",
    size: int | bytes = 0,
    *,
    mode: int = 0o644,
    link: bytes = b"",
    magic: bytes = GNU,
    owner: tuple[bytes, bytes] = (octal(0, 8), octal(0, 8)),
    mtime: bytes = octal(1_700_000_000, 12),
    device: tuple[int, int] = (0, 0),
    tail: bytes = b"",
) -> bytes:
    """One header; ``size`` as bytes is put into its field as it stands, ``tail`` is what follows the prefix field."""
    block = bytearray(BLOCK)
    fields = (
        (0, name[:100]),
        (100, octal(mode, 8)),
        (108, owner[0] + owner[1]),
        (124, size if isinstance(size, bytes) else octal(size, 12)),
        (136, mtime),
        (148, b" " * 8),
        (156, kind),
        (157, link[:100]),
        (257, magic),
        (329, octal(device[0], 8) + octal(device[1], 8)),
        (345, tail),
    )
    for offset, data in fields:
        block[offset : offset + len(data)] = data
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def extended(kind: bytes, body: bytes, name: bytes = b"././@LongLink") -> bytes:
    return head(name, kind, len(body)) + padded(body)


def long_name(name: bytes) -> bytes:
    return extended(b"L", name + b"\0")


def long_link(name: bytes) -> bytes:
    return extended(b"K", name + b"\0")


def record(key: bytes, value: bytes) -> bytes:
    length = len(key) + len(value) + 3
    length += len(str(length + len(str(length))))
    return b"%d %s=%s\n" % (length, key, value)


def pax(*records: tuple[bytes, bytes], kind: bytes = b"x") -> bytes:
    return extended(kind, b"".join(record(key, value) for key, value in records), b"PaxHeaders/x")


def file(name: bytes, content: bytes = b"evil", **how: object) -> bytes:
    front = long_name(name) if len(name) > 100 else b""
    return front + head(name, b"0", len(content), **how) + padded(content)  # type: ignore[arg-type]


def symlink(name: bytes, target: bytes, **how: object) -> bytes:
    front = long_link(target) if len(target) > 100 else b""
    return front + head(name, b"2", link=target, **how)  # type: ignore[arg-type]


def hard_link(name: bytes, target: bytes, **how: object) -> bytes:
    return head(name, b"1", link=target, **how)  # type: ignore[arg-type]


def directory(name: bytes, **how: object) -> bytes:
    return head(name + b"/", b"5", **{"mode": 0o755, **how})  # type: ignore[arg-type]


def node(name: bytes, kind: bytes, device: tuple[int, int] = (1, 3), **how: object) -> bytes:
    return head(name, kind, device=device, **how)  # type: ignore[arg-type]


def listed(name: bytes, *names: bytes, mode: int = 0o755) -> bytes:
    """A directory with its list: ``names`` with their letters."""
    body = b"".join(entry + b"\0" for entry in names) + b"\0"
    front = long_name(name + b"/") if len(name) > 99 else b""
    return front + head(name + b"/", b"D", len(body), mode=mode) + padded(body)
