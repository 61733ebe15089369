from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from freezer.errors import SourceError, UsageError
from freezer.mode.contract import Source
from freezer.mode.fs import FileSystemMode


def prepared(path: str | Path, *, sync: bool = False) -> tuple[Source, list[str]]:
    notices: list[str] = []
    with FileSystemMode(str(path), notices.append, sync=sync).prepare() as source:
        return source, notices


def test_a_directory_is_the_source_itself(tmp_path: Path) -> None:
    assert prepared(tmp_path) == (Source(os.fsencode(tmp_path)), [])


def test_a_single_file_is_its_name_in_its_directory(tmp_path: Path) -> None:
    (tmp_path / "a file").touch()
    assert prepared(tmp_path / "a file") == (Source(os.fsencode(tmp_path), b"a file"), [])


def test_paths_are_expanded_stripped_and_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "d").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for text in ("~/d", "  ~/d ", "d", "./d/", "d/../d", f"{tmp_path}//d\n"):
        assert prepared(text)[0] == Source(os.fsencode(tmp_path / "d")), text


def test_a_name_that_really_has_blanks_around_it_is_found(tmp_path: Path) -> None:
    (tmp_path / "trailing ").touch()
    assert prepared(f"{tmp_path}/trailing ")[0].name == b"trailing "


def test_names_that_are_no_utf_8_are_kept(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff"
    os.mkdir(path)
    assert prepared(os.fsdecode(path))[0].path == path


def test_the_root_directory_is_a_source() -> None:
    assert prepared("/")[0] == Source(b"/")


def test_a_missing_path_is_one_line_with_the_path(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=f"^no such path to back up: {tmp_path}/missing$"):
        prepared(tmp_path / "missing")


def test_a_file_where_a_directory_should_be_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SourceError, match="Not a directory"):
        prepared(tmp_path / "file" / "below")


@pytest.mark.parametrize("text", ["", "  ", "a\0b"])
def test_what_is_no_path_is_a_usage_error(text: str) -> None:
    with pytest.raises(UsageError, match=r"^path_to_backup: "):
        prepared(text)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to become somebody else")
@pytest.mark.parametrize("mode", [0o000, 0o444, 0o111])
def test_a_directory_that_may_not_be_read_is_one_line_with_a_hint(tmp_path: Path, mode: int) -> None:
    directory = tmp_path / "d"
    directory.mkdir()
    for parent in (tmp_path, *tmp_path.parents[:2]):
        parent.chmod(0o755)
    directory.chmod(mode)
    pid = os.fork()
    if pid == 0:
        try:
            os.setuid(65534)
            prepared(directory)
        except SourceError as error:
            os._exit(7 if error.hint and "cannot read" in str(error) else 8)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7


def test_a_link_to_a_directory_is_that_directory_and_a_link_to_a_file_is_stored_as_a_link(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "to-d").symlink_to("d")
    (tmp_path / "dangling").symlink_to("nowhere")
    assert prepared(tmp_path / "to-d") == (Source(os.fsencode(tmp_path / "to-d")), [])
    source, notices = prepared(tmp_path / "dangling")
    assert source == Source(os.fsencode(tmp_path), b"dangling")
    assert "symbolic link" in notices[0]


def test_a_fifo_is_not_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    assert prepared(tmp_path / "fifo")[0].name == b"fifo"


def test_a_socket_holds_nothing_to_back_up(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        with pytest.raises(SourceError, match="is a socket"):
            prepared(tmp_path / "s")


def test_sync_is_called_only_when_asked_for_and_its_failure_is_a_notice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "sync", fail)
    assert prepared(tmp_path)[1] == []
    source, notices = prepared(tmp_path, sync=True)
    assert source.path == os.fsencode(tmp_path)
    assert notices == ["sync failed: Input/output error: what was written last may not be on disk yet"]
