"""Claims are worked out of the least CPU seconds, and the page says what was demanded, measured, met and left out."""

from __future__ import annotations

import msgspec
import pytest
from benchmarks import findings, report
from benchmarks.claims import claims
from benchmarks.findings import CodecSample, CorpusFacts, CostSample, Results, Sample, StartSample
from benchmarks.measure import Usage
from benchmarks.peers.contract import Step

MIB = 1 << 20


def sample(peer, cpu, *, corpus="source", step=Step.FULL, number=1, stored=100 * MIB, peak=90 * MIB):
    return Sample(corpus, peer, step, number, Usage(cpu, cpu * 1.5, peak), stored)


def found(*samples, corpora=("source",), starts=(), codecs=(), files=1000, **more):
    titles = {peer: peer.upper() for peer in dict.fromkeys(one.peer for one in samples)}
    return Results(
        date="2026-11-21T12:00+00:00",
        command="python -m benchmarks --rounds 2",
        scale=more.get("scale", 1.0),
        machine={"processor": "a fast one, 2 cores", "kernel": "Linux 6.1"},
        versions={"tar": "tar (GNU tar) 1.34"},
        peers=titles,
        missing=more.get("missing", ()),
        corpora={name: CorpusFacts("files", "made up", files, 200 * MIB) for name in corpora},
        samples=samples,
        starts=starts,
        codecs=codecs,
        costs=more.get("costs", ()),
    )


def claim(given, start):
    (one,) = (one for one in claims(given) if one.subject.startswith(start))
    return one


def test_speed_is_the_ratio_of_the_least_cpu_seconds():
    given = found(
        sample("upstream", 9.0),
        sample("upstream", 6.0, number=2),
        sample("freezer-gzip", 2.0),
        sample("freezer-gzip", 3.0, number=2),
    )
    one = claim(given, "full backup, gzip, source: speed")
    assert one.measured == pytest.approx(3.0)
    assert one.met is True


@pytest.mark.parametrize(("ours", "met"), [(109, True), (111, False)])
def test_a_size_above_the_demand_is_missed(ours, met):
    given = found(sample("upstream", 6.0), sample("freezer-gzip", 1.0, stored=ours * MIB))
    assert claim(given, "full backup, gzip, source: size").met is met


def test_what_was_not_measured_is_neither_met_nor_missed():
    one = claim(found(sample("freezer-gzip", 1.0)), "full backup, gzip, source: speed")
    assert one.measured is None
    assert one.met is None


def test_tiny_files_restore_against_tar_and_others_against_the_original():
    tiny = found(
        sample("tar-gzip", 2.0, corpus="tiny", step=Step.RESTORE),
        sample("freezer-gzip-encrypted", 3.0, corpus="tiny", step=Step.RESTORE),
        corpora=("tiny",),
    )
    one = claim(tiny, "restore, encrypted, tiny, gzip")
    assert (one.measured, one.demanded, one.met) == (1.5, 1.2, False)
    source = found(
        sample("upstream-encrypted", 5.0, step=Step.RESTORE), sample("freezer-gzip-encrypted", 1.0, step=Step.RESTORE)
    )
    assert claim(source, "restore, encrypted, source").met is True


def test_encryption_is_counted_without_the_derivation_that_one_file_shows():
    starts = (StartSample("one file", Usage(0.2, 0.2, 0)), StartSample("one file, encrypted", Usage(0.5, 0.5, 0)))
    costs = (CostSample("source", "zstd", 2.0, 2.6), CostSample("source", "zstd", 2.2, 2.5))
    given = found(sample("freezer-zstd", 1.0), starts=starts, costs=costs)
    one = claim(given, "encryption, zstd, source")
    assert one.measured == pytest.approx(10.0)
    assert one.met is True
    assert claim(given, "encryption, gzip, source").met is None


def test_peak_memory_is_the_largest_of_ours_and_not_of_others():
    given = found(
        sample("freezer-gzip", 1.0, peak=100 * MIB),
        sample("freezer-zstd", 1.0, peak=130 * MIB),
        sample("borg", 1.0, peak=900 * MIB),
    )
    one = claim(given, "peak memory, source")
    assert (one.measured, one.met) == (130.0, False)


def test_an_unchanged_incremental_of_fewer_files_proves_nothing():
    unchanged = sample("freezer-gzip", 0.1, corpus="tiny", step=Step.UNCHANGED)
    start = "unchanged incremental"
    assert claim(found(unchanged, corpora=("tiny",), files=4000), start).met is None
    assert claim(found(unchanged, corpora=("tiny",), files=200_000), start).met is True


def test_codecs_are_compared_on_the_same_stream():
    codecs = (
        CodecSample("source", "gzip -6", 5.0, 100),
        CodecSample("source", "gzip fast", 1.0, 120),
        CodecSample("tiny", "gzip -6", 1.0, 100),
        CodecSample("tiny", "gzip fast", 1.0, 100),
    )
    given = found(codecs=codecs)
    assert claim(given, "codec, gzip fast, source stream: speed").measured == 5.0
    assert claim(given, "codec, gzip fast, source stream: size").measured == 1.2
    assert claim(given, "codec, gzip fast, tiny stream: speed").met is False


def test_results_come_back_from_their_file_as_they_were(tmp_path):
    given = found(sample("freezer-gzip", 1.25), starts=(StartSample("help", Usage(0.1, 0.2, 3)),))
    findings.write(given, tmp_path / "deep" / "results.json")
    assert findings.read(tmp_path / "deep" / "results.json") == given


def test_the_page_has_machine_versions_date_command_demand_and_verdict():
    given = found(sample("upstream", 6.0), sample("freezer-gzip", 2.0), missing=("borg is left out: there is no borg",))
    page = report.page(given, [("speed-cpu.png", "bars")])
    for text in (
        "2026-11-21",
        "a fast one, 2 cores",
        "tar (GNU tar) 1.34",
        "python -m benchmarks --rounds 2",
        "borg is left out",
        "![bars](speed-cpu.png)",
        "| full backup, gzip, source: speed of OpenStack Freezer | ≥ 2.5 × | 3.00 × | met |",
        "not measured",
        "UPSTREAM",
    ):
        assert text in page


def test_a_page_of_a_scaled_run_says_that_it_proves_nothing():
    scaled = msgspec.structs.replace(found(sample("freezer-gzip", 1.0)), scale=0.02)
    assert "not for figures" in report.page(scaled, [])
    assert "not for figures" not in report.page(found(sample("freezer-gzip", 1.0)), [])


def test_a_missed_demand_stands_out():
    given = found(sample("upstream", 2.0), sample("freezer-gzip", 2.0))
    assert "| ≥ 2.5 × | 1.00 × | **missed** |" in report.page(given, [])


def test_every_row_of_a_table_has_the_columns_of_its_head():
    given = found(sample("freezer-gzip", 1.0), sample("tar-gzip", 2.0, step=Step.RESTORE), sample("tar-gzip", 2.0))
    page = report.page(given, [])
    blocks = [block.splitlines() for block in page.split("\n\n") if block.startswith("|")]
    assert blocks
    for block in blocks:
        assert len({line.count("|") for line in block if line.startswith("|")}) == 1


def test_a_run_with_a_repository_has_the_demands_and_the_words_of_repositories():
    given = found(
        sample("freezer-dedup", 1.0),
        sample("restic", 2.0),
        sample("borg", 2.0),
        sample("freezer-dedup", 0.1, step=Step.UNCHANGED),
    )
    assert claim(given, "repository, source, full: speed of restic, CPU").met is True
    assert claim(given, "repository, source, full: speed of borg, CPU").met is False
    assert not [one for one in claims(given) if "OpenStack Freezer" in one.subject]
    assert report.page(given, []).startswith("# Speed of repositories\n")
    assert report.page(found(sample("freezer-gzip", 1.0)), []).startswith("# Speed of tar backups\n")
