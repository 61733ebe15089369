"""Files from bundles: many small ones in one loop, others piece by piece through the long way of the sandbox."""

from __future__ import annotations

from collections.abc import Iterator

from freezer.browse.opened import Opened
from freezer.browse.walking import UNREADABLE
from freezer.engine.dedup.restore.folders import Folders
from freezer.engine.dedup.restore.loading import Load, Loader
from freezer.engine.dedup.restore.planning import Ahead, File, Piece, Run, Step
from freezer.errors import DamagedError
from freezer.model.items import ItemFailure
from freezer.progress import Progress
from freezer.repository.packs.use import Use
from freezer.repository.trees import split
from freezer.tree.sandbox import Outcome, Sandbox


class Writer:
    """Writes what steps say."""

    def __init__(self, opened: Opened, loader: Loader, sandbox: Sandbox, folders: Folders, progress: Progress) -> None:
        self._reader = opened.reader
        self._loader = loader
        self._sandbox = sandbox
        self._folders = folders
        self._progress = progress

    def carry_out(self, steps: Iterator[Step]) -> None:
        """Do all steps."""
        ahead = Ahead(steps, self._loader)
        while (step := ahead.peek()) is not None:
            folder = step.folder if isinstance(step, Run) else step.file.folder
            self._progress.current(folder.path)
            self._folders.enter(folder)
            if isinstance(step, Run):
                self._run(step)
                ahead.take()
            else:
                self.write(step.file, self._pieces(step.file, ahead))

    def write(self, file: File, pieces: Iterator[Piece]) -> bool:
        """Write one file; ``pieces`` are used up then. Whether the target has it now as the backup does."""
        entry = file.entry
        path = file.folder.of(entry.name)
        outcome = Outcome.FAILED
        try:
            content = self._content(file, pieces)
            attributes = self._folders.attributes(entry)
            outcome = self._sandbox.write_file(path, attributes, entry.size, content, differs=file.differs)
        except UNREADABLE as error:
            self._sandbox.failures.append(ItemFailure.of(path, error.message))
        finally:
            file.given_up = True
        for _ in pieces:
            pass
        return self._folders.count(path, entry, outcome)

    def _run(self, run: Run) -> None:
        """The quick way for all files of a run that it can take, the long way for the others."""
        load = self._loader.wait(run.load)
        rest = run.files
        files = self._sandbox.plain_files(run.folder.path, len(run.files))
        if files is not None:
            rest, span, write = [], load.span, files.write
            kind, known, count, size = None, (-1, -1, -1), 0, 0
            for each in run.files:
                entry, position = each
                if (entry.mode, entry.user, entry.group) != known:
                    known = entry.mode, entry.user, entry.group
                    kind = files.kind(self._folders.attributes(entry))
                content = span(position, entry.content)  # type: ignore[arg-type]  # not a list
                if (
                    kind is None
                    or content is None
                    or len(content) != entry.size
                    or not write(kind, entry.name, content, entry.modified)
                ):
                    rest.append(each)
                else:
                    count += 1
                    size += entry.size
            self._folders.count_plain(count, size)
        for entry, position in rest:
            file = File(run.folder, entry)
            self.write(file, iter([Piece(file, load, position, entry.content)]))  # type: ignore[arg-type]  # not a list

    def _pieces(self, file: File, ahead: Ahead) -> Iterator[Piece]:
        """The pieces of one file, which come next."""
        while isinstance(step := ahead.peek(), Piece) and step.file is file:
            yield step
            ahead.take()

    def _content(self, file: File, pieces: Iterator[Piece]) -> Iterator[tuple[int, bytes | memoryview]]:
        """Where in the file there are which bytes. :class:`DamagedError` if that is not what its entry says."""
        at, size = 0, file.entry.size
        for piece in pieces:
            at += piece.hole
            if not piece.ids:
                continue
            for content in self._bytes(piece):
                if at + len(content) > size:
                    raise DamagedError(f"its content has more than the {size} bytes that the backup says")
                yield at, content
                at += len(content)
        if file.problem is not None:
            raise file.problem
        if at != size:
            raise DamagedError(f"its content has {at} bytes, the backup says {size}")

    def _bytes(self, piece: Piece) -> Iterator[bytes | memoryview]:
        load: Load | None = piece.load
        ids = split(piece.ids)
        if load is not None:
            content = self._loader.wait(load).span(piece.position, piece.ids)
            if content is not None:
                yield content
                return
        for id in ids:  # another copy, or one that somebody has moved meanwhile
            yield self._reader.chunk(Use.CONTENT, id)
