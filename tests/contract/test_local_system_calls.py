"""What the local storage asks of the system, in which order, and what it makes of refusals. Needs strace."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from freezer.clock import SystemClock
from freezer.storage.local import LocalStorage

WRITER = Path(__file__).with_name("local_writer.py")

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(shutil.which("strace") is None, reason="strace is not installed"),
]


def run(root: Path, action: str, *options: str) -> tuple[int, str, list[str]]:
    """Exit status, what the writer said, and its system calls after the start, with paths for descriptors."""
    log = root.parent / "strace.log"
    command = ["strace", "-f", "-y", "-s", "200", "-o", log, *options, sys.executable, "-B", WRITER, root, action]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if "ready" not in done.stdout:
        pytest.skip(f"machine limit: strace cannot trace here: {done.stderr.strip()[-200:]}")
    calls = log.read_text().splitlines()
    started = next((number for number, line in enumerate(calls) if '"ready' in line), -1)
    return done.returncode, done.stdout.removeprefix("ready\n"), calls[started + 1 :]


def position(calls: list[str], pattern: str, after: int = -1) -> int:
    """The first call behind ``after`` that matches and succeeded."""
    for number, line in enumerate(calls):
        if number > after and re.search(pattern, line) and re.search(r"= (0|[1-9]\d*)(<|$| )", line):
            return number
    raise AssertionError(f"no call matches {pattern} after {after}:\n" + "\n".join(calls))


TRACE = "trace=write,fsync,rename,renameat,renameat2,link,linkat,unlink,mkdir,rmdir"
TEMP = r"\.freezer-tmp-[0-9a-f]+"


@pytest.mark.parametrize(("action", "naming"), [("put beside", "rename"), ("put_new", "link")])
def test_an_object_is_on_the_medium_before_it_has_its_name_and_the_name_before_the_call_returns(
    tmp_path: Path, action: str, naming: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    status, _, calls = run(root, action, "-e", TRACE)
    assert status == 0
    written = position(calls, rf"write\(\d+<{root}/{TEMP}>")
    synced = position(calls, rf"fsync\(\d+<{root}/{TEMP}>", written)
    named = position(calls, rf'{naming}.*"{root}/{TEMP}".*"{root}/object"', synced)
    position(calls, rf"fsync\(\d+<{root}>", named)


def test_folders_appear_together_with_their_object_all_of_it_durable(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    status, _, calls = run(root, "put", "-e", TRACE)
    assert status == 0
    end = -1
    for part in ("/tar/h_n/1/0_1/metadata", "/tar/h_n/1/0_1", "/tar/h_n/1", "/tar/h_n", "/tar", ""):
        end = position(calls, rf"fsync\(\d+<{root}/{TEMP}{part}>", end)
    named = position(calls, rf'rename.*"{root}/{TEMP}".*"{root}/metadata"', end)
    position(calls, rf"fsync\(\d+<{root}>", named)
    assert not any(f'"{root}/metadata' in line for line in calls if "mkdir" in line)


def test_an_upload_is_on_the_medium_before_it_has_its_name(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    status, _, calls = run(root, "upload", "-e", TRACE)
    assert status == 0
    folder = f"{root}/data/tar/h_n/1/0_1"
    made = position(calls, rf'mkdir\("{folder}"')
    position(calls, rf"fsync\(\d+<{root}/data/tar/h_n/1>", made)
    synced = position(calls, rf"fsync\(\d+<{folder}/{TEMP}>", position(calls, rf"write\(\d+<{folder}/{TEMP}>"))
    named = position(calls, rf'rename.*"{folder}/{TEMP}".*"{folder}/data"', synced)
    position(calls, rf"fsync\(\d+<{folder}>", named)


def test_a_deletion_empties_no_folder_for_longer_than_it_takes_to_remove_it_and_is_durable(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    run(root, "put")
    status, _, calls = run(root, "delete", "-e", TRACE)
    assert status == 0
    gone = position(calls, rf'unlink\("{root}/metadata/tar/h_n/1/0_1/metadata"')
    last = position(calls, rf'rmdir\("{root}/metadata"', gone)
    assert not any("fsync" in line for line in calls[gone:last])
    position(calls, rf"fsync\(\d+<{root}>", last)


FAULTS = [
    *((action, call, 1, "EIO", "TransientError") for action in ("put", "put beside", "put_new") for call in ("fsync",)),
    ("put", "fsync", 4, "EIO", "TransientError"),
    ("put", "fsync", 7, "EIO", "TransientError"),
    ("put", "rename", 1, "EACCES", "PermissionDenied"),
    ("put", "mkdir", 3, "ENOSPC", "StorageFull"),
    ("put beside", "fsync", 2, "EIO", "TransientError"),
    ("put beside", "rename", 1, "EDQUOT", "StorageFull"),
    ("put_new", "link", 1, "ENOSPC", "StorageFull"),
    ("put_new", "fsync", 2, "EIO", "TransientError"),
    ("upload", "mkdir", 2, "EACCES", "PermissionDenied"),
    ("upload", "ftruncate", 1, "EIO", "PermanentError"),
    ("upload", "fsync", 6, "ENOSPC", "StorageFull"),
    ("upload", "fsync", 6, "EIO", "PermanentError"),
    ("upload", "fsync", 7, "EIO", "PermanentError"),
    ("upload", "rename", 1, "ESTALE", "PermanentError"),
]


@pytest.mark.parametrize(("action", "call", "when", "error", "kind"), FAULTS)
def test_a_refusal_of_the_system_is_a_typed_error_and_leaves_nothing(
    tmp_path: Path, action: str, call: str, when: int, error: str, kind: str
) -> None:
    root = tmp_path / "root"
    root.mkdir()
    status, said, calls = run(root, action, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")
    assert any("(INJECTED)" in line for line in calls), calls
    assert status == 1
    assert said.startswith(kind + " local:")
    assert said.count("\n") == 1
    assert LocalStorage(str(root), clock=SystemClock()).list() == []
    assert list(root.rglob("*")) == []


def test_a_file_system_without_hard_links_gives_names_once_all_the_same(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    without_links = ("-e", "trace=link,flock,rename,fsync", "-e", "inject=link:error=EPERM")
    status, _, calls = run(root, "put_new", *without_links)
    assert status == 0
    locked = position(calls, rf"flock\(\d+<{root}>, LOCK_EX\)")
    named = position(calls, rf'rename.*"{root}/{TEMP}".*"{root}/object"', locked)
    position(calls, rf"fsync\(\d+<{root}>", named)
    status, said, _ = run(root, "put_new", *without_links)
    assert (status, said.split()[0]) == (1, "ObjectExists")
    assert [path.name for path in root.rglob("*")] == ["object"]


def test_a_lock_on_a_folder_that_its_last_holder_just_removed_does_not_count(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    folder = root / "data/tar/h_n"
    log = tmp_path / "strace.log"
    slow = ["strace", "-f", "-o", log, "-e", "trace=openat,flock", "-e", "inject=flock:delay_enter=300000"]
    with LocalStorage(str(root), clock=SystemClock()).hold("data/tar/h_n"):
        second = subprocess.Popen(
            [*slow, sys.executable, "-B", WRITER, root, "hold"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while second.poll() is None and not (log.exists() and f'"{folder}"' in log.read_text()):
            time.sleep(0.01)
    assert not folder.exists(), "the first holder was to leave while the second had the folder open but not yet locked"
    with second:
        assert second.stdout is not None
        assert second.stdout.readline() + second.stdout.readline() == "ready\nheld\n"
        assert folder.is_dir()


def test_a_folder_that_cannot_be_read_is_an_error_and_no_empty_list(tmp_path: Path) -> None:
    root = tmp_path / "root"
    root.mkdir()
    run(root, "put")
    assert run(root, "list")[1] == "1\n"
    status, said, _ = run(
        root, "list", "-e", "trace=getdents64", "-P", root / "metadata/tar", "-e", "inject=getdents64:error=EIO"
    )
    assert (status, said.split()[0]) == (1, "TransientError")


def test_a_limit_on_the_size_of_files_is_reported_as_full(tmp_path: Path) -> None:
    """The first write(2) takes less than it is given, the second nothing."""
    root = tmp_path / "root"
    root.mkdir()
    command = f"ulimit -f 100; exec {sys.executable} -B {WRITER} {root} upload"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()[1]) == (1, "StorageFull"), done
    assert list(root.rglob("*")) == []
