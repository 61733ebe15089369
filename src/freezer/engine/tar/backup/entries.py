"""The tar records of one file, link, FIFO or device."""

from __future__ import annotations

import io
import os
import stat

from freezer.engine.tar.archive import header, pax
from freezer.engine.tar.archive.header import BLOCK, Header, full_header, plain_header
from freezer.engine.tar.backup.blocks import BlockWriter
from freezer.engine.tar.backup.links import LinkTable
from freezer.engine.tar.backup.scanned import Directory
from freezer.tree import system
from freezer.tree.acl import acl_to_text
from freezer.tree.holes import data_extents, is_sparse
from freezer.tree.opening import Opener
from freezer.tree.owners import group_name, user_name
from freezer.tree.xattrs import named, read_xattrs

_ACCESS = b"system.posix_acl_access"
_DEFAULT = b"system.posix_acl_default"
_LONG_LINK_NAME = b"././@LongLink"


class ItemChanged(Exception):
    """The item is in the archive, but it changed while it was read; the text says how."""


class EntryWriter:
    """Writes single entries; keeps the table of hard links of this archive."""

    def __init__(self, out: BlockWriter, *, follow_links: bool, keep_hard_links: bool) -> None:
        self._out = out
        self._follow = follow_links
        self._keep_hard_links = keep_hard_links
        self.open = Opener(follow=follow_links).open
        self._links = LinkTable()

    def close(self) -> None:
        """Forget the hard links."""
        self._links.close()

    def non_directory(self, descriptor: int, name: bytes, path: bytes, fraction: int) -> None:
        """Write ``name`` in the directory ``descriptor`` as ``path``.

        ``fraction``: the nanoseconds of its mtime that the directory's entry has already recorded. OSError if it
        cannot be read at all (nothing was written then), :class:`ItemChanged` if it changed meanwhile.
        """
        status = self._status(descriptor, name)
        kind = stat.S_IFMT(status.st_mode)
        if kind == stat.S_IFDIR:
            raise OSError("it became a directory meanwhile")
        if self._hard_link(status, path):
            return
        if kind == stat.S_IFREG:
            self._file(descriptor, name, path, fraction)
        elif kind == stat.S_IFLNK:
            self._symlink(descriptor, name, path, status, fraction)
        elif kind in (stat.S_IFIFO, stat.S_IFCHR, stat.S_IFBLK):
            self._special(descriptor, name, path, status, fraction)
        else:
            raise OSError("it became a socket meanwhile")
        if status.st_nlink > 1 and self._keep_hard_links:
            self._links.put(status.st_dev, status.st_ino, path)

    def directory(self, found: Directory, body: bytes, records: pax.Records) -> None:
        """Write the ``D`` entry of a directory with its list ``body`` and extra PAX ``records``."""
        name = b"./" + found.path + b"/" if found.path else b"./"
        owner = (user_name(found.uid), group_name(found.gid))
        times = (found.mtime_ns // pax.SECOND, found.atime, found.ctime)
        name = self._before(name, records)
        self._out.write(
            plain_header(name, header.DUMP_DIRECTORY, found.mode, found.uid, found.gid, len(body), times, owner)
        )
        self._out.write(body)
        self._out.pad()

    def _status(self, descriptor: int, name: bytes) -> os.stat_result:
        try:
            return os.stat(name, dir_fd=descriptor, follow_symlinks=self._follow)
        except OSError:
            # A link that leads nowhere cannot be followed: it is stored as it is.
            status = os.stat(name, dir_fd=descriptor, follow_symlinks=False)
            if not stat.S_ISLNK(status.st_mode):
                raise
            return status

    def _hard_link(self, status: os.stat_result, path: bytes) -> bool:
        if status.st_nlink < 2 or not self._keep_hard_links:
            return False
        first = self._links.get(status.st_dev, status.st_ino)
        if first is None:
            return False
        self._linked(path, header.HARD_LINK, b"./" + first, status, [])
        return True

    def _file(self, descriptor: int, name: bytes, path: bytes, fraction: int) -> None:
        handle = self.open(descriptor, name)
        try:
            status = os.fstat(handle)
            if not stat.S_ISREG(status.st_mode):
                raise OSError("it is no regular file any more")
            records = self._records(status, fraction, read_xattrs(handle))
            if status.st_nlink > 1 and self._keep_hard_links:
                records.append((pax.LINKS, b"%d" % status.st_nlink))
            extents = data_extents(handle, status.st_size) if is_sparse(status) else None
            if extents is None or extents == [(0, status.st_size)]:
                self._file_head(self._before(b"./" + path, records), status)
                missing = self._content(handle, [(0, status.st_size)])
            else:
                missing = self._sparse(handle, path, status, extents, records)
            after = os.fstat(handle)
        finally:
            os.close(handle)
        if missing:
            raise ItemChanged(f"it shrank by {missing} bytes while it was read; the rest is stored as zeros")
        if (after.st_size, after.st_mtime_ns, after.st_ctime_ns) != (
            status.st_size,
            status.st_mtime_ns,
            status.st_ctime_ns,
        ):
            raise ItemChanged("it changed while it was read")

    def _file_head(self, name: bytes, status: os.stat_result) -> None:
        times = (
            status.st_mtime_ns // pax.SECOND,
            status.st_atime_ns // pax.SECOND,
            status.st_ctime_ns // pax.SECOND,
        )
        owner = (user_name(status.st_uid), group_name(status.st_gid))
        mode, uid, gid, size = status.st_mode, status.st_uid, status.st_gid, status.st_size
        self._out.write(plain_header(name, header.FILE, mode, uid, gid, size, times, owner))

    def _content(self, handle: int, extents: list[tuple[int, int]]) -> int:
        """Copy the extents; returns how many bytes were missing (zeros stand for them)."""
        missing = 0
        reader = io.FileIO(handle, closefd=False)
        for offset, length in extents:
            done = self._out.total
            try:
                if offset:
                    os.lseek(handle, offset, os.SEEK_SET)
                self._out.fill(length, reader.readinto)
            except OSError as error:
                # The header is already written, so the entry must keep its size.
                self._out.zeros(length - (self._out.total - done))
                self._out.pad()
                raise ItemChanged(f"it could be read only in part: {os.strerror(error.errno or 0)}") from error
            lacking = length - (self._out.total - done)
            self._out.zeros(lacking)
            missing += lacking
        self._out.pad()
        return missing

    def _sparse(
        self, handle: int, path: bytes, status: os.stat_result, extents: list[tuple[int, int]], records: pax.Records
    ) -> int:
        stored = sum(length for _, length in extents)
        listed = list(extents)
        if not listed or sum(listed[-1]) < status.st_size:
            # GNU tar ends the map with an empty extent at the end of the file when that is a hole.
            listed.append((status.st_size, 0))
        entry = self._header(b"./" + path, header.SPARSE, status, stored)
        entry.extents, entry.extended, entry.real_size = listed[:4], len(listed) > 4, status.st_size
        self._long_names(entry, records)
        self._out.write(full_header(entry))
        rest = listed[4:]
        while rest:
            self._out.write(header.sparse_extension(rest[:21], len(rest) > 21))
            rest = rest[21:]
        return self._content(handle, extents)

    def _symlink(self, descriptor: int, name: bytes, path: bytes, status: os.stat_result, fraction: int) -> None:
        target = os.readlink(name, dir_fd=descriptor)
        records = self._records(status, fraction, read_xattrs(named(descriptor, name)))
        self._linked(path, header.SYMLINK, target, status, records)

    def _special(self, descriptor: int, name: bytes, path: bytes, status: os.stat_result, fraction: int) -> None:
        kinds = {stat.S_IFIFO: header.FIFO, stat.S_IFCHR: header.CHARACTER_DEVICE, stat.S_IFBLK: header.BLOCK_DEVICE}
        kind = kinds[stat.S_IFMT(status.st_mode)]
        entry = self._header(b"./" + path, kind, status, 0)
        if kind != header.FIFO:
            entry.major, entry.minor = system.device_parts(system.raw_device(status))
        records = self._records(status, fraction, read_xattrs(named(descriptor, name)))
        self._long_names(entry, records)
        self._out.write(full_header(entry))

    def _linked(self, path: bytes, kind: bytes, target: bytes, status: os.stat_result, records: pax.Records) -> None:
        entry = self._header(b"./" + path, kind, status, 0)
        entry.link = target
        self._long_names(entry, records)
        self._out.write(full_header(entry))

    def _before(self, name: bytes, records: pax.Records) -> bytes:
        """Write what stands before the header of ``name``; returns the part of the name for the header."""
        if records:
            self._pax(name, records)
        if len(name) > 100:
            self._long(header.LONG_NAME, name)
        return name[:100]

    def _header(self, name: bytes, kind: bytes, status: os.stat_result, size: int) -> Header:
        return Header(
            name=name,
            type=kind,
            mode=status.st_mode,
            uid=status.st_uid,
            gid=status.st_gid,
            size=size,
            mtime=status.st_mtime_ns // pax.SECOND,
            atime=status.st_atime_ns // pax.SECOND,
            uname=user_name(status.st_uid).encode("utf-8", "surrogateescape"),
            gname=group_name(status.st_gid).encode("utf-8", "surrogateescape"),
        )

    def _long_names(self, entry: Header, records: pax.Records) -> None:
        """Everything that stands before a header whose names or attributes do not fit it."""
        if records:
            self._pax(entry.name, records)
        if len(entry.link) > 100:
            self._long(header.LONG_LINK, entry.link)
        if len(entry.name) > 100:
            self._long(header.LONG_NAME, entry.name)

    def _long(self, kind: bytes, name: bytes) -> None:
        self._extra(_LONG_LINK_NAME, kind, name + b"\0")

    def _pax(self, name: bytes, records: pax.Records) -> None:
        self._extra((b"./PaxHeaders/" + name.rstrip(b"/").rpartition(b"/")[2])[:100], header.PAX, pax.encode(records))

    def _extra(self, name: bytes, kind: bytes, body: bytes) -> None:
        self._out.write(plain_header(name, kind, 0o644, 0, 0, len(body), (0, 0, 0), ("root", "root")))
        self._out.write(body)
        self._out.zeros(-len(body) % BLOCK)

    @staticmethod
    def _records(status: os.stat_result, fraction: int, xattrs: dict[bytes, bytes]) -> pax.Records:
        """PAX records of an item: its exact mtime unless the directory's entry has it, and extended attributes."""
        records: pax.Records = []
        if status.st_mtime_ns % pax.SECOND != fraction:
            records.append((pax.MTIME, pax.time_text(status.st_mtime_ns)))
        return records + xattr_records(xattrs)


def xattr_records(xattrs: dict[bytes, bytes]) -> pax.Records:
    """Extended attributes as PAX records; POSIX ACLs in text, as GNU tar's ``--acls`` reads them."""
    records: pax.Records = []
    for name, value in sorted(xattrs.items()):
        if name == _ACCESS:
            records.append((pax.ACL_ACCESS, acl_to_text(value).encode()))
        elif name == _DEFAULT:
            records.append((pax.ACL_DEFAULT, acl_to_text(value).encode()))
        else:
            # GNU tar escapes the two characters that a keyword cannot hold.
            records.append((pax.XATTR + name.replace(b"%", b"%25").replace(b"=", b"%3D"), value))
    return records
