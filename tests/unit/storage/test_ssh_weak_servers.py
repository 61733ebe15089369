"""Servers that promise less than OpenSSH's, refuse what it grants, or hand out names to others in between."""

from __future__ import annotations

import hashlib
import os

import pytest
from small_sftp import OPENSSH, Fault, SmallSftp

from freezer.errors import (
    ObjectExists,
    PermanentError,
    PermissionDenied,
    StorageError,
    StorageFull,
    TransientError,
)
from freezer.storage.ssh import SshStorage

FAR = 10_000_000_000.0


@pytest.fixture
def make(tmp_path):
    """Servers with extensions of their own."""
    made = []

    def start(*extensions: str, **told: object) -> SmallSftp:
        made.append(SmallSftp(tmp_path / f"server{len(made)}", extensions, **told))
        return made[-1]

    yield start
    for server in made:
        server.close()


@pytest.fixture
def sftp(make) -> SmallSftp:
    return make(*OPENSSH)


@pytest.fixture
def storage(sftp) -> SshStorage:
    return sftp.storage()


def test_a_server_with_nothing_stores_and_removes_all_the_same(make):
    plain = make()
    storage = plain.storage()
    storage.prepare()
    for content in (b"first", b"second"):
        upload = storage.open_write("data/object")
        upload.write(0, content)
        upload.commit()
        assert storage.get("data/object") == content
    storage.put_new("data/new", b"x")
    with pytest.raises(ObjectExists):
        storage.put_new("data/new", b"y")
    storage.delete("data/object")
    storage.delete("data/new")
    assert plain.left() == []


def test_a_folder_is_never_replaced_by_an_object(make):
    for server in (make(), make(*OPENSSH)):
        storage = server.storage()
        storage.put("a/b", b"x")
        with pytest.raises(PermanentError, match="cannot store a"):
            storage.put("a", b"y")
        assert server.left() == ["a", "a/b"]


def test_without_a_reason_a_failure_is_shown_as_it_came(make):
    plain = make()
    storage = plain.storage()
    plain.faults(Fault("write", then="status"))
    with pytest.raises(PermanentError, match="the server says only 'status 4'"):
        storage.put("object", b"x")
    assert plain.left() == []


@pytest.mark.parametrize(("free", "kind"), [((1 << 40, 0), StorageFull), ((5, 9), StorageFull), ((1 << 40, 9), None)])
def test_a_disk_without_inodes_is_full_too(make, free, kind):
    server = make(*OPENSSH, free=free)
    storage = server.storage()
    server.faults(Fault("mkdir", then="status"))
    with pytest.raises(kind or PermanentError) as caught:
        storage.put("data/object", b"x")
    assert type(caught.value) is (kind or PermanentError)


def test_a_server_that_does_not_tell_what_is_free_fails_with_its_first_reason(sftp, storage):
    sftp.faults(Fault("mkdir", then="status"), Fault("statvfs", then="status"))
    with pytest.raises(PermanentError, match="cannot store data/object: the server says only"):
        storage.put("data/object", b"x")


def test_a_server_that_cannot_put_names_on_the_medium_says_so_and_is_asked_once(sftp, storage):
    sftp.faults(Fault("fsync", "container", then="status"))
    storage.put("one", b"1")
    storage.put("two", b"2")
    assert not storage.capabilities.durable_names
    assert sum(line == f"fsync {sftp.container}" for line in sftp.seen()) == 1


@pytest.mark.parametrize("name", ["new", "data/new"])
def test_an_object_whose_name_does_not_get_onto_the_medium_is_taken_back(sftp, storage, name):
    storage.put("first", b"1")
    sftp.faults(Fault("fsync", "container", then="status"))
    with pytest.raises(PermanentError, match=f"cannot store {name}"):
        storage.put_new(name, b"2")
    assert sftp.left() == ["first"]


def test_bytes_that_do_not_get_onto_the_medium_are_no_object(sftp, storage):
    sftp.faults(Fault("fsync", then="status"))
    with pytest.raises(PermanentError, match="cannot store object"):
        storage.put("object", b"x")
    assert sftp.left() == []


def test_who_comes_second_by_an_instant_has_not_created_the_object(sftp, storage):
    sftp.faults(Fault("hardlink", meanwhile="open(HERE + '/container/object', 'w').write('theirs')"))
    with pytest.raises(ObjectExists):
        storage.put_new("object", b"ours")
    assert storage.get("object") == b"theirs"
    assert sftp.left() == ["object"]


def test_a_link_that_fails_for_another_reason_is_no_taken_name(sftp, storage):
    sftp.faults(Fault("hardlink", then="status"))
    with pytest.raises(PermanentError, match="cannot store object: the server says only"):
        storage.put_new("object", b"x")
    assert sftp.left() == []


def test_a_temporary_that_somebody_swept_is_written_again(sftp, storage):
    sftp.faults(Fault("hardlink", meanwhile="os.remove(path)"))
    storage.put_new("object", b"x")
    assert storage.get("object") == b"x"
    assert sftp.left() == ["object"]


def test_a_folder_that_another_made_meanwhile_is_used(sftp, storage):
    sftp.faults(Fault("rename", meanwhile="os.mkdir(HERE + '/container/data'); open(HERE + '/container/data/x', 'w')"))
    storage.put("data/object", b"x")
    assert sftp.left() == ["data", "data/object", "data/x"]


def test_a_folder_on_another_disk_gets_its_object_in_place(sftp, storage):
    sftp.faults(Fault("rename", then="status"))  # what OpenSSH answers then, too
    storage.put("data/deep/object", b"x")
    assert sftp.left() == ["data", "data/deep", "data/deep/object"]


@pytest.mark.parametrize(
    ("meanwhile", "said"),
    [("", "the server says only"), ("open(path, 'w').close()", "cannot store data/object: Not a directory")],
)
def test_a_folder_that_cannot_be_made_is_told(sftp, storage, meanwhile, said):
    sftp.faults(Fault("mkdir", "data", then="status", meanwhile=meanwhile))
    with pytest.raises(PermanentError, match=said):
        storage.open_write("data/object")


def test_a_folder_that_somebody_made_first_is_as_good(sftp, storage):
    sftp.faults(Fault("mkdir", "data", meanwhile="os.mkdir(path)"))
    upload = storage.open_write("data/object")
    upload.write(0, b"x")
    upload.commit()
    assert storage.get("data/object") == b"x"


def test_folders_that_come_and_go_are_waited_for_but_not_for_ever(sftp, storage):
    gone = Fault("mkdir", "deep", meanwhile="os.rmdir(os.path.dirname(path))")
    sftp.faults(gone)
    storage.open_write("data/deep/object").abort()
    sftp.faults(Fault("mkdir", "deep", meanwhile=gone.meanwhile, times=1000))
    with pytest.raises(TransientError, match="come and go"):
        storage.open_write("data/deep/object")
    assert sftp.left() == []


def test_an_upload_that_may_not_begin_leaves_no_empty_folders(sftp, storage):
    sftp.faults(Fault("open", "", then="status", status=3, times=50))
    with pytest.raises(PermissionDenied, match="cannot store data/deep/object"):
        storage.open_write("data/deep/object")
    assert sftp.left() == []


def test_an_object_that_may_not_be_removed_is_not_taken_for_removed(sftp, storage):
    storage.put("object", b"x")
    sftp.faults(Fault("remove", then="status", status=3))
    with pytest.raises(PermissionDenied, match="cannot delete object"):
        storage.delete("object")
    assert storage.get("object") == b"x"


def test_a_container_that_cannot_be_made_is_told_and_one_that_another_made_is_used(sftp, storage):
    sftp.container.rmdir()
    sftp.faults(Fault("mkdir", then="status", status=3))
    with pytest.raises(PermissionDenied, match="cannot prepare the container"):
        storage.prepare()
    assert not storage.exists()
    sftp.faults(Fault("mkdir", meanwhile="os.mkdir(path)"))
    storage.prepare()
    assert storage.exists()


@pytest.mark.parametrize("name", ["\ud800", ".freezer-tmp-1", "a/.freezer-tmp-1/b", "lost+found/x"])
def test_names_that_cannot_be_or_are_kept_are_refused_before_anything_is_asked(sftp, storage, name):
    with pytest.raises(PermanentError, match=r"not a legal object name|keeps for itself"):
        storage.put(name, b"x")
    assert not (sftp.folder / "seen").exists()


@pytest.mark.parametrize(("offset", "length"), [(-1, None), (0, -1)])
def test_parts_that_no_object_has_are_refused(storage, offset, length):
    with pytest.raises(PermanentError, match="no object has"):
        storage.get("object", offset, length)


def test_a_server_that_tells_no_sizes_is_no_storage(sftp, storage):
    storage.put("object", b"x")
    sftp.faults(Fault("fstat", then="bare"))
    with pytest.raises(PermanentError, match="does not tell the sizes"):
        storage.get("object")


def test_a_server_that_sends_more_than_was_asked_for_is_not_believed(sftp, storage):
    storage.put("object", b"0123456789")
    sftp.faults(Fault("read", then="more"))
    with pytest.raises(PermanentError, match="14 bytes where 10 were asked for"):
        storage.get("object")


def test_a_listing_without_attributes_is_completed_one_by_one(sftp, storage):
    for name in ("a/one", "a/two", "three"):
        storage.put(name, name.encode())
    os.symlink("nowhere", sftp.container / "dangling")
    sftp.faults(Fault("readdir", then="bare", times=100))
    assert [(item.name, item.size) for item in storage.list()] == [("a/one", 5), ("a/two", 5), ("three", 5)]


def test_what_vanishes_while_we_look_is_not_listed(sftp, storage):
    storage.put("here", b"x")
    storage.put("gone", b"x")
    sftp.faults(Fault("readdir", then="bare", times=100), Fault("lstat", "gone", meanwhile="os.remove(path)"))
    assert [item.name for item in storage.list()] == ["here"]


def test_an_object_of_unknown_size_is_an_error_and_not_an_empty_one(make):
    server = make(*OPENSSH)
    storage = server.storage()
    storage.put("object", b"x")
    program = server.program.read_text()
    server.program.write_text(program.replace('">IQI", 13, found.st_size,', '">II", 12,'))
    fresh = server.storage()
    for call in (fresh.list, lambda: fresh.stat("object")):
        with pytest.raises(StorageError, match="does not tell the size of object"):
            call()


def test_a_sweep_counts_only_what_it_removed_itself(sftp, storage):
    (sftp.container / ".freezer-tmp-1").write_bytes(b"x")
    (sftp.container / ".freezer-tmp-2").write_bytes(b"x")
    for folder in ("filled", "empty", "lost+found"):
        (sftp.container / folder).mkdir()
    sftp.faults(
        Fault("remove", "tmp-1", meanwhile="os.remove(path)"),
        Fault("rmdir", "filled", meanwhile="open(shown + '/object', 'w')"),
    )
    assert storage.sweep(FAR) == [".freezer-tmp-2", "empty/"]
    assert sftp.left() == ["filled", "filled/object", "lost+found"]


def test_a_sweep_that_may_not_remove_says_so(sftp, storage):
    (sftp.container / ".freezer-tmp-1").write_bytes(b"x")
    sftp.faults(Fault("remove", then="status", status=3))
    with pytest.raises(PermissionDenied, match="cannot sweep the container"):
        storage.sweep(FAR)
    assert sftp.left() == [".freezer-tmp-1"]


@pytest.mark.parametrize("order", ["!", "~"])
def test_one_who_announced_himself_and_died_is_cleared_away_wherever_his_name_stands(sftp, storage, monkeypatch, order):
    monkeypatch.setattr("freezer.storage.files.lease._LOOK", 0.01)
    monkeypatch.setattr("freezer.storage.files.lease.PATIENCE", 0.3)
    topic = hashlib.sha256(b"set").hexdigest()[:24]
    rival = sftp.container / f".freezer-tmp-hold-{topic}-alone-{order}"
    rival.touch()
    with storage.hold("set"):
        assert not rival.exists()
    assert sftp.left() == []
