"""The local storage."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from freezer.clock import Clock
from freezer.durable import sync_folder
from freezer.errors import ObjectExists, ObjectNotFound, PermanentError, TransientError
from freezer.model.items import printable
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Upload, check_prefix, check_range
from freezer.storage.files.names import encode, shown, temp_path
from freezer.storage.local import durable, lock
from freezer.storage.local.errnos import storage_error
from freezer.storage.local.holding import lock_folder
from freezer.storage.local.reading import list_objects, read_range
from freezer.storage.local.sweep import Sweep
from freezer.storage.local.upload import LocalUpload

T = TypeVar("T")

_CALL_SIZE = 2 * 1024 * 1024  # a buffer that stays in the processor's cache
_ATTEMPTS = 100  # against others who make or remove the same folders; whenever we lose, one of them has got on


class LocalStorage:
    """The objects below the directory ``root`` (made absolute at once; ``~`` is the caller's business).

    Folders that are symbolic links are followed, so that ``data`` may live on another disk; objects are regular files
    and nothing else, a link to one is not an object. Safe for several threads and processes at once.
    """

    def __init__(self, root: str, *, clock: Clock) -> None:
        self._root = os.path.abspath(os.fsencode(root))
        self._clock = clock
        self._described = f"local:{printable(self._root)}"

    @property
    def capabilities(self) -> Capabilities:
        return Capabilities(
            create_once=True,
            durable_bytes=True,
            durable_names=sys.platform != "win32",
            holds=lock.locks_work(self._root),
            call_size=_CALL_SIZE,
        )

    def describe(self) -> str:
        return self._described

    def exists(self) -> bool:
        with self._errors("open the container"):
            try:
                status = os.stat(self._root)
            except (FileNotFoundError, NotADirectoryError):
                return False
        if not stat.S_ISDIR(status.st_mode):
            raise PermanentError(f"{self._described} is not a directory", hint="--container has to name one")
        return True

    def prepare(self) -> None:
        with self._errors("prepare the container"):
            if not self.exists():
                _make_container(self._root)
            probe = temp_path(self._root)
            lock.let_go(durable.create(probe, durable.Modes.within(self._root).file))
            os.unlink(probe)

    def put(self, name: str, data: Buffer) -> None:
        path = self._path(name)
        with self._errors("store", name):
            self._persist(name, lambda: self._place(path, data, new=False))

    def put_new(self, name: str, data: Buffer) -> None:
        path = self._path(name)
        with self._errors("store", name):
            if os.path.lexists(path) or self._persist(name, lambda: self._place(path, data, new=True)):
                raise ObjectExists(f"{self._described} has {shown(name)} already")

    def open_write(self, name: str) -> Upload:
        path = self._path(name)
        folder = os.path.dirname(path)

        def start() -> Upload:
            modes = durable.Modes.within(self._root)
            try:
                durable.make_folders(self._root, folder, modes.folder)
                return LocalUpload(self._root, path, modes.file, f"{self._described}: {shown(name)}")
            except OSError:
                durable.prune_folders(self._root, folder)
                raise

        with self._errors("store", name):
            return self._persist(name, start)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        check_range(offset, length, self._described)
        path = self._path(name)
        with self._errors("read", name), self._found(name):
            return read_range(path, offset, length)

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        folder = self._path(check_prefix(prefix)[:-1]) if prefix else self._root
        with self._errors("list", prefix or "the objects"):
            self._check_container()
            return sorted(list_objects(self._root, folder, prefix), key=lambda item: item.name)

    def stat(self, name: str) -> ObjectInfo:
        path = self._path(name)
        with self._errors("look at", name), self._found(name):
            status = os.lstat(path)
            if not stat.S_ISREG(status.st_mode):
                raise FileNotFoundError(path)
            return ObjectInfo(name, status.st_size, status.st_mtime)

    def delete(self, name: str) -> None:
        path = self._path(name)
        with self._errors("delete", name):
            try:
                os.unlink(path)
            except OSError as error:
                missing = isinstance(error, FileNotFoundError | NotADirectoryError)
                if not missing and not durable.is_folder(path):  # which is no object
                    raise
                self._check_container()
            else:
                # Folders first and fsync after: others see an empty one for as short as can be. The removal has to be
                # durable as well, or a power cut could bring a commit record back without its data.
                durable.prune_folders(self._root, os.path.dirname(path))
                durable.sync_removal(self._root, os.path.dirname(path))

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        folder = self._path(name)
        with self._errors("hold", name):
            self._check_container()
            fd = lock_folder(self._root, folder, f"{self._described}: {shown(name)}", shared=shared, clock=self._clock)
        try:
            yield
        finally:
            if fd is not None:
                lock.let_go(fd)
                durable.prune_folders(self._root, folder)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        with self._errors("sweep the container"):
            self._check_container()
            sweep = Sweep(self._root, older_than, dry_run=dry_run)
            sweep.run()
            return sorted(path.decode("utf-8", "surrogateescape") for path in sweep.removed)

    def close(self) -> None:
        pass

    def _path(self, name: str) -> bytes:
        """Where the object ``name`` is, if it may be called that."""
        encoded = encode(name, "local")
        if sys.platform == "win32" and not set('\\:*?"<>|').isdisjoint(name):
            raise PermanentError(f"{shown(name)} is not a name that Windows allows")
        return os.path.join(self._root, *encoded.split(b"/"))

    def _place(self, path: bytes, data: Buffer, *, new: bool) -> bool:
        """Put ``data`` at ``path``; whether ``new`` forbade it because something is there."""
        modes = durable.Modes.within(self._root)
        folder = os.path.dirname(path)
        top = durable.topmost_missing(self._root, folder)
        if top is not None:
            try:
                durable.plant(self._root, top, path, data, modes)
                return False
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                durable.make_folders(self._root, folder, modes.folder)  # data/ is on another disk
        temp = temp_path(folder)
        durable.write_file(temp, data, modes.file)
        try:
            if new:
                return not durable.publish_new(temp, path, self._root)
            durable.replace(temp, path)
            return False
        finally:
            durable.discard(temp)

    def _persist(self, name: str, attempt: Callable[[], T]) -> T:
        """``attempt`` until nobody makes or removes a folder of ``name`` under its hands."""
        for _ in range(_ATTEMPTS):
            try:
                return attempt()
            except FileNotFoundError:
                self._check_container()
            except OSError as error:
                if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                    raise
        raise TransientError(f"{self._described}: the folders of {shown(name)} come and go")

    def _check_container(self) -> None:
        if not self.exists():
            raise PermanentError(f"{self._described} does not exist", hint="check the path, and whether it is mounted")

    @contextmanager
    def _found(self, name: str) -> Iterator[None]:
        """A missing file is a missing object, unless the container itself is missing."""
        try:
            yield
        except (FileNotFoundError, NotADirectoryError):
            self._check_container()
            raise ObjectNotFound(f"{self._described} has no object {shown(name)}") from None

    @contextmanager
    def _errors(self, verb: str, name: str = "") -> Iterator[None]:
        try:
            yield
        except OSError as error:
            attempt = f"{verb} {shown(name)}" if name else verb
            raise storage_error(error, f"{self._described}: cannot {attempt}") from error


def _make_container(root: bytes) -> None:
    """Create ``root``, closed to everybody else, and its missing parents as any directory."""
    parent = os.path.dirname(root)
    durable.make_folders(b"", parent, 0o777)
    with suppress(FileExistsError):
        os.mkdir(root, 0o700)
    sync_folder(parent)
