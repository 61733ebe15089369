"""The benchmark of the storages: what is demanded is worked out from the right figures, and every program is asked."""

from __future__ import annotations

import sys

import pytest
from benchmarks.storages.demands import judged
from benchmarks.storages.measuring import Taken, least, measured
from benchmarks.storages.places import PLACES
from benchmarks.storages.programs import Program, programs

ABOUT = {
    "host": "h", "port": 1, "user": "u", "password": "p", "key": "k", "folder": "/f", "file": "/file", "many": "/many",
    "path": "/v1/a", "token": "t", "container": "c", "access_key": "a", "secret_key": "s", "region": "r",
    "segments": 4, "objects": 9, "far": False,
}  # fmt: skip
NEIGHBOURS = [name for name in PLACES if name != "local"]


def test_a_demand_is_judged_by_the_figures_that_it_names_and_passed_over_without_them():
    results = {
        ("s3", None, "ours", "put"): Taken(cpu=1.0, wall=4.0),
        ("s3", None, "rclone", "put"): Taken(cpu=9.0, wall=5.0),
        ("s3", None, "rclone rcat", "put"): Taken(cpu=9.0, wall=2.0),
        ("s3", 0.0, "ours", "get"): Taken(cpu=1.0, wall=3.0),
        ("s3", 0.05, "ours", "get"): Taken(cpu=1.0, wall=4.0),
        ("s3", 0.05, "ours", "small"): Taken(cpu=1.0, wall=1.0),
        ("s3", 0.05, "upstream", "small"): Taken(cpu=1.0, wall=7.0),
    }
    assert sorted(judged(results, 0.05)) == [
        ("S3 put: our throughput / that of rclone", 1.0, 0.5),
        ("s3 get: throughput left at 50 ms", 0.5, 0.75),
        ("s3 small objects over a line of 50 ms: our rate / that of upstream", 3.0, 7.0),
    ]


@pytest.mark.parametrize("storage", NEIGHBOURS)
@pytest.mark.parametrize("far", [False, True])
def test_no_program_does_a_task_twice_and_ours_does_all(storage, far):
    found = [(one.name, one.task) for one in programs({**ABOUT, "storage": storage}, "python", far=far)]
    assert len(found) == len(set(found))
    assert {("ours", "put"), ("ours", "get"), ("ours", "small")} <= set(found)


@pytest.mark.parametrize("storage", NEIGHBOURS)
def test_upstream_is_asked_only_if_it_is_there(storage):
    found = programs({**ABOUT, "storage": storage}, None, far=False)
    assert {one.name for one in found} <= {"ours", "scp", "rclone", "rclone rcat", "curl"}


def test_a_program_is_measured_as_a_whole_unless_it_tells_itself(tmp_path):
    (tmp_path / "stream").write_bytes(b"x" * 1000)
    told = Program(
        "it", "put", (sys.executable, "-c", "print('noise'); print('{\"cpu\": 3.5, \"wall\": 2}')"), tells=True
    )
    assert measured(told, str(tmp_path / "stream")) == Taken(3.5, 2)
    count = "import sys, time; time.sleep(0.05); sys.exit(len(sys.stdin.buffer.read()) != 1000)"
    fed = measured(Program("it", "put", (sys.executable, "-c", count), fed=True), str(tmp_path / "stream"))
    assert fed.wall >= 0.05
    with pytest.raises(SystemExit, match="it put ended with 1"):
        measured(Program("it", "put", (sys.executable, "-c", count)), str(tmp_path / "stream"))


def test_of_several_rounds_the_best_of_each_figure_counts():
    assert least([Taken(1.0, 5.0), Taken(2.0, 4.0)]) == Taken(1.0, 4.0)
