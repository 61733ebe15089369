"""Records that somebody, or a bad disk, has altered, and passphrases that are not theirs."""

from __future__ import annotations

import pytest

from support.passphrases import make_pass_file


@pytest.mark.parametrize("cipher", ["aes-256-gcm", "aes-256-cfb"])
def test_a_check_without_reading_data_says_that_the_passphrase_is_wrong(agent, tmp_path, pass_file, cipher):
    assert agent.backup("--encrypt-pass-file", pass_file, "--encryption", cipher).code == 0
    assert agent.act("check", "--encrypt-pass-file", pass_file).code == 0
    run = agent.act("check", "--encrypt-pass-file", make_pass_file(tmp_path / "other", "wrong"), "--json")
    assert run.code == 1
    (problem,) = run.json["problems"]
    assert "the passphrase " in problem["reason"]


def test_the_error_for_an_altered_record_names_its_backup(agent, pass_file):
    secret = ("--encrypt-pass-file", pass_file)
    assert agent.backup(*secret).code == 0
    (record,) = agent.container.glob("metadata/**/metadata")
    record.write_bytes(record.read_bytes().replace(b'"files":2', b'"files":3'))
    run = agent.restore(agent.folder / "out", *secret)
    assert run.code == 1
    time = record.parent.name.split("_")[1]
    assert f"the record of level 0 of h_web (tar) at {time} was altered after it was written" in run.error
    run = agent.act("check", "--json", *secret)
    assert run.code == 1
    assert "was altered" in run.json["problems"][0]["reason"]


def test_a_record_whose_key_was_altered_does_not_pass_for_the_originals(agent):
    assert agent.backup("--incremental").code == 0
    (record,) = agent.container.glob("metadata/**/metadata")
    record.write_bytes(record.read_bytes().replace(b'"freezer":{', b'"fseezer":{'))
    run = agent.backup("--incremental", "--json")
    assert (run.code, run.json["level"]) == (0, 0)
    assert "was altered" in run.json["level_reason"]
    run = agent.act("check", "--json")
    assert run.code == 1
    assert "was altered: what stands under 'fseezer' belongs under 'freezer'" in run.json["problems"][0]["reason"]
