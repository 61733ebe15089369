"""The ftp storage on servers of many kinds: what they cannot do, refuse, or show in another way."""

from __future__ import annotations

import os
import re
import threading
import time

import pytest
from small_ftp import WHOLE, Fault, SmallFtp

from freezer.clock import SystemClock
from freezer.errors import (
    BusyError,
    ObjectExists,
    ObjectNotFound,
    PermanentError,
    PermissionDenied,
    StorageFull,
    TransientError,
)
from freezer.storage.ftp import FtpStorage
from freezer.storage.promises import PROMISES, Scratch
from servers.ftpd import running_ftpd
from support.disks import small_disk

LIST = WHOLE - {"MLST"}


@pytest.fixture(params=["with MLSD", "with LIST"])
def ftp(request, tmp_path):
    server = SmallFtp(tmp_path, WHOLE if request.param == "with MLSD" else LIST)
    yield server
    server.close()


@pytest.fixture
def weak(tmp_path):
    """Makes a server that lacks what is left out."""
    made = []

    def make(*lacks: str, **more: int) -> SmallFtp:
        made.append(SmallFtp(tmp_path / str(len(made)), WHOLE - set(lacks), **more))
        return made[-1]

    yield make
    for server in made:
        server.close()


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.name)
def test_a_server_with_the_least_that_one_may_have_keeps_every_promise(weak, promise):
    """Neither MLSD nor EPSV, no replacing of files, and five connections."""
    storage = weak("MLST", "EPSV", "replace", most=5).storage()
    if promise.name != "readers see whole objects":  # where files cannot be replaced there is a moment without one
        promise.test(storage, Scratch("data/scratch/", SystemClock()))


def test_a_server_that_tells_a_private_address_is_still_reached_by_the_one_we_know(weak):
    server = weak("EPSV")
    storage = server.storage()
    storage.put("object", b"x")
    assert storage.get("object") == b"x"
    assert server.seen.count("EPSV") == 1


def test_a_server_that_allows_one_connection_serves_many_threads_one_after_the_other(weak):
    server = weak(most=1)
    storage = server.storage()
    storage.put("data/0", b"x")

    def work(number: int) -> None:
        storage.put(f"data/{number}", b"x")

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with storage.hold("set"):
        assert len(storage.list()) == 6
    assert storage.get("data/5", 0, 1) == b"x"


def test_a_listing_without_itself_in_it_is_no_empty_folder(weak):
    """So an unreadable folder looks on servers with LIST, and one that hides what begins with a dot."""
    server = weak("MLST", "dots")
    (server.container / "object").write_bytes(b"x")
    with pytest.raises(PermissionDenied):
        server.storage().list()


def test_a_folder_that_cannot_be_listed_is_an_error(ftp):
    storage = ftp.storage()
    storage.put("data/object", b"x")
    for word in ("MLSD", "CWD"):
        ftp.faults(Fault(word, "/data", then="say", text="550 Permission denied", times=9))
        if word == "MLSD" and "MLST" not in ftp.can:
            continue
        if word == "CWD" and "MLST" in ftp.can:
            continue
        with pytest.raises(PermissionDenied, match="cannot list the objects: permission denied"):
            storage.list()


def test_a_refusal_is_a_missing_object_or_a_missing_right_as_the_folder_shows(ftp):
    storage = ftp.storage()
    storage.put("data/object", b"x")
    for word in ("RETR", "DELE"):
        ftp.faults(Fault(word, then="say", text="550 Failed to open file."))
        with pytest.raises(PermissionDenied):
            storage.get("data/object") if word == "RETR" else storage.delete("data/object")
    with pytest.raises(ObjectNotFound):
        storage.get("data/nothing")
    with pytest.raises(ObjectNotFound):
        storage.stat("nothing/at/all")


def test_a_right_that_is_missing_for_good_is_said_after_a_few_tries(ftp):
    storage = ftp.storage()
    ftp.faults(Fault("STOR", then="say", text="553 Could not create file.", times=100))
    with pytest.raises(PermissionDenied, match=re.escape("cannot store object: permission denied")):
        storage.put("object", b"x")
    assert ftp.left() == []


def test_a_container_that_does_not_exist_is_told_from_an_empty_one(ftp):
    storage = ftp.storage()
    assert storage.list() == []
    ftp.container.rmdir()
    assert not storage.exists()
    for call in (storage.list, lambda: storage.get("x"), lambda: storage.put("x", b""), lambda: storage.sweep(0.0)):
        with pytest.raises(PermanentError, match="does not exist") as caught:
            call()
        assert caught.value.hint == "check --container, and whether it is mounted on the server"
    ftp.container.write_text("")
    with pytest.raises(PermanentError, match="is not a directory"):
        storage.exists()


def test_a_relative_container_is_below_the_login_directory(ftp):
    ftp.faults(Fault("PWD", then="say", text=f'257 "{ftp.container}" is home', times=9))
    for wanted in ("box/of/ours/", "~/box/of/ours"):
        storage = ftp.storage(wanted)
        storage.prepare()
        storage.put("object", b"x")
    assert (ftp.container / "box/of/ours/object").read_bytes() == b"x"


@pytest.mark.parametrize("can", [WHOLE, LIST], ids=["with MLSD", "with LIST"])
@pytest.mark.parametrize("container", ["/", "."])
def test_a_container_may_be_all_that_a_login_shows(tmp_path, can, container):
    server = SmallFtp(tmp_path, can, top=str(tmp_path / "container"))
    storage = server.storage(container)
    storage.prepare()
    storage.put("data/object", b"x")
    storage.put_new("new", b"y")
    with storage.hold("set"):
        assert [item.name for item in storage.list()] == ["data/object", "new"]
    assert [item.name for item in storage.list("data/")] == ["data/object"]
    assert storage.get("data/object") == b"x"
    assert storage.sweep(time.time() + 1000) == []
    storage.delete("data/object")
    assert server.left() == ["new"]
    server.close()


def test_times_of_ls_are_put_right_by_one_exact_one(weak):
    server = weak("MLST", zone=9)
    storage = server.storage()
    for name, age in (("new", 0.0), ("older", 86400.0)):
        storage.put(name, b"x")
        os.utime(server.container / name, (time.time() - age,) * 2)
    for item in storage.list():
        true = (server.container / item.name).stat().st_mtime
        assert -1 <= item.modified - true <= 61
    assert storage.stat("older").modified == int((server.container / "older").stat().st_mtime)


@pytest.mark.parametrize("can", [WHOLE, LIST], ids=["with MLSD", "with LIST"])
def test_links_to_folders_are_followed_and_others_are_no_objects(tmp_path, can):
    server = SmallFtp(tmp_path, can)
    (tmp_path / "elsewhere").mkdir()
    (server.container / "data").symlink_to(tmp_path / "elsewhere")
    storage = server.storage()
    storage.put("data/object", b"x")
    if can == LIST:  # MLSD of most servers shows what a link leads to
        (server.container / "dangling").symlink_to("nowhere")
    assert [item.name for item in storage.list()] == ["data/object"]
    assert (tmp_path / "elsewhere/object").read_bytes() == b"x"
    server.close()


def test_a_sweep_takes_what_is_old_and_temporary_and_nothing_else(ftp):
    storage = ftp.storage()
    for name in (
        ".freezer-tmp-1",
        "data/.freezer-tmp-2",
        ".freezer-tmp-tree/sub/metadata",
        "data/object",
        "lost+found/x",
    ):
        path = ftp.container / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    (ftp.container / "empty/deep").mkdir(parents=True)
    for path in (*ftp.container.rglob("*"),):
        os.utime(path, (time.time() - 90_000,) * 2)
    (ftp.container / ".freezer-tmp-new").write_bytes(b"x")
    wanted = [
        *(".freezer-tmp-1", ".freezer-tmp-tree/", ".freezer-tmp-tree/sub/", ".freezer-tmp-tree/sub/metadata"),
        *("data/.freezer-tmp-2", "empty/", "empty/deep/"),
    ]
    limit = time.time() - 86_400
    assert storage.sweep(limit, dry_run=True) == wanted
    assert storage.sweep(limit) == wanted
    left = [".freezer-tmp-new", "data", "data/object", "lost+found", "lost+found/x"]
    assert ftp.left() == left


def test_a_sweep_that_may_not_remove_says_so(ftp):
    (ftp.container / ".freezer-tmp-1").write_bytes(b"x")
    ftp.faults(Fault("DELE", then="say", text="550 Permission denied."))
    with pytest.raises(PermissionDenied):
        ftp.storage().sweep(time.time() + 1000)


def test_names_with_line_breaks_cannot_be_carried(ftp):
    for name in ("a\nb", "a\rDELE b"):
        with pytest.raises(PermanentError, match="has a line break in it, which FTP cannot carry"):
            ftp.storage().put(name, b"x")
    with pytest.raises(PermanentError, match="has a line break in it"):
        ftp.storage("box\nDELE x").exists()


def test_names_that_are_kept_for_temporaries_are_refused(ftp):
    for name in (".freezer-tmp-1", "data/.freezer-tmp-1", "lost+found/x"):
        with pytest.raises(PermanentError, match="keeps for itself"):
            ftp.storage().put(name, b"x")


def test_a_server_whose_folders_replace_folders_is_not_believed_to_create_once(ftp):
    storage, other = ftp.storage(), ftp.storage()
    storage.prepare()
    other.prepare()
    assert storage.capabilities.create_once
    ftp.faults(Fault("RNTO", then="say", text="250 Renamed"))
    assert not other.capabilities.create_once
    assert ftp.left() == []


def test_a_container_that_cannot_be_written_is_not_believed_to_create_once(ftp):
    storage = ftp.storage()
    storage.prepare()
    ftp.faults(Fault("MKD", then="say", text="550 Permission denied."))
    assert not storage.capabilities.create_once


def test_who_only_reads_tries_nothing_out(ftp):
    (ftp.container / "object").write_bytes(b"x")
    storage = ftp.storage()
    assert not storage.capabilities.create_once
    assert storage.get("object") == b"x"
    assert {line.split()[0] for line in ftp.seen} <= {
        *("USER", "PASS", "FEAT", "OPTS", "TYPE", "PWD", "EPSV", "RETR", "SIZE"),
    }


@pytest.mark.parametrize(
    ("word", "text", "message"),
    [
        ("EPSV", "229 (|||1|)", "port 1, for data, cannot be reached: Connection refused"),
        ("EPSV", "229 somewhere", "the connection was lost"),
        ("EPSV", "425 Not now", "the server says '425 Not now'"),
        ("STOR", "226 Done", "the connection was lost: 226 Done, where data should come"),
        ("STOR", "421 Timeout", "the connection was lost: Timeout"),
        ("CWD", "421 Timeout", "the connection was lost: Timeout"),
        ("PWD", "430 Later", "the server says '430 Later'"),
        ("TYPE", "HTTP/1.1 400 Bad Request", "the connection was lost: HTTP/1.1 400"),
    ],
)
def test_what_may_pass_is_to_be_tried_again_and_leaves_nothing_that_can_be_seen(ftp, word, text, message):
    storage = ftp.storage()
    ftp.faults(Fault(word, then="say", text=text))
    with pytest.raises(TransientError, match=re.escape(message)):
        storage.put("data/object", b"x")
    assert storage.list() == []
    storage.put("data/object", b"x")
    assert storage.get("data/object") == b"x"


def test_a_server_that_tells_no_port_is_to_be_tried_again(weak):
    server = weak("EPSV")
    server.faults(Fault("PASV", then="say", text="227 somewhere"))
    with pytest.raises(TransientError):
        server.storage().put("object", b"x")


def test_a_server_that_tells_no_features_is_taken_for_one_without(ftp):
    ftp.faults(Fault("FEAT", then="say", text="502 Not here"))
    storage = ftp.storage()
    storage.put("object", b"x")
    assert [item.name for item in storage.list()] == ["object"]
    assert "LIST -al" in ftp.seen


def test_a_container_below_a_folder_that_does_not_exist_is_made_with_it(ftp):
    storage = ftp.storage(str(ftp.container / "a/b"))
    assert not storage.exists()
    storage.prepare()
    assert ftp.left() == ["a", "a/b"]


def test_sizes_that_are_none_are_refused(ftp):
    storage = ftp.storage()
    upload = storage.open_write("object")
    upload.write(0, b"x")
    ftp.faults(Fault("SIZE", then="say", text="213 many"))
    with pytest.raises(PermanentError, match="the server tells the size 'many', which is no number"):
        upload.commit()


def test_ranges_that_cannot_be_are_refused(ftp):
    for offset, length in ((-1, None), (0, -1)):
        with pytest.raises(PermanentError, match="no object has"):
            ftp.storage().get("object", offset, length)


def test_a_range_beyond_the_end_is_empty_even_if_the_server_calls_it_an_error(ftp):
    storage = ftp.storage()
    storage.put("object", b"12345")
    ftp.faults(Fault("RETR", then="say", text="554 Invalid REST parameter"))
    assert storage.get("object", 5, 10) == b""
    ftp.faults(Fault("REST", then="say", text="502 Not here"))
    with pytest.raises(PermanentError, match="502 Not here"):
        storage.get("object", 2, 1)


def test_two_who_want_one_name_wait_for_each_other_no_longer_than_needed(ftp):
    first, second = ftp.storage(), ftp.storage()
    with first.hold("set"), pytest.raises(BusyError, match="another process is working on it"), second.hold("set"):
        pass
    with second.hold("set"):
        assert len(ftp.left()) == 1
    assert ftp.left() == []


def test_a_server_that_does_not_rename_folders_gets_them_one_by_one(ftp):
    ftp.faults(Fault("RNTO", "/d", then="say", text="550 Not a plain file"))
    ftp.storage().put("d/e/object", b"x")
    assert ftp.left() == ["d", "d/e", "d/e/object"]


def test_a_folder_that_another_makes_meanwhile_is_used(ftp):
    ftp.faults(Fault("RNTO", "/d", meanwhile=lambda: (ftp.container / "d").mkdir() or (ftp.container / "d/x").touch()))
    ftp.storage().put_new("d/object", b"x")
    assert ftp.left() == ["d", "d/object", "d/x"]


def test_a_name_that_is_a_folder_is_no_object_and_cannot_become_one(ftp):
    storage = ftp.storage()
    storage.put("d/object", b"x")
    with pytest.raises(PermanentError, match="Is a directory"):
        storage.put("d", b"x")
    with pytest.raises(ObjectExists):
        storage.put_new("d", b"x")
    for call in (storage.get, storage.stat):
        with pytest.raises(ObjectNotFound):
            call("d")
    assert ftp.left() == ["d", "d/object"]


def test_a_full_disk_of_a_real_server_is_called_so(tmp_path):
    with small_disk(tmp_path / "small", "size=1m") as place, running_ftpd("vsftpd", tmp_path / "ftpd") as ftpd:
        storage = FtpStorage(ftpd.server(), str(place), clock=SystemClock())
        storage.put("fits", bytes(1000))
        with pytest.raises(StorageFull, match="no space is left on the server, or a quota is used up"):
            storage.put("too-large", bytes(3 << 20))
        upload = storage.open_write("data/too-large")
        with pytest.raises(StorageFull):
            upload.write(0, bytes(4 << 20))
        upload.abort()
        assert [item.name for item in storage.list()] == ["fits"]
        assert not list(place.rglob(".freezer-tmp-*"))
        storage.close()


def test_a_server_that_lets_us_read_only(tmp_path):
    with running_ftpd("vsftpd with TLS", tmp_path / "ftpd", "write_enable=NO") as ftpd:
        (tmp_path / "container").mkdir()
        (tmp_path / "container/object").write_bytes(b"x")
        storage = FtpStorage(ftpd.server(), str(tmp_path / "container"), clock=SystemClock())
        assert storage.get("object") == b"x"
        with storage.hold("set", shared=True):  # who may only read cannot say that it does
            assert [item.name for item in storage.list()] == ["object"]
        for call in (storage.prepare, lambda: storage.put("new", b""), lambda: storage.delete("object")):
            with pytest.raises(PermissionDenied, match="permission denied") as caught:
                call()
            assert "what the user may do there" in caught.value.hint
        storage.close()
