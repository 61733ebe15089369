"""Directories of the target: each is made when something is written into it, or at the end of its window.

So files that are written one after the other into a new directory need not be renamed one by one (see
:mod:`freezer.tree.directories`), and directories that only lead to what was chosen exist only if there is something.
"""

from __future__ import annotations

from freezer.engine.contract import Restored
from freezer.progress import Progress
from freezer.repository.documents import Owners
from freezer.repository.trees import Entry, Type
from freezer.spill.table import Table
from freezer.tree.attributes import Attributes
from freezer.tree.sandbox import Outcome, Sandbox


class Folder:
    """A directory of the target, its own entry, and items in it that need no content: links, devices, FIFOs, empty
    files. ``wanted``: it shall exist even if nothing is in it."""

    __slots__ = ("entry", "made", "nodes", "parent", "path", "wanted")

    def __init__(self, path: bytes, entry: Entry | None, parent: Folder | None, *, wanted: bool) -> None:
        self.path = path
        self.entry = entry
        self.parent = parent
        self.wanted = wanted
        self.made = False
        self.nodes: list[Entry] = []

    @classmethod
    def existing(cls, path: bytes) -> Folder:
        """A folder that has been made before."""
        folder = cls(path, None, None, wanted=True)
        folder.made = True
        return folder

    def of(self, name: bytes) -> bytes:
        """The path of an item in it."""
        return self.path + b"/" + name if self.path else name


class Folders:
    """Makes folders, and counts what becomes of the items in them. ``owners``: the names of users and groups of the
    backup. ``lost`` has the paths of what the target does not have as the backup does, so that nothing can be linked to
    it."""

    def __init__(self, sandbox: Sandbox, owners: Owners, progress: Progress, result: Restored) -> None:
        self._sandbox = sandbox
        self._users = owners.users
        self._groups = owners.groups
        self._progress = progress
        self._result = result
        self.lost = Table()

    def attributes(self, entry: Entry) -> Attributes:
        """What the sandbox gives the item."""
        user, group = entry.user, entry.group
        xattrs = dict(entry.more.xattrs) if entry.more is not None else {}
        names = self._users.get(user, ""), self._groups.get(group, "")
        return Attributes(entry.mode, user, group, entry.modified, None, *names, xattrs)

    def enter(self, folder: Folder) -> None:
        """Make the folder, unless it was, and in it what needs no content."""
        if not folder.made:
            missing = [folder]
            while (above := missing[-1].parent) is not None and not above.made:
                missing.append(above)
            for each in reversed(missing):
                self._make(each)
        if folder.nodes:
            nodes, folder.nodes = folder.nodes, []
            for entry in nodes:
                self.node(folder.of(entry.name), entry)

    def node(self, path: bytes, entry: Entry) -> bool:
        """Make something that needs no content; whether the target has it now as the backup does."""
        sandbox, attributes = self._sandbox, self.attributes(entry)
        if entry.type == Type.FILE:
            outcome = sandbox.write_file(path, attributes, 0, ())
        elif entry.type == Type.LINK:
            outcome = sandbox.symlink(path, entry.extra.link, attributes)
        elif entry.type == Type.FIFO:
            outcome = sandbox.fifo(path, attributes)
        else:
            major, minor = entry.extra.device or (0, 0)
            outcome = sandbox.device(path, attributes, entry.type == Type.BLOCK_DEVICE, major, minor)
        return self.count(path, entry, outcome)

    def count(self, path: bytes, entry: Entry, outcome: Outcome, written: int | None = None) -> bool:
        """Take an item into the result, with ``written`` bytes (its size if None); whether the target has it now as the
        backup does."""
        self._progress.advance(done_items=1, done_bytes=entry.size)
        if outcome is Outcome.WRITTEN:
            if entry.type == Type.FILE:
                self._result.files += 1
                self._result.bytes += entry.size if written is None else written
            else:
                self._result.others += 1
        elif outcome is not Outcome.FAILED:
            self._result.skipped += 1
        if outcome in (Outcome.WRITTEN, Outcome.EQUAL):
            return True
        self.lost.put(path, b"")
        return False

    def count_plain(self, files: int, size: int) -> None:
        """Take so many files, of ``size`` bytes in all, into the result that were written."""
        self._progress.advance(done_items=files, done_bytes=size)
        self._result.files += files
        self._result.bytes += size

    def close(self) -> None:
        """Give memory and disk space back."""
        self.lost.close()

    def _make(self, folder: Folder) -> None:
        folder.made = True
        if self._sandbox.make_directory(folder.path):
            self._result.directories += 1
            if folder.entry is not None:
                self._sandbox.directory_attributes(folder.path, self.attributes(folder.entry))
