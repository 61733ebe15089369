"""The ssh storage."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TypeVar

from freezer.clock import Clock
from freezer.errors import ObjectExists, ObjectNotFound, PermanentError, StorageError, TransientError
from freezer.model.items import printable
from freezer.storage.contract import Buffer, Capabilities, ObjectInfo, Upload, check_prefix, check_range
from freezer.storage.files.lease import Leases
from freezer.storage.files.names import decode, encode, is_hidden, remote_root, shown, temp_path, topmost_missing
from freezer.storage.files.sweep import plan_sweep
from freezer.storage.ssh import publish
from freezer.storage.ssh.failures import storage_error, writing_error
from freezer.storage.ssh.fetching import read_object
from freezer.storage.ssh.lanes import Lanes, wanted
from freezer.storage.ssh.markers import Markers
from freezer.storage.ssh.program import Server
from freezer.storage.ssh.session import Session, connect
from freezer.storage.ssh.sweep import carry_out, everything
from freezer.storage.ssh.upload import SshUpload
from freezer.storage.ssh.walk import Walk
from freezer.storage.ssh.wire import Attributes

T = TypeVar("T")

_CALL_SIZE = 8 * 1024 * 1024  # several times what ssh lets be in flight
_FAR_CALL_SIZE = 32 * 1024 * 1024  # where several connections are used
_ATTEMPTS = 100  # against others who make or remove the same folders; whenever we lose, one of them has got on


class SshStorage:
    """The objects below the directory ``root`` of ``server``, relative to the login directory if it is relative.

    ``environment`` is what ``ssh`` runs in. Nothing is connected before the first operation; after a lost connection
    the next operation makes another one. Folders that are symbolic links are followed, objects are regular files and
    nothing else. Safe for several threads and processes at once.
    """

    def __init__(self, server: Server, root: str, *, clock: Clock, environment: Mapping[str, str]) -> None:
        self._server = server
        self._root = remote_root(root)
        self._environment = dict(environment)
        self._described = f"ssh:{server.address}:{printable(self._root)}"
        self._connecting = threading.Lock()
        self._session: Session | None = None
        self._modes: publish.Modes | None = None
        self._uploads: weakref.WeakSet[SshUpload] = weakref.WeakSet()
        self._lanes = Lanes(lambda: connect(self._server, self._environment, known=True))
        self._leases = Leases(Markers(self._connected, self._root), clock)

    @property
    def capabilities(self) -> Capabilities:
        session = self._connected()
        if session.syncs_folders is None:
            with suppress(FileNotFoundError):  # not known before there is a container
                publish.sync_folder(session, self._root)
        lanes = wanted(session.channel.round_trip)
        self._lanes.all(session)  # whoever asks is about to read or write much
        return Capabilities(
            create_once=session.can_link,
            durable_bytes=session.can_sync,
            durable_names=session.syncs_folders is True,
            holds=True,
            call_size=_CALL_SIZE if lanes == 1 else _FAR_CALL_SIZE,
            read_ahead=1 if lanes == 1 else 2 * lanes,
        )

    def describe(self) -> str:
        return self._described

    def exists(self) -> bool:
        return self._attempt("open the container", self._container_exists)

    def prepare(self) -> None:
        def work(session: Session) -> None:
            if not self._container_exists(session):
                _make_container(session, self._root)
            probe = temp_path(self._root)
            session.close_handle(session.open(probe, publish.CREATE, self._within(session).file))
            session.remove(probe)

        self._attempt("prepare the container", work, writes=True)

    def put(self, name: str, data: Buffer) -> None:
        path = self._path(name)
        self._persist(name, lambda session: self._place(session, path, data, new=False))

    def put_new(self, name: str, data: Buffer) -> None:
        path = self._path(name)
        if self._persist(name, lambda session: session.exists(path) or self._place(session, path, data, new=True)):
            raise ObjectExists(f"{self._described} has {shown(name)} already")

    def open_write(self, name: str) -> Upload:
        path = self._path(name)
        label = f"{self._described}: {shown(name)}"

        def start(session: Session) -> Upload:
            modes = self._within(session)
            folder = publish.parent(path)
            try:
                publish.make_folders(session, self._root, folder, modes.folder)
                upload = SshUpload(self._checked, self._lanes, self._root, path, modes.file, label)
            except OSError:
                publish.prune_folders(session, self._root, folder)
                raise
            self._uploads.add(upload)
            return upload

        return self._persist(name, start)

    def get(self, name: str, offset: int = 0, length: int | None = None) -> bytes:
        check_range(offset, length, self._described)
        path = self._path(name)
        return self._found("read", name, lambda session: read_object(self._lanes.next(session), path, offset, length))

    def list(self, prefix: str = "") -> Sequence[ObjectInfo]:
        folder = self._path(check_prefix(prefix)[:-1]) if prefix else self._root

        def work(session: Session) -> Sequence[ObjectInfo]:
            self._check_container(session)
            found = sorted(self._objects(session, folder, prefix), key=lambda item: item.name)
            self._check_container(session)  # an unmounted one looks as if everything had vanished
            return found

        return self._attempt(f"list {shown(prefix)}" if prefix else "list the objects", work)

    def stat(self, name: str) -> ObjectInfo:
        path = self._path(name)

        def work(session: Session) -> ObjectInfo:
            found = session.lstat(path)
            if not found.is_file:
                raise FileNotFoundError(path)
            return _info(name, found)

        return self._found("look at", name, work)

    def delete(self, name: str) -> None:
        path = self._path(name)

        def work(session: Session) -> None:
            try:
                session.remove(path)
            except OSError as error:
                if not isinstance(error, FileNotFoundError) and not session.is_folder(path):  # which is no object
                    raise
                self._check_container(session)
            else:
                kept = publish.prune_folders(session, self._root, publish.parent(path))
                with suppress(FileNotFoundError):
                    publish.sync_folder(session, kept)

        self._attempt(f"delete {shown(name)}", work)

    @contextmanager
    def hold(self, name: str, *, shared: bool = False) -> Iterator[None]:
        self._path(name)
        self._attempt(f"hold {shown(name)}", self._check_container)
        try:
            lease = self._leases.hold(name, f"{self._described}: {shown(name)}", shared=shared)
            lease.__enter__()
        except OSError as error:
            raise storage_error(error, f"{self._described}: cannot hold {shown(name)}") from error
        try:
            yield
        finally:
            lease.__exit__(None, None, None)

    def sweep(self, older_than: float, *, dry_run: bool = False) -> Sequence[str]:
        def work(session: Session) -> Sequence[str]:
            self._check_container(session)
            markers = {self._root + b"/" + each for each in self._leases.markers}
            spared = {upload.temp for upload in self._uploads} | markers
            plan = plan_sweep(everything(session, self._root), self._root, older_than, spared)
            return sorted(each.shown(self._root) for each in plan if dry_run or carry_out(session, each))

        return self._attempt("sweep the container", work)

    def close(self) -> None:
        self._lanes.close()
        with self._connecting:
            session, self._session = self._session, None
        if session is not None:
            session.close()

    def _connected(self) -> Session:
        """The connection, a new one if there is none or the last one died."""
        with self._connecting:
            dead = self._session
            if dead is not None and dead.alive:
                return dead
            if dead is not None:
                dead.close()
            self._session = connect(self._server, self._environment, known=dead is not None)
            return self._session

    def _checked(self) -> Session:
        """The connection, if what we hold is still ours."""
        self._leases.check()
        return self._connected()

    def _attempt(self, verb: str, work: Callable[[Session], T], *, writes: bool = False) -> T:
        session = self._connected()
        try:
            return work(session)
        except OSError as error:
            attempt = f"{self._described}: cannot {verb}"
            raise (
                writing_error(error, attempt, session, self._root) if writes else storage_error(error, attempt)
            ) from error

    def _found(self, verb: str, name: str, work: Callable[[Session], T]) -> T:
        """A missing file is a missing object, unless the container itself is missing."""

        def look(session: Session) -> T:
            try:
                return work(session)
            except FileNotFoundError:
                self._check_container(session)
                raise ObjectNotFound(f"{self._described} has no object {shown(name)}") from None

        return self._attempt(f"{verb} {shown(name)}", look)

    def _persist(self, name: str, work: Callable[[Session], T]) -> T:
        """``work`` until nobody makes or removes a folder of ``name`` under its hands."""

        def again(session: Session) -> T:
            for _ in range(_ATTEMPTS):
                try:
                    return work(session)
                except FileNotFoundError:
                    self._check_container(session)
                except FileExistsError:
                    pass
            raise TransientError(f"{self._described}: the folders of {shown(name)} come and go")

        self._leases.check()
        return self._attempt(f"store {shown(name)}", again, writes=True)

    def _place(self, session: Session, path: bytes, data: Buffer, *, new: bool) -> bool:
        """Put ``data`` at ``path``; whether ``new`` forbade it because something is there."""
        modes = self._within(session)
        folder = publish.parent(path)
        temp = temp_path(folder)
        try:
            publish.write_file(session, temp, data, modes.file)
        except FileNotFoundError:
            top = topmost_missing(session.is_folder, self._root, folder)
            if top is None:
                raise
            if publish.plant(session, self._root, top, path, data, modes):
                return False
            publish.make_folders(session, self._root, folder, modes.folder)  # data/ is on another disk
            publish.write_file(session, temp, data, modes.file)
        try:
            if new:
                return not publish.publish_new(session, temp, path)
            publish.replace(session, temp, path)
        except BaseException:
            session.discard(temp)
            raise
        return False

    def _objects(self, session: Session, folder: bytes, prefix: str) -> Iterator[ObjectInfo]:
        def skip(path: bytes) -> bool:
            return is_hidden(path, self._root)

        for path, attributes in Walk(session, folder, skip).entries():
            if attributes.is_file and not skip(path):
                yield _info(prefix + decode(path[len(folder) + 1 :]), attributes)

    def _path(self, name: str) -> bytes:
        """Where the object ``name`` is, if it may be called that."""
        return self._root + b"/" + encode(name, "ssh")

    def _within(self, session: Session) -> publish.Modes:
        if self._modes is None:
            self._modes = publish.Modes.within(session.stat(self._root).mode or 0)
        return self._modes

    def _container_exists(self, session: Session) -> bool:
        try:
            found = session.stat(self._root)
        except FileNotFoundError:
            return False
        if not found.is_folder:
            raise PermanentError(f"{self._described} is not a directory", hint="--container has to name one")
        return True

    def _check_container(self, session: Session) -> None:
        if not self._container_exists(session):
            raise PermanentError(
                f"{self._described} does not exist", hint="check --container, and whether it is mounted on the server"
            )


def _make_container(session: Session, root: bytes) -> None:
    """Create ``root``, closed to everybody else, and its missing parents as any directory."""
    parent = publish.parent(root)
    publish.make_folders(session, b"", parent, 0o777)
    try:
        session.mkdir(root, 0o700)
    except OSError:
        if not session.is_folder(root):
            raise
    publish.sync_folder(session, parent or b".")


def _info(name: str, found: Attributes) -> ObjectInfo:
    if found.size is None:
        raise StorageError(f"the server does not tell the size of {shown(name)}")
    return ObjectInfo(name, found.size, float(found.modified or 0))
