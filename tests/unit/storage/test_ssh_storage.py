"""The ssh storage against OpenSSH's server: what it leaves on the server, what it says, and lost connections."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.errors import (
    BusyError,
    ObjectExists,
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageFull,
    TransientError,
    UsageError,
)
from freezer.secret import Secret
from freezer.storage.local import LocalStorage
from freezer.storage.retry import RetryingStorage, RetryPolicy
from freezer.storage.ssh import Server, SshStorage
from freezer.storage.ssh.session import Session
from servers.sshd import Sshd, running_sshd, shared_sshd

CLOCK = SystemClock()
QUICK = RetryPolicy(first_delay=0.01)
MIB = 1 << 20
Connect = Callable[..., SshStorage]


@pytest.fixture
def connect(tmp_path: Path) -> Iterator[Connect]:
    """Opens the storage of ``container`` on a server."""
    opened = []

    def make(sshd: Sshd | None = None, container: str | None = None, **changed: object) -> SshStorage:
        sshd = sshd or shared_sshd()
        root = container or str(tmp_path / "container")
        storage = SshStorage(sshd.server(**changed), root, clock=CLOCK, environment=sshd.environment())
        opened.append(storage)
        return storage

    yield make
    for storage in opened:
        storage.close()


@pytest.fixture
def storage(connect: Connect) -> SshStorage:
    storage = connect()
    storage.prepare()
    return storage


def test_the_local_storage_sees_the_same_objects_on_the_server(storage, tmp_path):
    storage.put("metadata/tar/h_n/1/0_1/metadata", b"{}")
    local = LocalStorage(str(tmp_path / "container"), clock=CLOCK)
    local.put("data/tar/h_n/1/0_1/data", b"stream")
    assert [(item.name, item.size) for item in storage.list()] == [(item.name, item.size) for item in local.list()]
    assert storage.get("data/tar/h_n/1/0_1/data") == b"stream"
    assert local.get("metadata/tar/h_n/1/0_1/metadata") == b"{}"


def test_what_is_made_is_closed_to_others_and_to_the_group_unless_the_container_admits_it(storage, connect, tmp_path):
    storage.put("a/b", b"x")
    container = tmp_path / "container"
    assert [stat.S_IMODE(path.stat().st_mode) for path in (container, container / "a", container / "a/b")] == [
        *(0o700, 0o700, 0o600)
    ]
    container.chmod(0o770)
    connect().put("c/d", b"x")
    assert stat.S_IMODE((container / "c").stat().st_mode) & 0o007 == 0
    assert stat.S_IMODE((container / "c/d").stat().st_mode) & 0o117 == 0


def test_relative_containers_and_a_tilde_are_below_the_login_directory(connect, tmp_path):
    with running_sshd(tmp_path / "sshd", f"ForceCommand internal-sftp -d {tmp_path}") as sshd:
        for name in ("relative/place", "~/other"):
            storage = connect(sshd, name)
            storage.prepare()
            storage.put("object", b"x")
            storage.close()
    assert (tmp_path / "relative/place/object").read_bytes() == b"x"
    assert (tmp_path / "other/object").read_bytes() == b"x"


def test_a_missing_container_is_told_apart_from_a_missing_object_and_is_not_an_empty_one(connect, tmp_path):
    storage = connect()
    assert not storage.exists()
    for call in (storage.list, lambda: storage.get("x"), lambda: storage.put("x", b""), lambda: storage.delete("x")):
        with pytest.raises(PermanentError, match="does not exist"):
            call()
    (tmp_path / "container").write_text("a file")
    with pytest.raises(PermanentError, match="is not a directory"):
        storage.exists()


def test_links_are_no_objects_and_folders_that_are_links_are_followed(storage, tmp_path):
    container = tmp_path / "container"
    (tmp_path / "elsewhere").mkdir()
    (container / "data").symlink_to(tmp_path / "elsewhere")
    (container / "link").symlink_to(tmp_path / "elsewhere" / "object")
    storage.put("data/object", b"x")
    assert (tmp_path / "elsewhere" / "object").read_bytes() == b"x"
    assert [item.name for item in storage.list()] == ["data/object"]
    with pytest.raises(ObjectNotFound):
        storage.get("link")
    with pytest.raises(ObjectNotFound):
        storage.stat("link")


def test_a_folder_that_cannot_be_read_is_an_error_and_not_an_empty_one(connect, tmp_path):
    (tmp_path / "container").mkdir()
    with running_sshd(tmp_path / "sshd", "ForceCommand internal-sftp -P opendir") as sshd:
        storage = connect(sshd)
        storage.put("object", b"x")
        with pytest.raises(PermissionDenied, match="cannot list the objects: permission denied"):
            storage.list()
        storage.close()


def test_names_are_given_to_what_is_on_the_medium_and_are_put_there_too(tmp_path, connect):
    """What the server does, system call by system call."""
    trace = tmp_path / "trace"
    watched = "trace=write,pwrite64,fsync,rename,link,linkat,renameat,renameat2"
    strace = ("strace", "-D", "-f", "-qq", "-y", "-e", watched, "-o", str(trace))
    if subprocess.run([*strace, "true"], check=False, capture_output=True).returncode:
        pytest.skip("machine limit: no tracing of system calls")
    with running_sshd(tmp_path / "sshd", wrapper=strace) as sshd:
        storage = connect(sshd)
        storage.prepare()
        storage.put("a/first", b"x")
        storage.put("a/second", b"x")
        upload = storage.open_write("a/third")
        upload.write(0, b"x")
        upload.commit()
        storage.put_new("a/fourth", b"x")
        storage.close()
    container = str(tmp_path / "container")
    found = re.findall(
        rf"(\w+)\((?:\d+<)?\"?{re.escape(container)}([^\">]*)(?:.*?{re.escape(container)}([^\"]*))?", trace.read_text()
    )
    steps = [(call.removeprefix("p").removesuffix("64"), tidy(first), tidy(second)) for call, first, second in found]
    written = [("write", "/a/TEMP", ""), ("fsync", "/a/TEMP", "")]
    by_name = {new: steps.index((call, old, new)) for call, old, new in steps if new}
    for name, call in (("/a/second", "rename"), ("/a/third", "rename"), ("/a/fourth", "link")):
        at = by_name[name]
        assert steps[at - 2 : at + 2] == [*written, (call, "/a/TEMP", name), ("fsync", "/a", "")]
    at = by_name["/a"]  # the first object came with its folder
    assert steps[at - 3 : at + 2] == [
        *(("write", "/TEMP/first", ""), ("fsync", "/TEMP/first", ""), ("fsync", "/TEMP", "")),
        *(("rename", "/TEMP", "/a"), ("fsync", "", "")),
    ]


def tidy(path: str) -> str:
    return re.sub(r"\.freezer-tmp-[0-9a-f]+", "TEMP", path)


def test_upstream_never_sees_a_folder_before_its_object(storage, tmp_path):
    container, seen, stop = tmp_path / "container", [], threading.Event()

    def watch() -> None:
        while not stop.is_set():
            for folder in container.glob("metadata/tar/h_n/*/*"):
                if not (folder / "metadata").exists():
                    seen.append(folder)

    watcher = threading.Thread(target=watch)
    watcher.start()
    for level in range(20):
        storage.put_new(f"metadata/tar/h_n/{level}/0_{level}/metadata", b"{}")
    stop.set()
    watcher.join()
    assert seen == []


def test_a_lost_connection_is_made_anew_and_nothing_is_lost(connect):
    with_retries = RetryingStorage(storage := connect(), CLOCK, QUICK)
    with_retries.prepare()
    sshd = shared_sshd()
    segments = [bytes([number]) * (3 * MIB) for number in range(6)]
    upload = with_retries.open_write("data/object")
    for number, segment in enumerate(segments):
        upload.write(number * 3 * MIB, segment)
        sshd.drop_connections()
    upload.commit()
    sshd.drop_connections()
    assert with_retries.get("data/object") == b"".join(segments)
    sshd.drop_connections()
    with_retries.put("other", b"x")
    sshd.drop_connections()
    assert [item.name for item in with_retries.list()] == ["data/object", "other"]
    assert storage.sweep(CLOCK.now() + 1000) == []


def test_without_retries_a_lost_connection_is_one_transient_error(storage):
    shared_sshd().drop_connections()

    def until_it_is_noticed() -> None:
        while True:
            storage.list()

    with pytest.raises(TransientError, match=r"^ssh:\S+@127.0.0.1: the connection was lost"):
        until_it_is_noticed()
    assert storage.list() == []


def test_lines_that_break_while_bytes_flow_do_no_harm(connect, tmp_path):
    storage = RetryingStorage(connect(), CLOCK, RetryPolicy(tries=50, first_delay=0.01))
    storage.prepare()
    sshd, stop = shared_sshd(), threading.Event()

    def disturb() -> None:
        for turn in range(5):
            if not stop.wait(0.3 * turn):
                sshd.drop_connections()

    breaker = threading.Thread(target=disturb)
    breaker.start()
    try:
        body = os.urandom(8 * MIB)
        upload = storage.open_write("data/object")
        for number in range(8):
            upload.write(number * len(body), body)
        upload.commit()
    finally:
        stop.set()
        breaker.join()
    stored = (tmp_path / "container/data/object").read_bytes()
    assert stored == body * 8


def test_bytes_that_the_server_loses_with_the_connection_are_noticed(connect, tmp_path):
    storage = RetryingStorage(connect(), CLOCK, QUICK)
    storage.prepare()
    upload = storage.open_write("data/object")
    upload.write(0, b"x" * 100_000)
    (temp,) = (tmp_path / "container/data").iterdir()
    with temp.open("r+b") as file:  # as a file system looks after a power cut
        file.seek(50_000)
        file.write(bytes(10_000))
    shared_sshd().drop_connections()
    with pytest.raises(PermanentError, match="the server lost bytes that it had acknowledged"):
        upload.write(100_000, b"more")
    upload.abort()
    assert list((tmp_path / "container").rglob("*")) == []


def test_two_processes_cannot_hold_one_name_and_a_dead_one_holds_nothing(storage, connect, tmp_path, monkeypatch):
    monkeypatch.setattr("freezer.storage.files.lease.BEAT", 0.2)
    monkeypatch.setattr("freezer.storage.files.lease.PATIENCE", 1.5)
    other = connect()
    with storage.hold("set"):
        with pytest.raises(BusyError, match="another process is working on it"), other.hold("set"):
            pass
        with other.hold("another set"):
            pass
    with other.hold("set"):
        pass
    assert list((tmp_path / "container").iterdir()) == []
    name = next(marker_of(storage, tmp_path))
    (tmp_path / "container" / name).write_bytes(b"..")  # whose holder died
    with other.hold("set"):
        assert not (tmp_path / "container" / name).exists()


def marker_of(storage: SshStorage, tmp_path: Path) -> Iterator[str]:
    with storage.hold("set"):
        (marker,) = (tmp_path / "container").iterdir()
        yield marker.name


def test_a_holder_that_was_taken_for_dead_writes_nothing_more(storage, tmp_path, monkeypatch):
    monkeypatch.setattr("freezer.storage.files.lease.BEAT", 0.1)
    with storage.hold("set"):
        (marker,) = (tmp_path / "container").iterdir()
        marker.unlink()
        time.sleep(0.6)
        with pytest.raises(PermanentError, match="another process has taken over"):
            storage.put_new("metadata/x", b"")
    assert storage.list() == []


def test_sweep_removes_what_the_dead_left_and_says_so_beforehand(storage, tmp_path):
    container = tmp_path / "container"
    storage.put("a/object", b"x")
    (container / "a" / ".freezer-tmp-1").write_bytes(b"x")
    (container / ".freezer-tmp-2" / "x" / "y").mkdir(parents=True)
    (container / ".freezer-tmp-2" / "x" / "y" / "metadata").write_bytes(b"x")
    (container / "empty" / "deeper").mkdir(parents=True)
    assert storage.sweep(CLOCK.now() - 1000) == []
    expected = [
        *(".freezer-tmp-2/", ".freezer-tmp-2/x/", ".freezer-tmp-2/x/y/", ".freezer-tmp-2/x/y/metadata"),
        *("a/.freezer-tmp-1", "empty/", "empty/deeper/"),
    ]
    assert storage.sweep(CLOCK.now() + 1000, dry_run=True) == expected
    assert storage.sweep(CLOCK.now() + 1000) == expected
    assert sorted(str(path.relative_to(container)) for path in container.rglob("*")) == ["a", "a/object"]


class Plain(Session):
    """A server without extensions, such as many appliances have."""

    def __init__(self, channel, extensions) -> None:
        super().__init__(channel, {})


def test_a_server_without_extensions_promises_less_and_says_so(connect, monkeypatch, tmp_path):
    monkeypatch.setattr("freezer.storage.ssh.session.Session", Plain)
    storage = connect()
    storage.prepare()
    found = storage.capabilities
    assert (found.create_once, found.durable_bytes, found.durable_names) == (False, False, False)
    storage.put("a/b", b"first")
    storage.put("a/b", b"second")
    assert storage.get("a/b") == b"second"
    storage.put_new("a/c", b"x" * 100_000)
    with pytest.raises(ObjectExists):
        storage.put_new("a/c", b"y")
    assert storage.get("a/c") == b"x" * 100_000
    assert sorted(path.name for path in (tmp_path / "container/a").iterdir()) == ["b", "c"]


def test_openssh_keeps_bytes_and_names_over_a_power_cut(storage):
    found = storage.capabilities
    assert (found.create_once, found.durable_bytes, found.durable_names, found.holds) == (True, True, True, True)


def test_a_full_disk_is_told_from_other_failures(connect, tmp_path):
    if os.getuid() != 0:
        pytest.skip("machine limit: only root mounts a small file system")
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", small], check=False)
    if mounted.returncode:
        pytest.skip("machine limit: no mounts allowed")
    try:
        storage = connect(container=str(small / "container"))
        storage.prepare()
        with pytest.raises(StorageFull, match="no space is left on the server"):
            storage.put("object", bytes(8 * MIB))
        upload = storage.open_write("data/object")
        with pytest.raises(StorageFull):
            upload.write(0, bytes(8 * MIB))
        upload.abort()
        assert list((small / "container").rglob("*")) == []
        storage.close()
    finally:
        subprocess.run(["umount", small], check=True)


@pytest.mark.parametrize("host", ["-oProxyCommand=x", "", "a\nb"])
def test_a_host_that_ssh_would_take_for_an_option_is_refused(host):
    with pytest.raises(UsageError, match="is no host"):
        Server(host)


def test_a_password_shows_itself_nowhere():
    server = Server("host", password=Secret(b"canary"))
    assert "canary" not in repr(server)
    assert not any("canary" in word for word in server.command())
