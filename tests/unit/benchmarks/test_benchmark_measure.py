"""What a command costs is measured with all its children, and a failure is no measurement."""

from __future__ import annotations

import sys

import pytest
from benchmarks import measure
from benchmarks.__main__ import main
from benchmarks.peers.catalogue import find
from benchmarks.peers.contract import Command, shell

BURN = "import time\nwhile time.process_time() < 0.3: pass"
HOLD = "data = bytearray(60 << 20); import time; time.sleep(0.15)"


def test_the_cpu_seconds_of_children_count(tmp_path):
    line = shell("{0} -c {1}; {0} -c {1}", sys.executable, BURN)
    usage = measure.run(Command(line), tmp_path)
    assert 0.55 < usage.cpu < 3
    assert usage.wall > 0.3


def test_the_memory_of_all_processes_of_a_pipe_is_added_up(tmp_path):
    usage = measure.run(Command(shell("{0} -c {1} | {0} -c {1}", sys.executable, HOLD)), tmp_path)
    assert 100 << 20 < usage.peak < 250 << 20


def test_a_command_that_fails_is_told_with_its_last_words(tmp_path):
    with pytest.raises(measure.CommandFailed, match=r"exit 3[\s\S]*no such luck"):
        measure.run(Command(shell("echo no such luck; exit 3")), tmp_path)


def test_a_failing_part_of_a_pipe_fails_the_command(tmp_path):
    with pytest.raises(measure.CommandFailed):
        measure.run(Command(shell("false | cat")), tmp_path)


def test_stored_bytes_are_those_of_all_files(tmp_path):
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "one").write_bytes(bytes(100))
    (tmp_path / "two").write_bytes(bytes(23))
    assert measure.stored_size(tmp_path) == 123


def test_a_peer_that_the_machine_lacks_is_left_out_with_a_remedy(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    peers, missing = find(("borg",), None, tmp_path)
    assert peers == []
    assert missing == ["borg is left out: there is no borg; apt-get install borgbackup"]


def test_an_unknown_corpus_is_refused_with_those_there_are(capsys):
    with pytest.raises(SystemExit):
        main(["--corpora", "source,huge"])
    assert "huge is none of: source debian large tiny" in capsys.readouterr().err


@pytest.mark.integration
def test_a_small_run_measures_every_step_and_writes_results_and_page(tmp_path, capsys):
    words = ["--scale", "0.002", "--rounds", "1", "--corpora", "source", "--peers", "freezer-gzip,tar-gzip"]
    files = ["--work", tmp_path / "work", "--output", tmp_path / "found.json", "--page", tmp_path / "speed.md"]
    assert main([*words, "--no-plots", *map(str, files)]) == 0
    said = capsys.readouterr().err
    for step in ("full", "incremental", "unchanged", "restore"):
        assert said.count(f" {step} ") == 2
    page = (tmp_path / "speed.md").read_text()
    assert "GNU tar, gzip -6" in page
    assert main(["--report", str(tmp_path / "found.json"), "--no-plots"]) == 0
    assert capsys.readouterr().out == page
    again = [*words, "--work", str(tmp_path / "work"), "--no-plots", "--resume", str(tmp_path / "found.json")]
    assert main(again) == 0
    printed = capsys.readouterr()
    assert printed.out == page
    assert " full " not in printed.err  # all that was asked for is there already
