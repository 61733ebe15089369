"""Index parts: made, checked, and many small ones put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import msgspec

from freezer.errors import DamagedError
from freezer.repository.documents import ID_SIZE, IndexPart, PackRecord
from freezer.repository.index.columns import Block
from freezer.repository.names import owner_of
from freezer.repository.packs import layout, use

COPIES = 1 << 16  # that a part put together of others has at most: some 2 MiB
_SMALL = COPIES // 2  # a part of fewer is worth putting together with others,
_MANY = 8  # if there are so many of them: every copy is rewritten once for each eightfold of its part
_DIGESTS = 0, 32  # bytes; none where only the footer was read


class PartInfo(msgspec.Struct, frozen=True):
    """What stays in memory of a part that was read: names of its packs, how many copies they have, and the parts that
    it contains."""

    packs: tuple[str, ...]
    copies: int
    replaces: tuple[str, ...]

    @classmethod
    def of(cls, block: Block) -> PartInfo:
        names = tuple(pack.name for pack in block.packs)
        return cls(names, sum(pack.copies for pack in block.packs), tuple(block.replaces))


def part_of(records: Iterable[PackRecord], replaces: Sequence[str] = ()) -> IndexPart:
    """The part that says of each pack what ``records`` do."""
    packs = list(records)
    extremes = [extreme for record in packs for bundle in record.bundles for extreme in _extremes(bundle.ids)]
    return IndexPart(packs, min(extremes, default=b""), max(extremes, default=b""), list(replaces))


def check_part(part: IndexPart, what: str) -> IndexPart:
    """``part`` if everything that it says of packs can be; otherwise :class:`DamagedError`."""
    for record in part.packs:
        check_record(record, what)
    return part


def check_record(record: PackRecord, what: str) -> PackRecord:
    """``record`` if its parts fit together; otherwise :class:`DamagedError`, naming ``what`` says so."""
    owner_of(record.name)
    if record.name.rpartition("/")[0] + "/" != use.folder(record.kind) or len(record.digest) not in _DIGESTS:
        raise DamagedError(f"{what} is damaged: it describes a pack that cannot be")
    for bundle in record.bundles:
        layout.check_bundle(bundle, record.kind, len(record.keys), what)
        end = bundle.offset + bundle.sealed
        if bundle.offset < layout.HEADER_SIZE or end > record.size:
            raise DamagedError(f"{what} is damaged: it describes a bundle that is not in its pack")
    return record


def worth_joining(parts: Mapping[str, PartInfo], gone: Iterable[str] = ()) -> list[list[str]]:
    """Groups of small parts, by name, each of which had better be one part; none of those that are ``gone``."""
    without = set(gone)
    small = sorted(name for name, info in parts.items() if info.copies < _SMALL and name not in without)
    groups: list[list[str]] = []
    group: list[str] = []
    room = COPIES
    for name in small:
        if parts[name].copies > room:
            groups.append(group)
            group, room = [], COPIES
        group.append(name)
        room -= parts[name].copies
    return [each for each in [*groups, group] if len(each) >= _MANY]


def obsolete(parts: Mapping[str, PartInfo], dropped: Iterable[str]) -> set[str]:
    """Names of the parts that say nothing any more that no other one says: every pack of theirs was dropped, or a part
    that replaces them has every pack that was not. A part only claims what it replaces; here it is looked up."""
    without = set(dropped)
    found = {name for name, info in parts.items() if without.issuperset(info.packs)}
    for name, info in parts.items():
        said = without.union(info.packs)
        found.update(old for old in info.replaces if old != name and old in parts and said.issuperset(parts[old].packs))
    return found


def _extremes(ids: bytes) -> tuple[bytes, ...]:
    each = [ids[at : at + ID_SIZE] for at in range(0, len(ids), ID_SIZE)]
    return (min(each), max(each)) if each else ()
