"""The restore sandbox: the only writer during a restore.

Everything happens beneath one directory, through descriptors, and no symbolic link is ever followed, even one that
somebody swaps in meanwhile. Nothing half-written has a final path, even when the process is killed: files are created
in a new directory that has a temporary name itself (mode 0700 until the end), elsewhere under ``.freezer-tmp-…`` and
renamed when they are whole. Existing files are never opened for writing (other hard links to them, running programs).
Nothing that this run did not write is deleted or replaced but by :meth:`Sandbox.remove` and as the :class:`Policy`
says.
"""

from __future__ import annotations

import enum
import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType

from freezer.clock import Clock, SystemClock
from freezer.errors import TargetError
from freezer.model.failures import Failures
from freezer.model.items import ItemFailure, printable
from freezer.spill.table import Table
from freezer.tree.apply import Metadata
from freezer.tree.attributes import Attributes, packed, unpacked
from freezer.tree.directories import Directories, Directory, path_fault, temporary_name
from freezer.tree.policy import Policy, Wanted, replaces
from freezer.tree.removal import remove_tree
from freezer.tree.system import (
    HAS_DIRECTORY_DESCRIPTORS,
    O_CLOEXEC,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NONBLOCK,
    O_PATH,
    descriptor_path,
    device_number,
    geteuid,
    has_descriptor_paths,
    let_go,
    mkfifo,
    mknod,
)
from freezer.tree.write import Content, Created, PlainFiles, create_file, create_node, discard, entry_status


class Outcome(enum.Enum):
    """What became of one item."""

    WRITTEN = "written"
    SKIPPED = "skipped"
    """What exists was kept, as the policy says."""
    EQUAL = "equal"
    """What exists was kept, and is what would have been restored."""
    FAILED = "failed"


_LARGEST = 2**63 - 1
# These say something about the whole target, not about one item.
_FATAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EIO})
_NO_NAMES = frozenset({b"", b".", b".."})
_IN_THE_WAY = frozenset({errno.ENOTDIR, errno.ELOOP})

_WORTH_STAGING = 3  # files, since one is renamed with less ado than a directory twice

_Create = Callable[[Directory, bytes], Created]


class Sandbox:
    """Restores into the directory ``target``, which is made if ``create`` and it does not exist.

    Paths are as in :mod:`freezer.tree`. A path that is unsafe, or an item that cannot be restored, is added to
    :attr:`failures` and never raises; an item that was restored but for some attributes is there too. What concerns
    the whole target (no space, read-only, I/O error) raises :class:`~freezer.errors.TargetError`. Not thread-safe.

    ``same_owner`` (by default for root only) puts owners back, by name where this system knows the name unless
    ``numeric_owner``; ``devices`` allows root to make device nodes.
    """

    def __init__(
        self,
        target: bytes | str,
        *,
        policy: Policy,
        devices: bool,
        same_owner: bool | None = None,
        numeric_owner: bool = False,
        create: bool = True,
        clock: Clock | None = None,
    ) -> None:
        self._target = os.fsencode(target)
        self._policy = policy
        self._devices = devices and geteuid() == 0
        self._metadata = Metadata(
            same_owner=geteuid() == 0 if same_owner is None else same_owner,
            numeric_owner=numeric_owner,
            now_ns=int((clock or SystemClock()).now() * 1e9),
        )
        self._has_paths = has_descriptor_paths()
        self._directories = _open_target(self._target, create=create)
        self._directories.report = self._fail
        self._attributes = Table()
        # Files of this run in directories that others can write, by device and inode.
        self._written = Table()
        self.failures = Failures()
        """What could not be restored, or not with all attributes, and why."""
        self.kept = Failures()
        """What exists and was kept although it differs from the backup or may differ, and why."""
        self.skipped = 0
        """How many items exist and were kept; those that equal the backup are not in :attr:`kept`."""

    def __enter__(self) -> Sandbox:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._directories.close()
        self._attributes.close()
        self._written.close()

    def make_directory(self, path: bytes) -> bool:
        """Make a directory and missing ones above it, all with mode 0700 until :meth:`finish`; whether it exists now.

        An existing directory is used as it is. Something else at exactly this path is replaced if the policy is
        ``ALWAYS`` or ``IF_CHANGED``.
        """
        if path and (fault := path_fault(path)):
            return self._fail(path, fault)
        try:
            try:
                self._make(path)
            except FileNotFoundError:
                for above in self._unknown_above(path):
                    self._directories.make(above)
                self._make(path)
        except OSError as error:
            return self._fail(path, error)
        return True

    def has_directory(self, path: bytes) -> bool:
        """Whether there may be a directory at this path, so that something in it may exist already."""
        try:
            self._directories.open(path)
        except OSError as error:
            return not isinstance(error, FileNotFoundError)
        return True

    def keep_file(
        self, path: bytes, attributes: Attributes, size: int, is_content: Callable[[int], bool] | None = None
    ) -> Outcome | None:
        """What :meth:`write_file` comes to if it keeps what exists, which counts as kept then; None if it does not.

        ``is_content`` looks at an open file that seems to be what would be restored, and says whether it is.
        """
        wanted = Wanted(stat.S_IFREG, attributes.mtime_ns, size)
        try:
            directory, name = self._locate(path)
            existing = entry_status(directory, name)
            if existing is None or stat.S_ISDIR(existing.st_mode):
                return None
            is_same = wanted.is_same(existing, directory, name)
            if is_same and is_content is not None:
                is_same = _examined(directory, name, is_content)
        except OSError:
            return None  # writing it will tell
        if replaces(self._policy, attributes.mtime_ns, existing, is_same=is_same):
            return None
        self._keep(path, existing, is_same=is_same)
        return Outcome.EQUAL if is_same else Outcome.SKIPPED

    def write_file(
        self, path: bytes, attributes: Attributes, size: int, content: Content, *, differs: bool = False
    ) -> Outcome:
        """Write a regular file of ``size`` bytes. ``differs``: what exists is not that file, though it may look so.

        ``content`` is not touched if the file is skipped or fails early, and may be consumed in part if writing
        fails: what is left of it is the caller's to skip. Its own errors pass through, with nothing left behind.
        """
        if not 0 <= size <= _LARGEST:
            return self._failed(path, f"impossible size {size}")
        parent, _, name = path.rpartition(b"/")
        staged = self._directories.staged_at(parent)
        if staged is not None and name not in _NO_NAMES and b"\0" not in name:
            try:
                if problems := create_file(staged, name, attributes, size, content, self._metadata)[0]:
                    self._note(path, problems)
            except FileExistsError:
                pass
            except OSError as error:
                return self._failed(path, error)
            else:
                return Outcome.WRITTEN

        def create(directory: Directory, name: bytes) -> Created:
            return create_file(directory, name, attributes, size, content, self._metadata)

        return self._put(path, Wanted(stat.S_IFREG, attributes.mtime_ns, size, differs=differs), create)

    def plain_files(self, directory: bytes, expected: int) -> PlainFiles | None:
        """A quicker way for about ``expected`` files of the directory at this path, if this run made it and nobody else
        can reach what is in it; good until anything else is restored."""
        staged = self._directories.staged_at(directory)
        try:
            if staged is None and expected >= _WORTH_STAGING:
                staged = self._directories.stage_again(directory)
            found = staged or self._directories.open(directory)
        except OSError:
            return None  # the long way tells what is wrong
        return PlainFiles(found, self._metadata, staged=staged is not None) if found.made else None

    def symlink(self, path: bytes, target: bytes, attributes: Attributes) -> Outcome:
        """Make a symbolic link; ``target`` may be anything and is never looked at."""
        if not target or b"\0" in target:
            return self._failed(path, "a link to nothing" if not target else "the link's target contains a NUL byte")

        def make(directory: Directory, name: bytes) -> None:
            os.symlink(target, name, dir_fd=directory.fd)

        return self._put_node(path, Wanted(stat.S_IFLNK, attributes.mtime_ns, link=target), attributes, make)

    def fifo(self, path: bytes, attributes: Attributes) -> Outcome:
        """Make a named pipe."""

        def make(directory: Directory, name: bytes) -> None:
            mkfifo(name, 0o600, dir_fd=directory.fd)

        return self._put_node(path, Wanted(stat.S_IFIFO, attributes.mtime_ns), attributes, make)

    def device(self, path: bytes, attributes: Attributes, block: bool, major: int, minor: int) -> Outcome:
        """Make a device node, if devices were allowed and we are root."""
        if not self._devices:
            return self._failed(path, "device nodes are restored only by root and when asked for")
        kind = stat.S_IFBLK if block else stat.S_IFCHR
        try:
            number = device_number(major, minor)
        except OSError as error:
            return self._failed(path, error)

        def make(directory: Directory, name: bytes) -> None:
            mknod(name, kind | 0o600, number, dir_fd=directory.fd)

        return self._put_node(path, Wanted(kind, attributes.mtime_ns, device=number), attributes, make)

    def hard_link(self, path: bytes, existing: bytes) -> Outcome:
        """Make ``path`` another name of ``existing``, which this run has written or found unchanged."""
        try:
            directory, name = self._locate(existing)
            pin = os.open(name, (O_PATH or os.O_RDONLY) | O_NOFOLLOW | O_CLOEXEC, dir_fd=directory.fd)
        except OSError as error:
            return self._failed(path, f"cannot link to {printable(existing)}: {ItemFailure.of(existing, error).reason}")
        try:
            status = os.fstat(pin)
            if stat.S_ISDIR(status.st_mode) or not (directory.made or self._has_written(status)):
                return self._failed(path, f"cannot link to {printable(existing)}: this run did not restore it")

            def create(there: Directory, new_name: bytes) -> Created:
                self._link(pin, directory, name, there, new_name)
                return [], status

            identity = (status.st_dev, status.st_ino)
            return self._put(path, Wanted(stat.S_IFMT(status.st_mode), status.st_mtime_ns, identity=identity), create)
        finally:
            let_go(pin)

    def directory_attributes(self, path: bytes, attributes: Attributes) -> None:
        """Remember what :meth:`finish` shall give the directory at ``path`` (``b""``: the target itself)."""
        if self._directories.known(path) is None:
            try:
                self._directories.open(path)
            except OSError as error:
                self._fail(path, error)
                return
        self._attributes.put(path, packed(attributes))

    def children(self, path: bytes) -> list[bytes]:
        """The names in a directory; empty, and a failure, if it cannot be read."""
        try:
            return [os.fsencode(name) for name in os.listdir(self._directories.open(path).fd)]
        except OSError as error:
            self._fail(path, error)
            return []

    def remove(self, path: bytes) -> bool:
        """Remove what is at ``path``, with everything below it, whoever made it; whether nothing is there now."""
        try:
            directory, name = self._locate(path)
            status = entry_status(directory, name)
            if status is None:
                return True
            if stat.S_ISDIR(status.st_mode):
                return remove_tree(self._directories, path, self._fail)
            os.unlink(name, dir_fd=directory.fd)
        except OSError as error:
            return self._fail(path, error)
        return True

    def finish(self) -> None:
        """Give the directories their names and attributes, deepest first."""
        self._directories.settle()
        for path, kept in self._attributes.items(reverse=True):
            attributes = unpacked(kept)
            known = self._directories.known(path)
            if known is None:
                continue
            is_newer = attributes.mtime_ns > known.mtime_ns
            if not known.made and (self._policy is Policy.NEVER or (self._policy is Policy.IF_NEWER and not is_newer)):
                continue
            try:
                fd = self._directories.open(path).fd
                status = os.fstat(fd)
                if (status.st_dev, status.st_ino) != (known.device, known.inode):
                    raise OSError("attributes not set: another directory took its place while it was restored")
                problems = self._metadata.to_directory(fd, attributes)
            except OSError as error:
                self._fail(path, error)
            else:
                self._note(path, problems)
        self._attributes.close()

    def _unknown_above(self, path: bytes) -> list[bytes]:
        """The directories above ``path`` that this run has not seen, from the top; all of them if one that it has seen
        is gone."""
        above: list[bytes] = []
        while (path := path.rpartition(b"/")[0]) and (not above or self._directories.known(path) is None):
            above.append(path)
        return above[::-1]

    def _make(self, path: bytes) -> None:
        """Make one directory; what is in its way goes if the policy allows."""
        try:
            self._directories.make(path)
        except OSError as error:
            if error.errno not in _IN_THE_WAY:
                raise
            directory, name = self._locate(path)
            status = entry_status(directory, name)
            if status is None or stat.S_ISDIR(status.st_mode):
                raise
            if self._policy not in (Policy.ALWAYS, Policy.IF_CHANGED):
                raise OSError("something that is no directory exists and was kept") from None
            os.unlink(name, dir_fd=directory.fd)
            self._directories.make(path)

    def _locate(self, path: bytes) -> tuple[Directory, bytes]:
        """The open directory in which ``path`` is, and its name there."""
        parent, _, name = path.rpartition(b"/")
        if name in _NO_NAMES or b"\0" in name or path[:1] == b"/":
            raise OSError(path_fault(path) or "unsafe path: it has no name")
        return self._directories.open(parent), name

    def _locate_new(self, path: bytes) -> tuple[Directory, bytes]:
        """:meth:`_locate`, making directories that are missing."""
        try:
            return self._locate(path)
        except FileNotFoundError:
            if not self.make_directory(path.rpartition(b"/")[0]):
                raise
            return self._locate(path)

    def _put(self, path: bytes, wanted: Wanted, create: _Create) -> Outcome:
        """Create something at ``path``, or keep what is there, as the policy says."""
        try:
            directory, name = self._locate_new(path)
            if self._directories.is_staged(directory):
                try:
                    self._note(path, create(directory, name)[0])
                    return Outcome.WRITTEN
                except FileExistsError:
                    pass
            existing = entry_status(directory, name)
            if existing is not None:
                if stat.S_ISDIR(existing.st_mode):
                    return self._failed(path, "a directory is in the way")
                is_same = wanted.is_same(existing, directory, name)
                is_that_file = is_same and wanted.identity is not None
                if is_that_file or not replaces(self._policy, wanted.mtime_ns, existing, is_same=is_same):
                    self._keep(path, existing, is_same=is_same)
                    return Outcome.EQUAL if is_same else Outcome.SKIPPED
            self._note(path, self._replace(directory, name, create))
        except OSError as error:
            return self._failed(path, error)
        return Outcome.WRITTEN

    def _put_node(
        self, path: bytes, wanted: Wanted, attributes: Attributes, make: Callable[[Directory, bytes], None]
    ) -> Outcome:
        """:meth:`_put` for what cannot be opened."""

        def create(directory: Directory, name: bytes) -> Created:
            return create_node(
                directory,
                name,
                make=lambda: make(directory, name),
                finish=lambda: self._metadata.to_node(directory, name, attributes, wanted.kind),
            )

        return self._put(path, wanted, create)

    def _link(self, pin: int, directory: Directory, name: bytes, there: Directory, new_name: bytes) -> None:
        """Give the inode open as ``pin``, known as ``name``, a new name; never another inode."""
        if self._has_paths:
            os.link(descriptor_path(pin), new_name, dst_dir_fd=there.fd, follow_symlinks=True)
            return
        os.link(name, new_name, src_dir_fd=directory.fd, dst_dir_fd=there.fd, follow_symlinks=False)
        if not os.path.samestat(os.fstat(pin), os.stat(new_name, dir_fd=there.fd, follow_symlinks=False)):
            discard(there, new_name)
            raise OSError("something else took the place of the file it links to")

    def _replace(self, directory: Directory, name: bytes, create: _Create) -> list[str]:
        """Create under a temporary name and rename, replacing what has the name; nothing is left if that fails."""
        temporary = temporary_name()
        try:
            problems, status = create(directory, temporary)
            os.rename(temporary, name, src_dir_fd=directory.fd, dst_dir_fd=directory.fd)
        except BaseException:
            discard(directory, temporary)
            raise
        if status is not None:
            self._written.put(_identity(status), b"")
        return problems

    def _keep(self, path: bytes, existing: os.stat_result, *, is_same: bool) -> None:
        """Count what is kept, and list it unless it is what would have been restored."""
        self.skipped += 1
        if is_same:
            self._written.put(_identity(existing), b"")
        else:
            reason = "exists and is not older" if self._policy is Policy.IF_NEWER else "exists"
            self.kept.append(ItemFailure.of(path, reason))

    def _has_written(self, status: os.stat_result) -> bool:
        return self._written.get(_identity(status)) is not None

    def _note(self, path: bytes, problems: list[str]) -> None:
        """Add what could not be applied to the failures."""
        for problem in problems:
            self.failures.append(ItemFailure.of(path, problem))

    def _failed(self, path: bytes, error: OSError | str) -> Outcome:
        self._fail(path, error)
        return Outcome.FAILED

    def _fail(self, path: bytes, error: OSError | str) -> bool:
        """Add a failure, or raise if it is the whole target's; returns False."""
        if isinstance(error, OSError) and error.errno in _FATAL:
            known = self._directories.known(path.rpartition(b"/")[0])
            if known is None or known.device == self._directories.root.device:
                hint = None
                if error.errno in (errno.ENOSPC, errno.EDQUOT):
                    hint = "free some space there and restore again with the overwrite policy if-changed"
                reason = ItemFailure.of(path, error).reason
                raise TargetError(
                    f"cannot restore {printable(path) or '.'} to {printable(self._target)}: {reason}", hint=hint
                ) from error
        self.failures.append(ItemFailure.of(path, error))
        return False


def _examined(directory: Directory, name: bytes, is_content: Callable[[int], bool]) -> bool:
    """Whether ``is_content`` says so of the file; OSError if it cannot be read."""
    fd = os.open(name, os.O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC, dir_fd=directory.fd)
    try:
        return is_content(fd)
    finally:
        let_go(fd)


def _identity(status: os.stat_result) -> bytes:
    return b"%d %d" % (status.st_dev, status.st_ino)


def _open_target(target: bytes, *, create: bool) -> Directories:
    """The target's descriptor; the user named it, so links in its own path are followed."""
    if not HAS_DIRECTORY_DESCRIPTORS:
        raise TargetError("this system cannot open files relative to a directory, so files cannot be restored safely")
    made = False
    try:
        if create:
            with suppress(FileExistsError):
                os.makedirs(target, 0o700)
                made = True
        root_fd = os.open(target, os.O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        try:
            return Directories(root_fd, made=made)
        except BaseException:
            let_go(root_fd)
            raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise TargetError(f"cannot restore to {printable(target)}: {reason}") from error
