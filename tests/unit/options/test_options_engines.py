"""Options of the engine dedup, and of repositories."""

from __future__ import annotations

import pytest

from freezer.errors import UsageError
from freezer.options.commandline import parse
from freezer.repository.packs.layout import PACK_SIZE

DEDUP = "backup --storage local -C /c -F /x --engine dedup"
PLACE = "--storage local -C /c"


def refusal(agent, line: str) -> str:
    with pytest.raises(UsageError) as caught:
        agent.understood(line)
    return caught.value.message


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--max-level 3", "--max-level has no meaning here: every backup of engine dedup is a full one"),
        ("--always-level 1", "--always-level has no meaning here: every backup of engine dedup is a full one"),
        ("--restart-always-level 7", "--restart-always-level has no meaning here: every backup of engine dedup is"),
        ("--compression gzip", "--compression has no meaning here: engine dedup compresses with zstd"),
        ("--encryption aes-256-cfb", "--encryption has no meaning here: a repository is encrypted and authenticated"),
        ("--max-segment-size 1M", "--max-segment-size has no meaning here: engine dedup stores packs: --pack-size"),
        ("--queue-size 3", "--queue-size has no meaning here: engine dedup stores packs: --upload-concurrency"),
        ("--stdin-name x", "only one of --path-to-backup and --stdin-name can be given"),
        ("--pack-size 10", "--pack-size: '10' is not possible"),
        ("--rehash 101%", "--rehash: '101%' is not possible; allowed: a share such as 5%"),
    ],
)
def test_what_has_no_meaning_for_engine_dedup_is_refused_in_one_line(agent, line, said):
    assert refusal(agent, f"{DEDUP} {line}").startswith(said)


@pytest.mark.parametrize("line", ["--compression zstd", "--encryption auto", "--incremental", "--max-level 0"])
def test_what_asks_for_nothing_else_than_engine_dedup_does_is_accepted(agent, line):
    assert agent.understood(f"{DEDUP} {line}").notices == ()


def test_a_job_file_is_refused_like_a_command_line_and_a_configuration_is_a_notice(agent):
    text = "[a]\naction = backup\nengine = dedup\nstorage = local\npath_to_backup = /x\nmax_level = 3\n"
    job = agent.write("job.ini", text)
    assert f"--max-level (in {job}) has no meaning here" in refusal(agent, f"--config {job}")
    agent.write(".freezer/freezer-agent.conf", "[DEFAULT]\nmax_level = 3\n")
    (notice,) = agent.understood(DEDUP).notices
    assert notice.startswith("--max-level (in ")
    assert agent.understood("backup --storage local -C /c -F /x").notices == ()


@pytest.mark.parametrize("line", ["--tag x", "--stdin-name x", "--rehash 5%", "--pack-size 64M"])
def test_what_only_engine_dedup_has_is_refused_for_others(agent, line):
    source = "" if "stdin" in line else "-F /x"
    message = refusal(agent, f"backup --storage local -C /c {source} {line}")
    assert message.endswith("has no meaning here: only engine dedup has a use for it, not tar")


def test_several_storages_are_refused(agent):
    sections = "[storage:one]\nstorage = local\ncontainer = /c\n[storage:two]\nstorage = local\ncontainer = /d\n"
    job = agent.write("job.ini", f"[a]\npath_to_backup = /x\n{sections}")
    assert refusal(agent, f"backup --engine dedup --config {job}") == (
        "backup with engine dedup works on one storage, and there are 2"
    )
    assert refusal(agent, f"prune --config {job}") == "prune with engine dedup works on one storage, and there are 2"
    assert agent.understood(f"prune --config {job} --from-storage two").action == "prune"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (f"init {PLACE}", "init needs --encrypt-pass-file, or --unencrypted"),
        (f"init {PLACE} --unencrypted --encrypt-pass-file /p", "--unencrypted contradicts --encrypt-pass-file"),
        (
            f"init {PLACE} --machine-secret-file /s --encrypt-pass-file /p",
            "only one of --encrypt-pass-file and --machine-secret-file can be given",
        ),
        (f"key add {PLACE}", "key add needs one of --new-pass-file and --new-machine-secret-file"),
        (f"key remove {PLACE}", "key remove needs one of --key-id and --key-label"),
        (f"hold {PLACE}", "hold needs --id: take the backup with this id"),
        (f"prune {PLACE} --engine tar", "prune concerns repositories, which only engine dedup has"),
    ],
)
def test_what_an_action_on_a_repository_needs_is_asked_for(agent, line, said):
    assert refusal(agent, line).startswith(said)


def test_an_action_of_two_words_may_be_written_as_two():
    for line in ("key add", "key-add", "--action key-add"):
        (found,) = parse(line.split()).assignments
        assert (found.option.name, found.text) == ("action", "key-add")
    with pytest.raises(UsageError, match="'key' is no action"):
        parse(["key"])
    with pytest.raises(UsageError, match="unexpected argument 'add'"):
        parse(["backup", "add"])


@pytest.mark.parametrize(
    ("line", "share"),
    [
        ("", 0.0),
        ("--read-data", 1.0),
        ("--read-data 5%", 0.05),
        ("--read-data=5", 0.05),
        ("--read-data=0.5%", 0.005),
        ("--read-data true", 1.0),
        ("--read-data false", 0.0),
        ("--no-read-data", 0.0),
        ("--read-data --json", 1.0),
    ],
)
def test_a_share_may_stand_alone_or_have_a_value(agent, line, share):
    assert agent.understood(f"check {PLACE} {line}").settings.share("read_data") == pytest.approx(share)


def test_packs_are_as_large_as_the_repository_makes_them_by_itself(agent):
    assert agent.understood(DEDUP).settings.integer("pack_size") == PACK_SIZE
