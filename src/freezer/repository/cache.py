"""Copies of immutable objects on this machine: never trusted, always dispensable."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from typing import TypeVar

from freezer.errors import DataError
from freezer.progress import Notice
from freezer.repository.documents import Document
from freezer.repository.names import Kind
from freezer.repository.store import Read, Repository
from freezer.storage.contract import check_name

T = TypeVar("T", bound=Document)

_TAG = "CACHEDIR.TAG"
_TAGGED = b"Signature: 8a477f597d28d172789f06886806bc55\n# Copies of objects of a Freezer repository\n"
_TEMPORARY = ".new-"
_ROOM = 8  # an eighth of the cache is freed at once


class Cache:
    """Objects by name (without ``freezer-dedup/``) below ``directory``, about ``most`` bytes of them: those used
    longest ago go first.

    What cannot be read is not there. The first time that something cannot be written is a notice, and the last time
    that it is tried. Several processes may use one directory.
    """

    def __init__(self, directory: str, notice: Notice, *, most: int = 1 << 30) -> None:
        self._directory = os.path.abspath(directory)
        self._notice = notice
        self._most = most
        self._left: int | None = None  # bytes that may be written before somebody looks how much there is
        self._broken = False

    @classmethod
    def of(cls, repository: Repository, notice: Notice, environment: Mapping[str, str] = os.environ) -> Cache:
        """The cache that this user has for ``repository``: below ``$XDG_CACHE_HOME/freezer/``."""
        return cls(user_directory("XDG_CACHE_HOME", ".cache", repository, environment), notice)

    def get(self, name: str) -> bytes | None:
        """The copy of an object; whoever uses it authenticates it."""
        path = self._path(name)
        try:
            with open(path, "rb") as file:
                data = file.read()
            os.utime(path)
        except OSError:
            return None
        return data

    def put(self, name: str, data: bytes) -> None:
        """Keep a copy of an object that was authenticated."""
        if self._broken or len(data) > self._most // _ROOM:
            return
        try:
            self._make_room(len(data))
            path = self._path(name)
            self._write(path, data)
        except OSError as error:
            self._broken = True
            self._notice(f"the cache {self._directory} cannot be used: {error.strerror}")

    def forget(self, name: str) -> None:
        """Remove a copy."""
        with suppress(OSError):
            os.unlink(self._path(name))

    def keep(self, folder: str, names: Collection[str]) -> None:
        """Remove the copies in ``folder`` (``…/``) of objects that are not among ``names``: they are gone from the
        repository."""
        with suppress(OSError):
            for file in os.listdir(os.path.join(self._directory, folder)):
                if f"{folder}{file}" not in names and not file.startswith(_TEMPORARY):
                    self.forget(f"{folder}{file}")

    def _path(self, name: str) -> str:
        return os.path.join(self._directory, check_name(name))

    def _write(self, path: str, data: bytes) -> None:
        """Whole or not at all, as far as other processes see; what a power cut leaves is not authentic and read
        again."""
        folder, file = os.path.split(path)
        temporary = os.path.join(folder, f"{_TEMPORARY}{os.getpid()}-{file}")
        try:
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        except FileNotFoundError:
            self._make_folder(folder)
            descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | getattr(os, "O_BINARY", 0), 0o600)
        try:
            with open(descriptor, "wb") as stream:
                stream.write(data)
            os.replace(temporary, path)
        except BaseException:
            with suppress(OSError):
                os.unlink(temporary)
            raise

    def _make_folder(self, folder: str) -> None:
        os.makedirs(os.path.dirname(self._directory), exist_ok=True)
        missing = [folder]
        while missing[-1] != self._directory:
            missing.append(os.path.dirname(missing[-1]))
        for each in reversed(missing):
            with suppress(FileExistsError):
                os.mkdir(each, 0o700)
        tag = os.path.join(self._directory, _TAG)
        if not os.path.exists(tag):
            with open(tag, "wb") as stream:
                stream.write(_TAGGED)

    def _make_room(self, size: int) -> None:
        """Remove the oldest copies if there is too much; the whole cache is looked at once for every eighth of it that
        is written."""
        if self._left is not None and size <= self._left:
            self._left -= size
            return
        files = sorted(self._files())
        total = sum(length for _, length, _ in files)
        for _, length, path in files:
            if total + size <= self._most - self._most // _ROOM:
                break
            with suppress(FileNotFoundError):
                os.unlink(path)
            total -= length
        self._left = self._most - total - size if total + size <= self._most else 0

    def _files(self) -> Iterator[tuple[float, int, str]]:
        """Time of last use, size and path of every copy, and of what died writers left."""
        for folder, _, names in os.walk(self._directory):
            for name in names:
                path = os.path.join(folder, name)
                with suppress(FileNotFoundError):
                    status = os.stat(path)
                    if name != _TAG:
                        yield status.st_mtime, status.st_size, path


def read(repository: Repository, cache: Cache | None, kind: Kind, name: str, type: type[T]) -> Read[T]:
    """As :meth:`Repository.get`, of an object that never changes: from the cache if a good copy is there. It is
    authenticated in any case; that it still exists in the repository is not said."""
    if cache is None:
        return repository.get(kind, name, type)
    raw = cache.get(name)
    if raw is not None:
        with suppress(DataError):
            return repository.open_object(kind, name, raw, type)
        cache.forget(name)
    found = repository.get(kind, name, type)
    cache.put(name, found.raw)
    return found


def user_directory(variable: str, fallback: str, repository: Repository, environment: Mapping[str, str]) -> str:
    """Where this user's files about ``repository`` are, after the XDG base directory specification: below the directory
    that ``variable`` names, which counts if it is absolute, or else below ``fallback`` in the home directory."""
    base = environment.get(variable, "")
    if not os.path.isabs(base):
        home = environment.get("HOME", "")
        base = os.path.join(home if os.path.isabs(home) else os.path.expanduser("~"), fallback)
    return os.path.join(base, "freezer", repository.config.repository)
