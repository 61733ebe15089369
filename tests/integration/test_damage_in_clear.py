"""Damage to backups that are not authenticated: checksums tell of accidents, and nothing is believed that cannot be."""

from __future__ import annotations

import io
import json
import tarfile

import pytest

ORIGINAL = json.dumps({"engine_name": "tar", "compression": "gzip", "encryption": False})
"""A record as the original writes it: it records neither size nor digest of anything."""


@pytest.mark.parametrize("place", [12, 0.3, 0.6, 0.9, -5])
def test_a_flipped_bit_is_noticed_by_restore_and_check_and_no_wrong_file_is_taken_for_right(agent, tmp_path, place):
    (agent.source / "text").write_text("all work and no play\n" * 5000)
    agent.backup()
    path = agent.newest("data")
    data = bytearray(path.read_bytes())
    data[int(place * len(data)) if isinstance(place, float) else place] ^= 0x10
    path.write_bytes(data)
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    assert "damaged" in run.error or "cut off" in run.error or "SHA-256" in run.error
    assert agent.act("check", "--read-data").code == 1
    assert agent.act("check").code == 0, "the structure is whole: only reading tells"


def test_a_state_that_lists_a_directory_twice_does_no_harm(agent, tmp_path):
    (agent.source / "folder").mkdir()
    (agent.source / "folder" / "file").write_text("first")
    agent.backup("--incremental")
    agent.newest("metadata").write_text(ORIGINAL)
    state = agent.newest("engine_metadata")
    listed = state.read_bytes()
    folder = listed[listed.rindex(b"\0\0\0", 0, -3) + 3 :]
    assert b"./folder\0" in folder
    state.write_bytes(listed + folder)
    (agent.source / "folder" / "file").write_text("second")
    (agent.source / "folder" / "new").write_text("new")
    assert agent.backup("--incremental").code == 0
    assert agent.restore(tmp_path / "out").code == 0
    assert (tmp_path / "out" / "folder" / "file").read_text() == "second"
    assert (tmp_path / "out" / "folder" / "new").read_text() == "new"
    assert (tmp_path / "out" / "one").read_text() == "first"


def _planted(agent, *members):
    """A backup as the original might have made it, whose archive holds these members: (TarInfo, content)."""
    agent.backup()
    agent.newest("metadata").write_text(ORIGINAL)
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz", format=tarfile.PAX_FORMAT) as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    agent.newest("data").write_bytes(buffer.getvalue())


def _directory(name):
    member = tarfile.TarInfo(name)
    member.type, member.mode = tarfile.DIRTYPE, 0o755
    return member


def test_an_archive_that_holds_a_directory_twice_restores_what_is_in_it(agent, tmp_path):
    file = tarfile.TarInfo("./folder/file")
    late = tarfile.TarInfo("./folder/late")
    _planted(
        agent,
        (_directory("."), b""),
        (_directory("./folder"), b""),
        (file, b"first"),
        (_directory("./folder"), b""),
        (late, b"late"),
    )
    run = agent.restore(tmp_path / "out")
    assert run.code in (0, 3), run.err
    assert (tmp_path / "out" / "folder" / "file").read_text() == "first"
    assert (tmp_path / "out" / "folder" / "late").read_text() == "late"


def test_an_attribute_that_no_system_takes_is_reported_and_its_file_is_whole(agent, tmp_path):
    """Extended attributes above 64 KiB: other systems have them, archives can hold them, Linux refuses them."""
    file = tarfile.TarInfo("./file")
    file.pax_headers = {"SCHILY.xattr.user.huge": "x" * 70_000, "SCHILY.xattr.user.small": "kept"}
    _planted(agent, (_directory("."), b""), (file, b"content"))
    run = agent.restore(tmp_path / "out")
    assert run.code == 3
    assert "user.huge" in run.err
    assert "user.small" not in run.err
    assert (tmp_path / "out" / "file").read_text() == "content"
    assert agent.act("check", "--read-data").code == 0


def test_a_clear_level_in_an_authenticated_chain_does_not_pass_the_check(agent, tmp_path, pass_file):
    """What a restore would refuse is no good backup."""
    secret = ["--encrypt-pass-file", pass_file]
    assert agent.backup("--incremental", *secret).code == 0
    sealed = set(agent.objects())
    (zero,) = (agent.container / "metadata/tar/h_web").iterdir()
    other = type(agent)(tmp_path / "forged", agent.call)
    other.folder.mkdir()
    other.source.mkdir()
    (other.source / "one").write_text("forged")
    assert other.backup().code == 0
    time = int(zero.name) + 1
    for part, root in (("data", "data"), ("engine_metadata", "data"), ("metadata", "metadata")):
        place = agent.container / root / "tar" / "h_web" / zero.name / f"1_{time}" / part
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(other.newest(part).read_bytes())
    agent.newest("metadata").write_text(ORIGINAL)
    run = agent.act("check", "--read-data", *secret)
    assert run.code == 1
    assert "not authenticated although its chain is" in run.err + run.out
    assert agent.restore(tmp_path / "out", *secret).code == 2
    assert sealed < set(agent.objects())
