"""The ftp and ftps storages."""

from __future__ import annotations

import random
import weakref
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from freezer.clock import Clock
from freezer.errors import ObjectExists, ObjectNotFound, PermanentError, TransientError
from freezer.model.items import printable
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Upload, check_prefix, check_range
from freezer.storage.files.lease import Leases
from freezer.storage.files.names import LOST_AND_FOUND, decode, encode, is_hidden, remote_root, shown, temp_path
from freezer.storage.files.sweep import plan_sweep
from freezer.storage.ftp import publish
from freezer.storage.ftp.failures import storage_error
from freezer.storage.ftp.files import Files
from freezer.storage.ftp.listing import Kind
from freezer.storage.ftp.markers import Markers
from freezer.storage.ftp.pool import Pool
from freezer.storage.ftp.server import Server
from freezer.storage.ftp.sweep import carry_out, everything
from freezer.storage.ftp.upload import FtpUpload
from freezer.storage.ftp.walk import walk, with_times

T = TypeVar("T")

_CALL_SIZE = 32 * 1024 * 1024  # each call is a data connection of its own, which begins slowly
_ATTEMPTS = 100  # against others who make or remove the same folders; whenever we lose, one of them has got on
_DENIALS = 5  # that we believe: a folder that was missing may be there by the time that we look why we were refused
_PAUSE = 0.05
_NO_SUCH_OBJECT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)


class FtpStorage:
    """The objects below the directory ``root`` of ``server``, relative to the login directory if it is relative.

    Nothing is connected before the first operation; lost connections are replaced when they are needed. Folders that
    are symbolic links are followed. Safe for several threads and processes at once.
    """

    def __init__(self, server: Server, root: str, *, clock: Clock) -> None:
        self._wanted = remote_root(root)
        self._described = f"{server.place}:{printable(self._wanted)}"
        self._clock = clock
        self._pool = Pool(server, clock)
        self._root: bytes | None = None
        self._writing = False
        self._excludes: bool | None = None
        self._uploads: weakref.WeakSet[FtpUpload] = weakref.WeakSet()
        self._leases = Leases(Markers(self._files, self._place), clock)

    @property
    def capabilities(self) -> Capabilities:
        if self._excludes is None and self._writing:  # who only reads leaves nothing there, not even for a moment
            self._excludes = self._attempt("try the container out", self._tried)
        return Capabilities(
            create_once=bool(self._excludes), durable_bytes=False, durable_names=False, holds=True, call_size=_CALL_SIZE
        )

    def describe(self) -> str:
        return self._described

    def exists(self) -> bool:
        return self._attempt("open the container", self._container_exists)

    def prepare(self) -> None:
        def work(files: Files) -> None:
            self._writing = True
            root = self._place(files)
            if not self._container_exists(files):
                publish.make_folders(files, b"/", root)
                files.close_to_others(root)
            probe = temp_path(root)
            publish.write_file(files, probe, b"")
            files.remove(probe)

        self._attempt("prepare the container", work)

    def put(self, name: str, data: Buffer) -> None:
        self._persist(name, lambda files, path: self._put(files, path, data, new=False))

    def put_new(self, name: str, data: Buffer) -> None:
        if not self._persist(name, lambda files, path: self._put(files, path, data, new=True)):
            raise ObjectExists(f"{self._described} has {shown(name)} already")

    def open_write(self, name: str) -> Upload:
        def start(files: Files, path: bytes) -> FtpUpload:
            root, folder = self._place(files), publish.parent(path)
            temp = temp_path(folder)
            publish.make_folders(files, root, folder)
            label = f"{self._described}: {shown(name)}"
            forget = partial(self._pool.forget, path)
            return FtpUpload(self._checked, root, path, temp, label=label, clock=self._clock, forget=forget)

        upload = self._persist(name, start)
        self._uploads.add(upload)
        return upload

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        check_range(offset, length, self._described)
        if length == 0:
            self.stat(name)
            return b""
        relative = self._relative(name)

        def work(files: Files) -> bytes:
            return files.read(self._place(files) + b"/" + relative, offset, length)

        at = None if self._root is None else (self._root + b"/" + relative, offset)
        return self._found("read", name, work, at)

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        folder = b"/" + self._relative(check_prefix(prefix)[:-1]) if prefix else b""
        root = self._attempt("list the objects", self._existing)

        def skip(path: bytes) -> bool:
            return is_hidden(path, root)

        def work() -> Sequence[ObjectInfo]:
            found = [
                each for each in walk(self._files, root + folder, skip)
                if each[1].kind is Kind.FILE and not skip(each[0])
            ]  # fmt: skip
            with self._files() as files:
                found = list(with_times(files, found, self._clock))
                self._existing(files)  # an unmounted one looks as if everything had vanished
            names = [decode(path[len(root) + 1 :]) for path, _ in found]
            return sorted(
                (ObjectInfo(name, entry.size, entry.modified or 0.0)
                 for name, (_, entry) in zip(names, found, strict=True)),
                key=lambda item: item.name,
            )  # fmt: skip

        return self._translated(f"list {shown(prefix)}" if prefix else "list the objects", work)

    def stat(self, name: str) -> ObjectInfo:
        relative = self._relative(name)

        def work(files: Files) -> ObjectInfo:
            path = self._place(files) + b"/" + relative
            found = files.stat(path)
            if found.kind is not Kind.FILE:
                raise FileNotFoundError(path)
            return ObjectInfo(name, found.size, found.modified if found.modified is not None else self._clock.now())

        return self._found("look at", name, work)

    def delete(self, name: str) -> None:
        relative = self._relative(name)

        def work(files: Files) -> None:
            root = self._place(files)
            path = root + b"/" + relative
            self._pool.forget(path)
            try:
                files.remove(path)
            except _NO_SUCH_OBJECT:
                self._existing(files)
            else:
                publish.prune_folders(files, root, publish.parent(path))

        self._attempt(f"delete {shown(name)}", work)

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        self._relative(name)
        self._attempt(f"hold {shown(name)}", self._existing)
        lease = self._leases.hold(name, f"{self._described}: {shown(name)}", shared=shared)
        self._translated(f"hold {shown(name)}", lease.__enter__)
        try:
            yield
        finally:
            lease.__exit__(None, None, None)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        root = self._attempt("sweep the container", self._existing)
        lost_and_found = root + b"/" + LOST_AND_FOUND
        spared = {upload.temp for upload in self._uploads} | {root + b"/" + each for each in self._leases.markers}

        def work() -> Sequence[str]:
            walked = walk(self._files, root, lambda path: path == lost_and_found)
            with self._files() as files:
                plan = plan_sweep(everything(files, walked, self._clock), root, older_than, spared)
                return sorted(each.shown(root) for each in plan if dry_run or carry_out(files, each))

        return self._translated("sweep the container", work)

    def close(self) -> None:
        for upload in list(self._uploads):
            upload.let_go()
        self._pool.close()

    @contextmanager
    def _files(self) -> Iterator[Files]:
        with self._pool.connection() as connection:
            yield Files(connection, self._clock)

    @contextmanager
    def _checked(self) -> Iterator[Files]:
        """As ``_files``, if what we hold is still ours."""
        self._leases.check()
        with self._files() as files:
            yield files

    def _attempt(self, verb: str, work: Callable[[Files], T]) -> T:
        def with_connection() -> T:
            with self._files() as files:
                return work(files)

        return self._translated(verb, with_connection)

    def _translated(self, verb: str, work: Callable[[], T]) -> T:
        try:
            return work()
        except OSError as error:
            raise storage_error(error, f"{self._described}: cannot {verb}") from error

    def _found(self, verb: str, name: str, work: Callable[[Files], T], at: tuple[bytes, int] | None = None) -> T:
        """A missing file is a missing object, unless the container is missing too. ``at``: a download to go on with."""

        def look() -> T:
            with self._pool.connection(at) as connection:
                files = Files(connection, self._clock)
                try:
                    return work(files)
                except _NO_SUCH_OBJECT:
                    self._existing(files)
                    raise ObjectNotFound(f"{self._described} has no object {shown(name)}") from None

        return self._translated(f"{verb} {shown(name)}", look)

    def _persist(self, name: str, work: Callable[[Files, bytes], T]) -> T:
        """``work`` on the path of ``name`` until nobody makes or removes a folder of it under its hands."""
        relative = self._relative(name)

        def again(files: Files) -> T:
            path = self._place(files) + b"/" + relative
            self._pool.forget(path)
            self._writing = True
            denials = 0
            for _ in range(_ATTEMPTS):
                try:
                    return work(files, path)
                except FileNotFoundError:
                    self._existing(files)
                except FileExistsError:
                    pass
                except PermissionError:
                    denials += 1
                    if denials == _DENIALS:
                        raise
                    self._clock.sleep(random.uniform(0.0, denials * _PAUSE))  # noqa: S311 (no secret)
            raise TransientError(f"{self._described}: the folders of {shown(name)} come and go")

        self._leases.check()
        return self._attempt(f"store {shown(name)}", again)

    def _put(self, files: Files, path: bytes, data: Buffer, *, new: bool) -> bool:
        return not (new and _stands(files, path)) and publish.place(
            files, self._place(files), path, data, self._clock, new=new
        )

    def _tried(self, files: Files) -> bool:
        root = self._place(files)
        return files.is_folder(root) and publish.excludes(files, root)

    def _relative(self, name: str) -> bytes:
        """The path of the object ``name`` below the container, if it may be called that."""
        encoded = encode(name, "ftp")
        if b"\r" in encoded or b"\n" in encoded:
            raise PermanentError(f"{shown(name)} has a line break in it, which FTP cannot carry")
        return encoded

    def _place(self, files: Files) -> bytes:
        """The container's absolute path."""
        if self._root is None:
            self._root = files.absolute(self._wanted)
        return self._root

    def _container_exists(self, files: Files) -> bool:
        root = self._place(files)
        if files.is_folder(root):
            return True
        try:
            files.entries(root)
        except FileNotFoundError:
            found = files.find(root) if files.is_folder(publish.parent(root)) else None
            if found is not None:
                raise PermanentError(
                    f"{self._described} is not a directory", hint="--container has to name one"
                ) from None
            return False
        return True

    def _existing(self, files: Files) -> bytes:
        """The container's path; PermanentError if there is no such folder."""
        if not self._container_exists(files):
            raise PermanentError(
                f"{self._described} does not exist", hint="check --container, and whether it is mounted on the server"
            )
        return self._place(files)


def _stands(files: Files, path: bytes) -> bool:
    try:
        files.stat(path)
    except IsADirectoryError:
        return True
    except (FileNotFoundError, NotADirectoryError):
        return False
    return True
