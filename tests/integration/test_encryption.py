"""Encrypted backups: they come back with the right passphrase, and with anything wrong there is one line and no file
that is not as it was."""

from __future__ import annotations

import hashlib
import json

import pytest

from support.manifest import compare, make_manifest
from support.passphrases import make_pass_file

CIPHERS = ("auto", "aes-256-cfb")
GZIP = b"\x1f\x8b"
NOISE = b"".join(hashlib.sha512(bytes([i, j])).digest() for i in range(16) for j in range(256))


@pytest.fixture
def sealed(agent, pass_file):
    """Backs up with a passphrase; further words may be given."""

    def backup(*words):
        run = agent.backup("--encrypt-pass-file", pass_file, "--incremental", *words)
        assert run.code == 0, run.err
        return run

    return backup


def _flip(path, position):
    stored = bytearray(path.read_bytes())
    stored[position] ^= 0x10
    path.write_bytes(stored)


def _only_right_files(agent, target):
    """Whatever is in ``target`` is what the source has."""
    if not target.exists():
        return
    wanted = {path.name: path.read_bytes() for path in agent.source.iterdir()}
    for path in target.rglob("*"):
        assert path.read_bytes() == wanted[path.name], path


@pytest.mark.parametrize("cipher", CIPHERS)
def test_three_encrypted_levels_come_back_and_the_container_holds_no_plain_archive(agent, tmp_path, sealed, cipher):
    for number in range(3):
        (agent.source / "one").write_text(f"as of {number}")
        sealed("--encryption", cipher)
    assert agent.levels() == [0, 1, 2]
    datas = [content for name, content in agent.objects().items() if name.endswith("/data")]
    assert len(datas) == 3
    assert not any(content.startswith(GZIP) for content in datas)
    target = tmp_path / "out"
    assert agent.restore(target, "--encrypt-pass-file", tmp_path / "pass").code == 0
    assert compare(make_manifest(agent.source), make_manifest(target)) == []


def test_the_default_cipher_hides_names_everywhere(agent, sealed):
    """S2: the original leaves all names readable in engine_metadata."""
    (agent.source / "telltale-name").write_text("x")
    sealed()
    assert not any(b"telltale-name" in content for content in agent.objects().values())
    assert not any(str(agent.source).encode() in content for content in agent.objects().values())


def test_writing_the_original_s_cipher_says_that_it_is_weaker(agent, tmp_path, sealed):
    run = sealed("--encryption", "aes-256-cfb")
    restored = agent.restore(tmp_path / "out", "--encrypt-pass-file", tmp_path / "pass")
    assert "not authenticated" in run.out + run.err
    assert "not authenticated" in restored.out + restored.err


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_wrong_passphrase_is_told_from_damage_and_restores_nothing(agent, tmp_path, sealed, cipher):
    """U4: the original says the same for a wrong passphrase, damage and a full disk."""
    sealed("--encryption", cipher)
    target = tmp_path / "out"
    run = agent.restore(target, "--encrypt-pass-file", make_pass_file(tmp_path / "other", "battery staple"))
    assert run.code == 1
    assert "passphrase" in run.error
    assert not target.exists() or list(target.iterdir()) == []


@pytest.mark.parametrize("cipher", CIPHERS)
def test_a_missing_passphrase_is_named_and_nothing_is_touched(agent, tmp_path, sealed, cipher):
    sealed("--encryption", cipher)
    run = agent.restore(tmp_path / "out")
    assert run.code == 1
    assert "encrypted and there is no passphrase" in run.error
    assert "--encrypt-pass-file" in run.err
    assert not (tmp_path / "out").exists()


def test_a_passphrase_that_changed_in_mid_chain_stops_the_backup(agent, tmp_path, sealed):
    sealed()
    before = agent.objects()
    other = make_pass_file(tmp_path / "other", "battery staple")
    run = agent.backup("--incremental", "--encrypt-pass-file", other)
    assert run.code == 1
    assert "passphrase" in run.error
    assert agent.objects() == before


def test_a_new_passphrase_may_begin_a_new_chain_and_both_can_be_restored(agent, tmp_path, sealed):
    sealed()
    other = make_pass_file(tmp_path / "other", "battery staple")
    assert agent.backup("--no-incremental", "--encrypt-pass-file", other).code == 0
    assert agent.restore(tmp_path / "new", "--encrypt-pass-file", other).code == 0
    first = min(agent.act("list", "--json").json, key=lambda row: row["time"])["id"]
    words = ["--restore-backup-id", first, "--encrypt-pass-file", tmp_path / "pass"]
    assert agent.restore(tmp_path / "old", *words).code == 0


def test_an_encrypted_chain_is_not_continued_in_clear(agent, sealed):
    sealed()
    before = agent.objects()
    run = agent.backup("--incremental")
    assert run.code != 0
    assert "encrypted" in run.error
    assert agent.objects() == before


@pytest.mark.parametrize("words", [(), ("--encryption", "aes-256-cfb")])
def test_a_set_of_authenticated_backups_is_not_taken_back_to_less(agent, pass_file, sealed, words):
    sealed()
    given = ["--encrypt-pass-file", pass_file, *words] if words else []
    run = agent.backup("--no-incremental", *given)
    assert run.code == 2
    assert "authenticated" in run.error
    assert "--allow-unauthenticated" in run.err
    assert agent.backup("--no-incremental", "--allow-unauthenticated", *given).code == 0


def test_a_clear_level_slipped_into_an_authenticated_chain_is_refused(agent, tmp_path, sealed):
    sealed()
    sealed()
    path = agent.newest("metadata")
    record = json.loads(path.read_text())
    path.write_text(json.dumps({"engine_name": "tar", "compression": record["compression"], "encryption": False}))
    run = agent.restore(tmp_path / "out", "--encrypt-pass-file", tmp_path / "pass")
    assert run.code != 0
    assert "not authenticated" in run.error
    assert not (tmp_path / "out").exists()


def test_a_pass_file_with_a_clear_backup_is_refused_unless_that_is_allowed(agent, tmp_path, pass_file):
    assert agent.backup().code == 0
    words = ["--encrypt-pass-file", pass_file]
    run = agent.restore(tmp_path / "out", *words)
    assert run.code == 2
    assert "is not encrypted, but a pass file was given" in run.error
    assert agent.restore(tmp_path / "out", *words, "--allow-unauthenticated").code == 0


def test_a_pass_file_with_a_clear_chain_begins_an_encrypted_one(agent, sealed):
    assert agent.backup("--incremental").code == 0
    run = sealed("--json")
    assert run.json["level"] == 0
    assert "not encrypted" in run.json["level_reason"]


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604])
def test_a_pass_file_that_others_may_read_is_refused_with_the_remedy(agent, pass_file, mode):
    pass_file.chmod(mode)
    run = agent.backup("--encrypt-pass-file", pass_file)
    assert run.code == 2
    assert str(pass_file) in run.error
    assert "chmod 600" in run.err
    assert agent.objects() == {}
    assert agent.backup("--encrypt-pass-file", pass_file, "--trust-pass-file-permissions").code == 0


def test_a_pass_file_that_does_not_exist_leaves_nothing_behind(agent, tmp_path):
    run = agent.backup("--encrypt-pass-file", tmp_path / "nothing")
    assert run.code in (1, 2)
    assert str(tmp_path / "nothing") in run.error
    assert agent.objects() == {}


def test_an_empty_pass_file_is_no_passphrase(agent, tmp_path):
    run = agent.backup("--encrypt-pass-file", make_pass_file(tmp_path / "empty", ""))
    assert run.code in (1, 2)
    assert "empty" in run.error


def test_the_passphrase_is_never_printed_or_stored(agent, tmp_path, pass_file):
    runs = [agent.backup("--encrypt-pass-file", pass_file, "--debug", *more) for more in ((), ("--json",))]
    runs.append(agent.restore(tmp_path / "out", "--encrypt-pass-file", pass_file, "--debug"))
    digest = hashlib.sha256(b"correct horse").hexdigest()
    for text in [run.out + run.err for run in runs]:
        assert "correct horse" not in text
        assert digest not in text
    assert not any(b"correct horse" in content for content in agent.objects().values())


@pytest.mark.parametrize("part", ["data", "engine_metadata", "metadata"])
@pytest.mark.parametrize("where", [0, 0.2, 0.5, 0.8, -1])
def test_a_flipped_bit_anywhere_is_noticed(agent, tmp_path, sealed, part, where):
    (agent.source / "big").write_bytes(NOISE)
    sealed()
    path = agent.newest(part)
    _flip(path, -1 if where == -1 else int(path.stat().st_size * where))
    words = ["--encrypt-pass-file", tmp_path / "pass"]
    checked = agent.act("check", "--read-data", *words)
    assert checked.code == 1
    assert checked.error
    if part != "engine_metadata":
        restored = agent.restore(tmp_path / "out", *words)
        assert restored.code == 1, restored.err
        assert restored.error
        _only_right_files(agent, tmp_path / "out")


def test_an_increment_on_a_damaged_state_does_not_go_unnoticed(agent, tmp_path, sealed):
    sealed()
    _flip(agent.newest("engine_metadata"), -3)
    (agent.source / "one").write_text("after the damage")
    run = agent.backup("--incremental", "--encrypt-pass-file", tmp_path / "pass", "--json")
    if run.code == 0:
        assert run.json["level"] == 0
        assert run.json["level_reason"]
    else:
        assert run.code == 1
        assert run.json["error"]["type"] != "InternalError"
    target = tmp_path / "out"
    assert agent.restore(target, "--encrypt-pass-file", tmp_path / "pass").code == 0


@pytest.mark.parametrize("cipher", CIPHERS)
@pytest.mark.parametrize("kept", [0, 10, 0.3, 0.9, -1])
def test_truncated_data_is_noticed(agent, tmp_path, sealed, cipher, kept):
    (agent.source / "big").write_bytes(NOISE)
    sealed("--encryption", cipher)
    path = agent.newest("data")
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.truncate(size - 1 if kept == -1 else int(size * kept) if isinstance(kept, float) else kept)
    run = agent.restore(tmp_path / "out", "--encrypt-pass-file", tmp_path / "pass")
    assert run.code == 1, run.out
    assert run.error
    _only_right_files(agent, tmp_path / "out")


def test_flipped_bits_of_the_original_s_cipher_are_noticed_through_the_recorded_digest(agent, tmp_path, sealed):
    """S1: CFB has no authentication; what Freezer writes with it carries a SHA-256 of the stored bytes."""
    (agent.source / "big").write_bytes(NOISE)
    sealed("--encryption", "aes-256-cfb")
    _flip(agent.newest("data"), 100_000)
    run = agent.restore(tmp_path / "out", "--encrypt-pass-file", tmp_path / "pass")
    assert run.code == 1
    assert run.error


def test_two_levels_exchanged_are_noticed(agent, tmp_path, sealed):
    for number in range(3):
        (agent.source / "one").write_text(f"as of {number}")
        sealed()
    one, two = (next(agent.container.glob(f"data/tar/*/*/{level}_*/data")) for level in (1, 2))
    first, second = one.read_bytes(), two.read_bytes()
    one.write_bytes(second)
    two.write_bytes(first)
    run = agent.restore(tmp_path / "out", "--encrypt-pass-file", tmp_path / "pass")
    assert run.code == 1
    assert run.error
    _only_right_files(agent, tmp_path / "out")
