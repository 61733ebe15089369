"""POSIX ACLs: the kernel's binary form and the text that archives carry.

Binary (``linux/posix_acl_xattr.h``): u32 version 2, then entries of u16 tag, u16 permissions, u32 id, little-endian;
ordered by tag, then id; the id is 2³²−1 where the tag has none.
Text (POSIX.1e draft 17, as in the PAX records ``SCHILY.acl.access`` and ``SCHILY.acl.default``): entries
``tag:qualifier:rwx`` separated by commas (star) or newlines (GNU tar), perhaps with a fourth field that repeats the id
as a number (star) and with comments behind ``#``.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

_VERSION = 2
_HEADER = struct.Struct("<I")
_ENTRY = struct.Struct("<HHI")
_NO_ID = 0xFFFFFFFF

_USER_OBJ, _USER, _GROUP_OBJ, _GROUP, _MASK, _OTHER = 0x01, 0x02, 0x04, 0x08, 0x10, 0x20
_KEYWORDS = {_USER_OBJ: "user", _USER: "user", _GROUP_OBJ: "group", _GROUP: "group", _MASK: "mask", _OTHER: "other"}
_UNQUALIFIED = {"user": _USER_OBJ, "group": _GROUP_OBJ, "mask": _MASK, "other": _OTHER}
_QUALIFIED = {"user": _USER, "group": _GROUP}
_SHORT = {"u": "user", "g": "group", "m": "mask", "o": "other"}

_PERMISSIONS = re.compile(r"[r-][w-][x-]|[0-7]|[rwx]{1,3}")
_COMMENT = re.compile(r"#[^\n,]*")

NameToId = Callable[[str], int | None]
IdToName = Callable[[int], str]


def _no_name(_id: int) -> str:
    return ""


def _no_id(_name: str) -> None:
    return None


def acl_to_text(binary: bytes, *, user_name: IdToName = _no_name, group_name: IdToName = _no_name) -> str:
    """The text of a binary ACL: ``user::rw-,user:1000:r--,group::r--,mask::r--,other::---``.

    Where an id has a name the entry is star's ``user:alice:r--:1000``, which serves both on another machine.
    ValueError if ``binary`` is no version-2 ACL.
    """
    if len(binary) < _HEADER.size or (len(binary) - _HEADER.size) % _ENTRY.size:
        raise ValueError(f"an ACL of {len(binary)} bytes is cut off")
    if (version := _HEADER.unpack_from(binary)[0]) != _VERSION:
        raise ValueError(f"ACL version {version} is unknown")
    entries = []
    for tag, permissions, id in _ENTRY.iter_unpack(binary[_HEADER.size :]):
        if tag not in _KEYWORDS or permissions > 7:
            raise ValueError(f"ACL entry {tag:#x} with permissions {permissions:#o} is unknown")
        rwx = "".join(letter if permissions & bit else "-" for letter, bit in (("r", 4), ("w", 2), ("x", 1)))
        if tag in (_USER, _GROUP):
            name = (user_name if tag == _USER else group_name)(id)
            who = f"{name}:{rwx}:{id}" if _is_plain(name) else f"{id}:{rwx}"
        else:
            who = f":{rwx}"
        entries.append(f"{_KEYWORDS[tag]}:{who}")
    return ",".join(entries)


def acl_from_text(text: str, *, user_id: NameToId = _no_id, group_id: NameToId = _no_id) -> bytes:
    """The binary form of an ACL in text; names are looked up first, then the numbers beside them are taken.

    ValueError, naming the entry, if an entry is malformed or names somebody unknown without a number.
    """
    entries = set()
    for entry in re.split(r"[\n,]", _COMMENT.sub("", text)):
        if stripped := entry.strip():
            entries.add(_parse_entry(stripped, user_id, group_id))
    if not entries:
        raise ValueError("the ACL is empty")
    ordered = sorted(entries, key=lambda entry: (entry[0], entry[2]))
    return _HEADER.pack(_VERSION) + b"".join(_ENTRY.pack(*entry) for entry in ordered)


def _parse_entry(entry: str, user_id: NameToId, group_id: NameToId) -> tuple[int, int, int]:
    """Tag, permissions and id of one entry."""
    keyword, *rest = (part.strip() for part in entry.split(":"))
    keyword = _SHORT.get(keyword, keyword)
    # ``mask:rw-`` and ``other:r--`` without the empty qualifier are also written (Solaris, star).
    if len(rest) == 1 and keyword in ("mask", "other"):
        rest.insert(0, "")
    if len(rest) not in (2, 3) or keyword not in _UNQUALIFIED or not _PERMISSIONS.fullmatch(rest[1]):
        raise ValueError(f"ACL entry {entry!r} is not tag:qualifier:rwx")
    qualifier, permissions = rest[0], _permission_bits(rest[1])
    if not qualifier:
        return _UNQUALIFIED[keyword], permissions, _NO_ID
    if keyword not in _QUALIFIED:
        raise ValueError(f"ACL entry {entry!r} cannot have a qualifier")
    id = (user_id if keyword == "user" else group_id)(qualifier)
    if id is None:
        numbers = [field for field in (*rest[2:], qualifier) if field.isascii() and field.isdigit()]
        if not numbers:
            raise ValueError(f"ACL entry {entry!r} names an unknown {keyword}")
        id = int(numbers[0])
    if not 0 <= id < _NO_ID:
        raise ValueError(f"ACL entry {entry!r} has an impossible id")
    return _QUALIFIED[keyword], permissions, id


def _permission_bits(text: str) -> int:
    if text.isdigit():
        return int(text)
    return sum(bit for letter, bit in (("r", 4), ("w", 2), ("x", 1)) if letter in text)


def _is_plain(name: str) -> bool:
    """Whether a name can stand in the text and cannot be taken for a number."""
    return bool(name) and not name.isdigit() and not re.search(r"[:,#\s]", name)
