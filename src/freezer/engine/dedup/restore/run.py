"""One restore: trees in, files out."""

from __future__ import annotations

import msgspec

from freezer.browse.opened import Opened
from freezer.browse.selecting import Scope, Selection
from freezer.browse.walking import UNREADABLE, Visit, base_of, walk
from freezer.engine.contract import Restored
from freezer.engine.dedup.restore.contents import Contents
from freezer.engine.dedup.restore.deleting import delete_foreign
from freezer.engine.dedup.restore.folders import Folder, Folders
from freezer.engine.dedup.restore.linking import Links
from freezer.engine.dedup.restore.loading import Loader
from freezer.engine.dedup.restore.planning import File, Window, pieces
from freezer.engine.dedup.restore.writing import Writer
from freezer.errors import FreezerError
from freezer.model.items import ItemFailure
from freezer.progress import Progress
from freezer.repository.documents import Root
from freezer.repository.packs.use import Use
from freezer.repository.trees import Entry, Type
from freezer.tree.sandbox import Outcome, Sandbox


class How(msgspec.Struct, frozen=True):
    """``delete``: what the backup does not have goes, in directories that were restored entirely; ``verify``: a file
    that seems to be there already is read and compared before it is left alone; ``threads``: that read bundles, by
    default as many as machine and storage can use."""

    delete: bool = False
    verify: bool = False
    threads: int | None = None


def restore(
    opened: Opened,
    root: Root,
    sandbox: Sandbox,
    selection: Selection,
    progress: Progress,
    how: How | None = None,
) -> Restored:
    """Restore what ``selection`` chooses of a backup; the caller calls ``sandbox.finish`` afterwards.

    Items that cannot be restored are in the result. With the policy ``IF_CHANGED`` a restore that was interrupted goes
    on where it was, and one that was complete does nothing.
    """
    how = how or How()
    run = _Restore(opened, root, sandbox, selection, progress, how)
    try:
        run.all()
    finally:
        run.close()
    if how.delete:
        run.result.deleted = delete_foreign(opened, root, selection, sandbox)
    run.result.failures = sandbox.failures
    return run.result


class _Restore:
    def __init__(
        self,
        opened: Opened,
        root: Root,
        sandbox: Sandbox,
        selection: Selection,
        progress: Progress,
        how: How,
    ) -> None:
        self.result = Restored()
        self._opened = opened
        self._root = root
        self._sandbox = sandbox
        self._selection = selection
        self._contents = Contents(opened) if how.verify else None
        self._loader = Loader(opened, threads=how.threads)
        self._folders = Folders(sandbox, root.owners, progress, self.result)
        self._writer = Writer(opened, self._loader, sandbox, self._folders, progress)
        self._window = Window(opened.index)
        self._above: list[Folder] = []  # the folders that lead to the one being visited, which is the last
        self._absent: bytes | None = None  # the directory that the target was last seen not to have
        self._links = Links(sandbox, self._folders)

    def all(self) -> None:
        """Restore every source."""
        for source in self._root.sources:
            base, self._above = base_of(self._root, source), []
            for visit in walk(self._opened, self._root, self._selection, self._damaged, only=source):
                self._visit(visit, base)
                if self._window.full:
                    self._carry_out()
        self._carry_out()
        self._links.make(self._chosen, self._write_alone)

    def close(self) -> None:
        self._loader.close()
        self._folders.close()
        self._links.close()

    def _damaged(self, path: bytes, error: FreezerError) -> None:
        self._sandbox.failures.append(ItemFailure.of(path, error.message))

    def _visit(self, visit: Visit, base: bytes) -> None:
        """Plan what is in a directory."""
        folder = self._folder(visit)
        may_exist = self._may_exist(visit.path)
        files: list[Entry] = []
        differing: list[Entry] = []
        for entry in visit.items:
            more = entry.more
            if more is not None:
                if more.changed:
                    reason = "it changed while it was backed up, and may be a mixture"
                    self.result.stale.append(ItemFailure.of(folder.of(entry.name), reason))
                if more.first:
                    self._links.add(folder, base + b"/" + more.first if base else more.first, entry)
                    continue
            if entry.type != Type.FILE:
                folder.nodes.append(entry)
                continue
            differs = False
            if may_exist:
                path = folder.of(entry.name)
                outcome, differs = self._keep(path, entry)
                if outcome is not None:
                    self._folders.count(path, entry, outcome)
                    continue
            if differs:
                differing.append(entry)
            elif entry.size or entry.content:
                files.append(entry)
            else:
                folder.nodes.append(entry)
        self._window.enter(folder)
        if files:
            self._window.add(folder, files)
        if differing:
            self._window.add(folder, differing, differ=True)

    def _folder(self, visit: Visit) -> Folder:
        """The folder of a directory, which may have been visited in part already."""
        above = self._above
        while above and above[-1].path and not _is_within(visit.path, above[-1].path):
            above.pop()
        if above and above[-1].path == visit.path and not visit.first:
            folder = above[-1]
        else:
            folder = Folder(visit.path, visit.entry, above[-1] if above else None, wanted=visit.whole)
            above.append(folder)
        return folder

    def _may_exist(self, path: bytes) -> bool:
        """Whether something may be in the directory of the target already."""
        if self._absent is not None and _is_within(path, self._absent):
            return False
        if self._sandbox.has_directory(path):
            return True
        self._absent = path
        return False

    def _keep(self, path: bytes, entry: Entry) -> tuple[Outcome | None, bool]:
        """What becomes of a file that exists, None if it is written; and whether it only looks like the backup's."""
        contents, looked = self._contents, []

        def is_content(fd: int) -> bool:
            try:
                looked.append(contents is None or contents.match(fd, entry))
            except UNREADABLE:
                looked.append(False)  # restoring it will tell
            return looked[-1]

        attributes = self._folders.attributes(entry)
        outcome = self._sandbox.keep_file(path, attributes, entry.size, None if contents is None else is_content)
        return outcome, looked == [False]

    def _carry_out(self) -> None:
        """Restore what was planned, and begin a new plan."""
        window, self._window = self._window, Window(self._opened.index)
        self._writer.carry_out(window.steps(self._loader, self._list))
        for folder in window.folders:
            if folder.wanted or folder.nodes:
                self._folders.enter(folder)
        self._absent = None

    def _list(self, id: bytes) -> bytes:
        return self._opened.reader.chunk(Use.LIST, id)

    def _write_alone(self, folder: Folder, entry: Entry) -> bool:
        """Restore a file outside the plan; whether the target has it now as the backup does."""
        self._folders.enter(folder)
        if entry.type != Type.FILE or not (entry.size or entry.content):
            return self._folders.node(folder.of(entry.name), entry)
        file = File(folder, entry)
        return self._writer.write(file, pieces(file, self._opened.index, self._loader, self._list))

    def _chosen(self, path: bytes) -> bool:
        """Whether the restore has tried to restore the item at ``path``."""
        scope: Scope | None = self._selection.top()
        for name in path.split(b"/"):
            scope = self._selection.within(scope, name) if scope is not None else None
        return scope is not None and scope.everything


def _is_within(path: bytes, directory: bytes) -> bool:
    return path == directory or not directory or path.startswith(directory + b"/")
