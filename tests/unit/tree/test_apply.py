"""Attributes of every kind come back, on a disk's file system and on tmpfs."""

from __future__ import annotations

import os
import stat
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from restoring import MTIME, attributes, reasons, sandbox

from freezer.tree.acl import acl_from_text
from freezer.tree.apply import Metadata
from freezer.tree.attributes import Attributes
from freezer.tree.directories import Directory
from freezer.tree.sandbox import Outcome, Sandbox
from freezer.tree.xattrs import ACCESS_ACL, CAPABILITY, DEFAULT_ACL, named, read_xattrs

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

ACL = acl_from_text("user::rw-,user:1000:r--,group::r--,mask::r--,other::---")
DIRECTORY_ACL = acl_from_text("user::rwx,group:1234:r-x,group::r-x,mask::r-x,other::---")
# vfs_cap_data version 2 (linux/capability.h): effective, permitted CAP_NET_BIND_SERVICE.
NET_BIND = struct.pack("<IIIII", 0x02000001, 1 << 10, 0, 0, 0)

Kind = Callable[[Sandbox, bytes, Attributes], Outcome | None]


def as_file(box: Sandbox, path: bytes, wanted: Attributes) -> Outcome:
    return box.write_file(path, wanted, 4, [(0, b"text")])


def as_directory(box: Sandbox, path: bytes, wanted: Attributes) -> None:
    box.make_directory(path)
    box.directory_attributes(path, wanted)


def as_link(box: Sandbox, path: bytes, wanted: Attributes) -> Outcome:
    return box.symlink(path, b"anywhere", wanted)


def as_fifo(box: Sandbox, path: bytes, wanted: Attributes) -> Outcome:
    return box.fifo(path, wanted)


def as_device(box: Sandbox, path: bytes, wanted: Attributes) -> Outcome:
    return box.device(path, wanted, False, 1, 3)


KINDS = [
    as_file,
    as_directory,
    as_link,
    as_fifo,
    pytest.param(as_device, marks=as_root),
]
MODES = [0o644, 0o000, 0o400, 0o4755, 0o2755, 0o6711, 0o1777, 0o7777]


def restored(place: Path, kind: Kind, wanted: Attributes, *, existing: bool = False, **options: bool) -> os.stat_result:
    """What became of one item in a directory of this run, or in one that existed; nothing failed."""
    target = place / "target"
    if existing:
        target.mkdir(mode=0o755)
    with sandbox(target, **options) as box:
        kind(box, b"item", wanted)
        box.finish()
        assert box.failures == []
    return os.lstat(target / "item")


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", KINDS)
def test_modes_come_back(tmp_path: Path, kind: Kind, mode: int, existing: bool) -> None:
    status = restored(tmp_path, kind, attributes(mode), existing=existing)
    assert stat.S_IMODE(status.st_mode) == (0o777 if kind is as_link else mode)


@pytest.mark.parametrize("mtime_ns", [MTIME, 0, 1, -1, -1_000_000_001, -(10**18), 4_000_000_000 * 10**9 + 7])
@pytest.mark.parametrize("kind", KINDS)
def test_times_come_back_to_the_nanosecond(place: Path, kind: Kind, mtime_ns: int) -> None:
    status = restored(place, kind, attributes(0o600, mtime_ns=mtime_ns, atime_ns=mtime_ns + 11))
    assert (status.st_mtime_ns, status.st_atime_ns) == (mtime_ns, mtime_ns + 11)


@as_root
@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize(("uid", "gid"), [(0, 0), (1000, 1001), (2**31, 2**31 + 5), (2**32 - 2, 2**32 - 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_owners_come_back_and_keep_their_bits(place: Path, kind: Kind, uid: int, gid: int, existing: bool) -> None:
    status = restored(place, kind, attributes(0o6755, uid=uid, gid=gid), existing=existing)
    assert (status.st_uid, status.st_gid) == (uid, gid)
    if kind is not as_link:
        assert stat.S_IMODE(status.st_mode) == 0o6755


@as_root
def test_owners_go_by_name_where_it_is_known(tmp_path: Path) -> None:
    named_owner = attributes(uid=12345, gid=12346, uname="root", gname="no such group")
    assert restored(tmp_path / "1", as_file, named_owner).st_uid == 0
    assert restored(tmp_path / "1b", as_file, named_owner).st_gid == 12346
    assert restored(tmp_path / "2", as_file, named_owner, numeric_owner=True).st_uid == 12345


@as_root
@pytest.mark.parametrize("uid", [2**32 - 1, -1, 2**32, 2**70])
@pytest.mark.parametrize("kind", [as_file, as_directory, as_link])
def test_an_impossible_owner_is_reported_and_lends_no_rights(tmp_path: Path, kind: Kind, uid: int) -> None:
    with sandbox(tmp_path / "t") as box:
        kind(box, b"item", attributes(0o4755, uid=uid))
        box.finish()
        assert "owner" in reasons(box)["item"] or "setuid" in reasons(box)["item"]
    if kind is as_file:
        assert stat.S_IMODE((tmp_path / "t/item").stat().st_mode) == 0o755


@pytest.mark.parametrize("mtime_ns", [2**100, -(2**100)])
@pytest.mark.parametrize("kind", [as_file, as_directory, as_link])
def test_an_impossible_time_is_reported(tmp_path: Path, kind: Kind, mtime_ns: int) -> None:
    with sandbox(tmp_path / "t") as box:
        kind(box, b"item", attributes(0o755, mtime_ns=mtime_ns))
        box.finish()
        assert reasons(box)["item"].startswith("times not set: ")
    assert os.path.lexists(tmp_path / "t/item")


@pytest.mark.parametrize("kind", [as_file, as_directory, as_link])
def test_a_time_before_the_file_system_began_is_kept_or_reported(place: Path, kind: Kind) -> None:
    mtime_ns = -3 * 10**18
    with sandbox(place / "t") as box:
        kind(box, b"item", attributes(0o755, mtime_ns=mtime_ns))
        box.finish()
        is_kept = os.lstat(place / "t/item").st_mtime_ns == mtime_ns
        assert reasons(box) == ({} if is_kept else {"item": "times not set: the file system cannot hold them"})


def test_without_a_recorded_access_time_a_new_file_has_that_of_the_restore(place: Path) -> None:
    class Noon:
        def now(self) -> float:
            return 1_800_000_000.5

        def monotonic(self) -> float:
            raise AssertionError

        def sleep(self, seconds: float) -> None:
            raise AssertionError

    with sandbox(place / "t", clock=Noon()) as box:
        as_file(box, b"file", attributes())
        as_link(box, b"link", attributes())
        assert os.lstat(place / "t/file").st_atime_ns == 1_800_000_000_500_000_000
        assert os.lstat(place / "t/link").st_atime_ns == 1_800_000_000_500_000_000


@pytest.mark.parametrize("existing", [False, True])
@pytest.mark.parametrize("kind", [as_file, as_directory])
def test_user_attributes_come_back(place: Path, kind: Kind, existing: bool) -> None:
    wanted = {b"user.\xff": b"\0value", b"user.empty": b""}
    restored(place, kind, attributes(0o444, xattrs=wanted), existing=existing)
    assert read_xattrs(os.fsencode(place / "target/item")) == wanted


@as_root
@pytest.mark.parametrize("kind", KINDS)
def test_trusted_attributes_come_back_on_everything(place: Path, kind: Kind) -> None:
    restored(place, kind, attributes(xattrs={b"trusted.x": b"1"}))
    fd = os.open(place / "target", os.O_RDONLY)
    assert read_xattrs(named(fd, b"item")) == {b"trusted.x": b"1"}
    os.close(fd)


@as_root
def test_capabilities_come_back_although_the_owner_changes(place: Path) -> None:
    restored(place, as_file, attributes(0o755, uid=1000, gid=1000, xattrs={CAPABILITY: NET_BIND}))
    assert read_xattrs(os.fsencode(place / "target/item")) == {CAPABILITY: NET_BIND}


@pytest.mark.parametrize("existing", [False, True])
def test_acls_of_files_come_back(place: Path, existing: bool) -> None:
    status = restored(place, as_file, attributes(0o640, xattrs={ACCESS_ACL: ACL}), existing=existing)
    assert read_xattrs(os.fsencode(place / "target/item")) == {ACCESS_ACL: ACL}
    assert stat.S_IMODE(status.st_mode) == 0o640


def test_acls_of_directories_come_back_and_their_files_inherit_nothing(place: Path) -> None:
    wanted = {ACCESS_ACL: DIRECTORY_ACL, DEFAULT_ACL: DIRECTORY_ACL}
    with sandbox(place / "t") as box:
        as_directory(box, b"dir", attributes(0o750, xattrs=wanted))
        as_file(box, b"dir/file", attributes(0o640))
        as_directory(box, b"dir/below", attributes(0o750))
        box.finish()
        assert box.failures == []
    assert read_xattrs(os.fsencode(place / "t/dir")) == wanted
    assert read_xattrs(os.fsencode(place / "t/dir/file")) == {}
    assert read_xattrs(os.fsencode(place / "t/dir/below")) == {}


@pytest.mark.parametrize("kind", [as_file, as_directory, as_fifo])
def test_nothing_inherits_the_acl_of_a_directory_that_existed(place: Path, kind: Kind) -> None:
    target = place / "target"
    target.mkdir()
    os.setxattr(target, os.fsdecode(DEFAULT_ACL), DIRECTORY_ACL)
    with sandbox(target) as box:
        kind(box, b"item", attributes(0o751))
        as_directory(box, b"dir", attributes(0o755))
        as_file(box, b"dir/below", attributes(0o640))
        box.finish()
        assert box.failures == []
    assert read_xattrs(os.fsencode(target / "item")) == {}
    assert stat.S_IMODE(os.lstat(target / "item").st_mode) == 0o751
    assert read_xattrs(os.fsencode(target / "dir")) == {}
    assert read_xattrs(os.fsencode(target / "dir/below")) == {}


@as_root
@pytest.mark.parametrize(("block", "major", "minor"), [(False, 1, 3), (True, 8, 1), (False, 511, 2**20 - 1)])
def test_devices_come_back(place: Path, block: bool, major: int, minor: int) -> None:
    with sandbox(place / "t") as box:
        assert box.device(b"device", attributes(0o640), block, major, minor) is Outcome.WRITTEN
    status = os.lstat(place / "t/device")
    assert stat.S_ISBLK(status.st_mode) is block
    assert (os.major(status.st_rdev), os.minor(status.st_rdev)) == (major, minor)


def test_devices_are_made_only_when_asked_for(tmp_path: Path) -> None:
    with sandbox(tmp_path / "t", devices=False) as box:
        assert box.device(b"device", attributes(), True, 8, 0) is Outcome.FAILED
        assert box.fifo(b"fifo", attributes()) is Outcome.WRITTEN
        assert list(reasons(box)) == ["device"]
    assert os.listdir(tmp_path / "t") == ["fifo"]


@as_root
@pytest.mark.parametrize(("major", "minor"), [(-1, 0), (2**40, 1), (1, 2**40)])
def test_impossible_devices_are_reported(tmp_path: Path, major: int, minor: int) -> None:
    with sandbox(tmp_path / "t") as box:
        assert box.device(b"device", attributes(), True, major, minor) is Outcome.FAILED
        assert list(reasons(box)) == ["device"]
    assert os.listdir(tmp_path / "t") == []


@pytest.mark.parametrize("kind", [stat.S_IFLNK, stat.S_IFIFO])
@pytest.mark.parametrize("intruder", ["link", "other name", "file", "foreign"])
def test_what_took_the_place_of_a_new_node_is_left_alone(place: Path, kind: int, intruder: str) -> None:
    victim = place / "victim"
    if intruder == "file" or kind == stat.S_IFLNK:
        victim.symlink_to("x") if intruder != "file" else victim.touch()
    else:
        os.mkfifo(victim, 0o600)
    if intruder == "link":
        if kind == stat.S_IFLNK:
            pytest.skip("a link in the place of a link is only a link")
        (place / "node").symlink_to("victim")
    elif intruder == "other name":
        os.link(victim, place / "node", follow_symlinks=False)
    else:
        if intruder == "foreign":
            if os.geteuid() != 0:
                pytest.skip("needs root")
            os.lchown(victim, 1000, 1000)
        victim.rename(place / "node")
        victim = place / "node"
    before = os.lstat(victim)
    metadata = Metadata(same_owner=True, numeric_owner=True, now_ns=0)
    fd = os.open(place, os.O_RDONLY)
    with pytest.raises(OSError, match="took its place"):
        metadata.to_node(Directory(fd, 0, False, False), b"node", attributes(0o777, uid=7, gid=7), kind)
    os.close(fd)
    assert os.lstat(victim) == before


@as_root
def test_root_without_same_owner_makes_nothing_that_lends_its_rights(place: Path) -> None:
    with sandbox(place / "t", same_owner=False) as box:
        as_file(box, b"theirs", attributes(0o6755, uid=1000, gid=1000, xattrs={CAPABILITY: NET_BIND, b"user.x": b"1"}))
        as_file(box, b"ours", attributes(0o4755, uid=0, gid=0))
        assert reasons(box) == {"theirs": "setuid, setgid and capabilities left out: the owner is another"}
    status = os.lstat(place / "t/theirs")
    assert (status.st_uid, stat.S_IMODE(status.st_mode)) == (0, 0o755)
    assert read_xattrs(os.fsencode(place / "t/theirs")) == {b"user.x": b"1"}
    assert stat.S_IMODE(os.lstat(place / "t/ours").st_mode) == 0o4755


def test_an_ordinary_user_restores_what_he_may_and_reads_about_the_rest(unprivileged: Path) -> None:
    with sandbox(unprivileged / "t") as box:
        for kind in (as_file, as_directory, as_link, as_fifo):
            kind(box, kind.__name__.encode(), attributes(0o755, uid=0, gid=0))
        as_file(box, b"mine", attributes(0o6755))
        as_file(box, b"roots", attributes(0o4755, uid=0, gid=0))
        box.hard_link(b"again", b"mine")
        as_device(box, b"device", attributes())
        box.finish()
        assert set(reasons(box)) == {"roots", "device"}
    found = {name: os.lstat(unprivileged / "t" / name) for name in os.listdir(unprivileged / "t")}
    assert {status.st_uid for status in found.values()} == {65534}
    assert stat.S_IMODE(found["mine"].st_mode) == 0o6755
    assert stat.S_IMODE(found["roots"].st_mode) == 0o755
    assert found["again"].st_ino == found["mine"].st_ino
    assert {status.st_mtime_ns for name, status in found.items()} == {MTIME}


def test_owners_that_an_ordinary_user_asks_for_are_reported(unprivileged: Path) -> None:
    with sandbox(unprivileged / "t", same_owner=True) as box:
        as_file(box, b"file", attributes(0o4755, uid=0, gid=0))
        as_file(box, b"mine", attributes(0o4755))
        assert [failure.path for failure in box.failures] == ["file", "file"]
        assert reasons(box)["file"] == "setuid, setgid and capabilities left out: the owner is another"
    assert stat.S_IMODE(os.lstat(unprivileged / "t/file").st_mode) == 0o755
    assert stat.S_IMODE(os.lstat(unprivileged / "t/mine").st_mode) == 0o4755
