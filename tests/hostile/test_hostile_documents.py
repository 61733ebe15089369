"""Hostile records and snapshot files are told in one line, and how much is believed of an archive can be set."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hostile_tarball import END, directory, file, hard_link, head, listed, pax, symlink

from freezer.cmd import agent as program
from freezer.engine.tar.archive import limits
from freezer.stream.zstandard import zstd
from support.stored import UPSTREAM_RECORD, key, local, put

MIB = 1024 * 1024

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs an action on the container within this process; returns exit code and standard error."""
    monkeypatch.setenv("HOME", str(tmp_path))

    def call(action: str, *words: object, host: str = "h") -> tuple[int, str]:
        capfd.readouterr()
        where = ["--storage", "local", "-C", tmp_path / "container", "-N", "web", "--hostname", host]
        target = ["--restore-abs-path", tmp_path / "target"] if action == "restore" else []
        code = program.main([str(word) for word in (action, *target, *where, *words)])
        told = capfd.readouterr().err
        assert "Traceback" not in told
        assert "internal error" not in told
        return code, told

    return call


def stored(folder: Path, archive: bytes, *, record: bytes = UPSTREAM_RECORD, state: bytes = b"s") -> None:
    storage = local(folder / "container")
    put(storage, key(0, 1_700_000_000, name="h_web"), data=archive, record=record, state=state)
    storage.close()


@pytest.mark.parametrize("action", ["restore", "check"])
@pytest.mark.parametrize(
    ("option", "value", "archive"),
    [
        ("entries", "2", file(b"a") + file(b"b") + file(b"c")),
        ("record", "1K", pax((b"comment", b"x" * 2000)) + file(b"a")),
        ("listing", "1K", listed(b".", *(b"N%d" % number for number in range(2000)))),
        ("extents", "3", pax((b"GNU.sparse.map", b"0,1,1,1,2,1,3,1"), (b"GNU.sparse.size", b"4")) + file(b"a")),
        ("expansion", "1", head(b"a", b"0", 2 * MIB) + bytes(2 * MIB)),
    ],
)
def test_every_limit_can_be_set_and_is_named(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, action: str, option: str, value: str, archive: bytes
) -> None:
    monkeypatch.setattr(limits, "ALLOWANCE", MIB)
    stored(tmp_path, gzip.compress(archive + END), state=b"GNU tar-1.34-2\n1\x002\0")
    words = ("--read-data",) if action == "check" else ("--overwrite",)
    assert run(action, *words)[0] == 0
    code, told = run(action, *words, f"--restore-max-{option}", value)
    assert code == 1
    assert f"--restore-max-{option}" in told or action == "check"


def test_what_lies_too_deep_is_left_out_and_named(tmp_path: Path, run: Run) -> None:
    stored(tmp_path, gzip.compress(file(b"a/b/c/d") + file(b"x/y") + END))
    code, told = run("restore", "--restore-max-depth", "2")
    assert code == 3
    assert "--restore-max-depth" in told
    assert (tmp_path / "target" / "x" / "y").exists()
    assert not (tmp_path / "target" / "a").exists()


def test_a_zstd_bomb_is_refused_by_what_it_claims(tmp_path: Path, run: Run) -> None:
    record = json.dumps({"engine_name": "tar", "compression": "zstd", "encryption": False}).encode()
    packer = zstd.ZstdCompressor()
    parts = [packer.compress(head(b"a", b"0", 3 << 30)), *(packer.compress(bytes(MIB)) for _ in range(64))]
    stored(tmp_path, b"".join([*parts, packer.flush()]), record=record)
    code, told = run("restore")
    assert code == 1
    assert "--restore-max-expansion" in told
    assert not (tmp_path / "target" / "a").exists()


@pytest.mark.parametrize("encrypted", [False, True])
@pytest.mark.parametrize("codec", ["zstd", "bzip2"])
def test_our_own_zeros_come_back_however_well_they_compress(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch, codec: str, encrypted: bool
) -> None:
    monkeypatch.setattr(limits, "ALLOWANCE", 0)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "zeros").write_bytes(bytes(4 * MIB))
    (tmp_path / "pass").write_text("correct horse")
    (tmp_path / "pass").chmod(0o600)
    words = ("--encrypt-pass-file", tmp_path / "pass") if encrypted else ()
    assert run("backup", "--path-to-backup", tmp_path / "source", "--compression", codec, *words)[0] == 0
    assert run("restore", "--restore-max-expansion", 1, *words)[0] == 0
    assert (tmp_path / "target" / "zeros").read_bytes() == bytes(4 * MIB)
    assert run("check", "--read-data", "--restore-max-expansion", 1, *words)[0] == 0


RECORDS = {
    "empty": b"",
    "no-json": b"\x80\x02}q\x00.",
    "list": b"[]",
    "null": b"null",
    "deep": b"[" * 100_000,
    "deep-object": b'{"engine_name":' * 100_000,
    "number": b'{"engine_name": 5, "encryption": false}',
    "encryption-text": b'{"engine_name": "tar", "encryption": "yes"}',
    "compression": b'{"engine_name": "tar", "compression": "../../etc", "encryption": false}',
    "compression-nul": b'{"engine_name": "tar", "compression": "gz\\u0000", "encryption": false}',
    "huge-number": b'{"engine_name": "tar", "compression": "gzip", "encryption": false, "rsync_block_size": 1e999}',
    "long-number": b'{"engine_name": "tar", "compression": "gzip", "encryption": false, "rsync_block_size": '
    + b"9" * 5000
    + b"}",
    "format": b'{"engine_name": "tar", "encryption": false, "freezer": {"format": 99}}',
    "details": b'{"engine_name": "tar", "encryption": false, "freezer": {"format": 1, "cipher": null}}',
    "latin": b'{"engine_name": "t\xe4r", "encryption": false}',
    "encrypted": b'{"engine_name": "tar", "compression": "gzip", "encryption": true}',
    "wrong-codec": b'{"engine_name": "tar", "compression": "xz", "encryption": false}',
}


@pytest.mark.parametrize("name", RECORDS)
def test_a_hostile_record_is_told_in_one_line(tmp_path: Path, run: Run, name: str) -> None:
    stored(tmp_path, gzip.compress(file(b"a") + END), record=RECORDS[name])
    code, told = run("restore")
    assert code in (1, 2), told
    assert told.count("error: ") == 1, told
    assert len(told) < 2000


STATES = {
    "empty": b"",
    "other": b"no snapshot",
    "version": b"GNU tar-1.34-9\n",
    "cut": b"GNU tar-1.34-2\n1\0002\0000\0001\0",
    "text": b"GNU tar-1.34-2\nx\0y\0",
    "huge": b"GNU tar-1.34-2\n" + b"9" * 10_000 + b"\0" + b"0\0",
    "no-end": b"GNU tar-1.34-2\n1\0002\0000\0001\0002\0003\0004\000./a\000Yb\0",
    "outside": b"GNU tar-1.34-2\n1\0002\0000\0001\0002\0003\0004\000./../../etc\000Yb\0\0\0",
}


@pytest.mark.parametrize("name", STATES)
def test_a_hostile_snapshot_file_keeps_nothing_from_its_work_and_check_tells_of_it(
    tmp_path: Path, run: Run, name: str
) -> None:
    stored(tmp_path, gzip.compress(file(b"a") + END), state=STATES[name])
    code, told = run("restore")
    assert code == 0, told
    assert (tmp_path / "target" / "a").read_bytes() == b"evil"
    assert run("check", "--read-data")[0] in (0, 1)
    (tmp_path / "source").mkdir()
    (tmp_path / "source" / "file").write_text("mine")
    code, told = run("backup", "--path-to-backup", tmp_path / "source")
    assert code in (0, 1), told
    assert told.count("error: ") == (code == 1), told


PLANTED: dict[str, Callable[[Path], object]] = {
    "link-to-directory": lambda place: os.symlink("../beside", place),
    "link-to-file": lambda place: os.symlink("../beside/file", place),
    "hard-link": lambda place: os.link(place.parent.parent / "beside" / "file", place),
    "fifo": os.mkfifo,
    "directory": lambda place: (place / "deep").mkdir(parents=True),
}


@pytest.mark.parametrize("kind", ["file", "directory", "symlink", "list", "link"])
@pytest.mark.parametrize("planted", PLANTED)
@pytest.mark.parametrize("policy", ["--overwrite", "--overwrite-policy if-changed", "--overwrite --delete"])
def test_what_stands_in_the_target_leads_nothing_outside(
    tmp_path: Path, run: Run, planted: str, kind: str, policy: str
) -> None:
    beside, target = tmp_path / "beside", tmp_path / "target"
    beside.mkdir()
    target.mkdir()
    (beside / "file").write_text("precious")
    (beside / "file").chmod(0o600)
    PLANTED[planted](target / "it")
    entries = {
        "file": listed(b".", b"Yit") + file(b"it", mode=0o666),
        "directory": directory(b"it", mode=0o777) + file(b"it/file"),
        "symlink": listed(b".", b"Yit") + symlink(b"it", b"x"),
        "list": listed(b".", b"Dit") + listed(b"it", b"Yfile") + file(b"it/file", mode=0o666),
        "link": listed(b".", b"Yit", b"Ya") + file(b"a") + hard_link(b"it", b"a"),
    }
    stored(tmp_path, gzip.compress(entries[kind] + END))
    code, told = run("restore", *policy.split())
    assert code in (0, 3), told
    assert [path.name for path in beside.iterdir()] == ["file"]
    assert (beside / "file").read_text() == "precious"
    assert (beside / "file").stat().st_mode & 0o777 == 0o600
