"""The quick way back for what most items are: regular files with nothing special about them, whole in a buffer.

A restore of many small files spends its time here, so this is one long loop around four system calls. Like
:mod:`~freezer.engine.tar.backup.quick` it decides nothing difficult: at the first member that is out of the ordinary,
or that cannot be written, it stops as if it had not touched it, and :mod:`~freezer.engine.tar.restore.extract` goes on
from there.
"""

from __future__ import annotations

import struct
from typing import NamedTuple
from zlib import adler32

from freezer.engine.tar.archive.header import BLOCK, FILE, parse_header
from freezer.engine.tar.archive.pax import SECOND
from freezer.engine.tar.archive.read import plain_attributes
from freezer.engine.tar.restore.fractions import Fractions
from freezer.engine.tar.restore.wanted import AtHand
from freezer.tree.write import PlainFiles

# name; mode, uid, gid; size and its end; mtime and its end; checksum and its end; type; link target to device numbers
_unpack_from = struct.Struct("<100s24s11s1s11s1s6s2s1s188s").unpack_from
_SUM_BLANK = 8 * 0x20  # what the checksum's own field counts as
_SUM_END = 0x20  # what its last two bytes are here: a NUL and a blank


class Passed(NamedTuple):
    """How many members were restored, the bytes of their contents, and the ``position`` behind them."""

    position: int
    files: int
    bytes: int


def restore_plain_files(
    coming: memoryview, prefix: bytes, names: AtHand, fractions: Fractions, files: PlainFiles
) -> Passed:
    """Restore the plain files at the start of ``coming``, which begins with a header.

    ``prefix``: what stands before the names in the archive; ``names``: those waited for, out of which it takes what it
    restores. A header's checksum is verified as :func:`~freezer.engine.tar.archive.header.parse_header` does it.
    """
    _, run, ready = names
    write, fraction_of = files.write, fractions.of_name
    position = count = contents = 0
    begin, length = len(prefix), len(coming)
    owner = tail = b""
    kind = None
    while position + BLOCK <= length:
        fields = _unpack_from(coming, position)
        path, its_owner, size_text, size_end, time_text, time_end, total, total_end, type, its_tail = fields
        name = path[begin:].split(b"\0", 1)[0]
        if type != FILE or path[:begin] != prefix or run.get(name) not in ready:
            break
        if not (size_text.isdigit() and time_text.isdigit() and total.isdigit()):
            break
        if size_end != b"\0" or time_end != b"\0" or total_end != b"\0 ":
            break
        try:
            size, mtime, stored_sum = int(size_text, 8), int(time_text, 8), int(total, 8)
        except ValueError:
            break
        start = position + BLOCK
        stop = start + size
        behind = stop + -size % BLOCK
        block = coming[position:start]
        others = (adler32(block) & 0xFFFF) - (adler32(total) & 0xFFFF) - _SUM_END
        if behind > length or (others + _SUM_BLANK - stored_sum) % 65521:
            break
        if its_owner != owner or its_tail != tail:
            owner, tail = its_owner, its_tail
            head = parse_header(bytes(block))
            kind = files.kind(plain_attributes(head)) if head.gnu else None
        if kind is None:
            break
        fraction = fraction_of(name)
        if not write(kind, name, coming[start:stop], mtime * SECOND + fraction):
            fractions.give_back(name, fraction)
            break
        del run[name]
        position = behind
        count += 1
        contents += size
    return Passed(position, count, contents)
