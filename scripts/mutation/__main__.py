"""``python -m scripts.mutation [GROUP …]``: run all mutants of the groups, print a table; 1 if too many survive."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sys
import tempfile
import time
import tomllib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from scripts.mutation import confine, trial
from scripts.mutation.ledger import Ledger, state_of
from scripts.mutation.operators import Mutant, mutants_of
from scripts.mutation.session import Job, clean

ROOT = Path(__file__).parents[2]
ACCEPTED = ROOT / "tests/mutation/survivors.toml"
KEPT = ROOT / ".cache/mutation.jsonl"
"""The ledger, between runs."""
DEMANDED = 0.85
AT_ONCE = 2
NICE = 10


_UNIT = "tests/unit"
_TREE = f"{_UNIT}/tree"
_SANDBOX = (
    f"{_TREE}/test_staging_again.py",
    f"{_TREE}/test_keeping_files.py",
    f"{_TREE}/test_sandbox.py",
    f"{_TREE}/test_sandbox_links.py",
    f"{_TREE}/test_sandbox_refusals.py",
    f"{_TREE}/test_sandbox_policies.py",
    f"{_TREE}/test_sandbox_full_targets.py",
    f"{_TREE}/test_unfinished.py",
    f"{_TREE}/test_files_from_nothing.py",
    f"{_TREE}/test_plain_files.py",
    f"{_TREE}/test_sandbox_corners.py",
    f"{_TREE}/test_while_others_interfere.py",
    f"{_TREE}/test_without_proc.py",
    # The rest of this file tries every kind with every attribute: hundreds of tests, which only `apply` needs.
    f"{_TREE}/test_apply.py::test_devices_come_back",
    f"{_TREE}/test_apply.py::test_devices_are_made_only_when_asked_for",
    f"{_TREE}/test_apply.py::test_impossible_devices_are_reported",
    f"{_TREE}/test_apply.py::test_nothing_inherits_the_acl_of_a_directory_that_existed",
    f"{_TREE}/test_apply.py::test_owners_go_by_name_where_it_is_known",
    f"{_TREE}/test_apply.py::test_root_without_same_owner_makes_nothing_that_lends_its_rights",
    f"{_TREE}/test_apply.py::test_without_a_recorded_access_time_a_new_file_has_that_of_the_restore",
)

GROUPS: dict[str, dict[str, tuple[str, ...]]] = {
    "planner": {
        "retention/plan.py": (f"{_UNIT}/retention",),
        "retention/rules.py": (f"{_UNIT}/retention",),
        "upkeep/candidates.py": (f"{_UNIT}/upkeep",),
        "upkeep/removal.py": (f"{_UNIT}/upkeep",),
    },
    "sandbox": {
        "tree/sandbox.py": _SANDBOX,
        "tree/directories.py": (f"{_TREE}/test_directories.py", *_SANDBOX),
        # (test_openat2_refused.py looks at openat2 in processes of its own, which do not run the mutants.)
        "tree/openat2.py": (f"{_TREE}/test_openat2.py", f"{_TREE}/test_openat2_choice.py"),
        "tree/write.py": _SANDBOX,
        "tree/removal.py": _SANDBOX,
        "tree/policy.py": _SANDBOX,
        "tree/apply.py": (
            f"{_TREE}/test_apply.py",
            f"{_TREE}/test_sandbox_links.py",
            f"{_TREE}/test_files_from_nothing.py",
            f"{_TREE}/test_plain_files.py",
            f"{_TREE}/test_refused_attributes.py",
            f"{_TREE}/test_without_proc.py",
        ),
    },
}
"""Modules of the package, and the tests (files, folders) that shall kill their mutants."""


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.mutation", description=__doc__)
    parser.add_argument("groups", nargs="*", choices=[[], *GROUPS], help=f"{' or '.join(GROUPS)}; all if none is named")
    parser.add_argument(
        "--file", action="append", help="only this file of the groups, e.g. tree/write.py; again for more"
    )
    parser.add_argument("--every", type=int, default=1, metavar="N", help="only every Nth mutant, for a quick look")
    options = parser.parse_args(arguments)
    folder = confine.confined_folder()
    if folder is None:
        with tempfile.TemporaryDirectory(prefix="freezer-mutation-") as name:
            return _run_confined(Path(name), arguments)
    confine.make_read_only(folder)
    os.nice(NICE)
    ledger = Ledger(folder / KEPT.name, state_of(ROOT / "src", ROOT / "tests/unit", ROOT / "tests/support"))
    good = True
    for name in options.groups or GROUPS:
        files = {file: tests for file, tests in GROUPS[name].items() if not options.file or file in options.file}
        good &= not files or _run_group(folder / name, name, files, options.every, ledger)
    return 0 if good else 1


def _run_confined(folder: Path, arguments: Sequence[str]) -> int:
    """All of it in ``folder``; what has become known stays, even if it does not come to its end."""
    folder.chmod(0o755)
    if KEPT.exists():
        shutil.copy(KEPT, folder)
    try:
        return confine.run_confined(folder, list(arguments))
    finally:
        if (folder / KEPT.name).exists():
            KEPT.parent.mkdir(exist_ok=True)
            shutil.copy(folder / KEPT.name, KEPT)


def _run_group(folder: Path, name: str, files: Mapping[str, Sequence[str]], every: int, ledger: Ledger) -> bool:
    """Run the mutants of ``files`` that are not in the ledger, print what became of all; whether enough died."""
    begin = time.monotonic()
    mutants = [mutant for file in files for mutant in mutants_of(ROOT / "src/freezer" / file, file)][::every]
    known = ledger.fates(mutants)
    if len(known) < len(mutants):
        tests = sorted({test for tests in files.values() for test in tests})
        workers = _prepare(folder, list(files), tests)
        seen = trial.read_baseline(folder / "reached.json", folder / "times.json")
        jobs = [_job(mutant, files[mutant.file], seen) for mutant in mutants if mutant not in known]
        _in_sessions([job for job in jobs if not job.at_import], workers, tests, ledger)
        _one_by_one([job for job in jobs if job.at_import], workers, ledger)
    if known:
        print(f"{name}: {len(known)} of {len(mutants)} mutants were tried by an earlier run")
    return _report(name, list(files), ledger.fates(mutants), time.monotonic() - begin)


def _prepare(folder: Path, files: Sequence[str], tests: Sequence[str]) -> list[Path]:
    """A copy of the package and its tests for every worker; the tests have passed there, and their lines are known."""
    workers = [folder / str(number) for number in range(AT_ONCE)]
    nothing = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "src", workers[0] / "src", ignore=nothing)
    shutil.copytree(ROOT / "tests", workers[0] / "tests", ignore=nothing)
    shutil.copy(ROOT / "pyproject.toml", workers[0])
    (workers[0] / "tmp").mkdir(mode=0o755)
    process = trial.start_baseline(workers[0], list(tests), frozenset(files), folder / "reached.json")
    if os.waitpid(process, 0)[1]:
        raise SystemExit("the tests fail without any mutant")
    shutil.rmtree(workers[0] / "tmp" / "pytest", ignore_errors=True)
    for worker in workers[1:]:
        shutil.copytree(workers[0], worker)
    reached = json.loads((folder / "reached.json").read_text())
    for worker in workers:
        process = trial.start_trial(worker, [test for test in reached if test != trial.IMPORT], folder / "times.json")
        if os.waitpid(process, 0)[1]:
            raise SystemExit("the tests fail without any mutant, run as for one")
    return workers


def _job(mutant: Mutant, files: Sequence[str], seen: dict[str, trial.Seen]) -> Job:
    """With those tests of ``files`` that reach the mutant's statement, the quickest first; all if it acts at import."""

    def is_reached(test: str) -> bool:
        first, last = mutant.lines
        return any(first <= line <= last for line in seen[test].lines.get(mutant.file, ()))

    at_import = mutant.function is None or is_reached(trial.IMPORT)
    tests = [test for test in seen if test.startswith(tuple(files)) and (at_import or is_reached(test))]
    tests.sort(key=lambda test: seen[test].seconds)
    return Job(mutant, at_import, tests, 10 + 4 * sum(seen[test].seconds for test in tests))


def _in_sessions(jobs: Sequence[Job], workers: Sequence[Path], tests: Sequence[str], ledger: Ledger) -> None:
    """Run the mutants inside functions."""
    shares = [jobs[number :: len(workers)] for number in range(len(workers))]
    processes = [
        trial.start_session(worker, list(tests), share, ledger) for worker, share in zip(workers, shares, strict=True)
    ]
    for process in processes:
        if os.waitpid(process, 0)[1]:
            raise SystemExit("a session broke off:\n" + "\n".join((worker / "log").read_text() for worker in workers))


def _one_by_one(jobs: Sequence[Job], workers: Sequence[Path], ledger: Ledger) -> None:
    """Run the mutants that act at import."""
    originals = {job.mutant.file: (workers[0] / "src/freezer" / job.mutant.file).read_text() for job in jobs}
    free = list(workers)
    running: dict[int, tuple[Job, Path, float]] = {}
    waiting = list(reversed(jobs))
    while waiting or running:
        while waiting and free:
            job, worker = waiting.pop(), free.pop()
            _write(worker, job.mutant.file, job.mutant.source)
            running[trial.start_trial(worker, list(job.tests))] = job, worker, time.monotonic() + job.limit
        process, status = os.waitpid(-1, os.WNOHANG)
        if process in running:
            job, worker, _ = running.pop(process)
            code = os.waitstatus_to_exitcode(status)
            if code > trial.INTERRUPTED:
                raise SystemExit(f"the tests did not run ({code}): {job.mutant}\n{(worker / 'log').read_text()}")
            ledger.note(job.mutant, "killed" if code else "survived")
        else:
            late = [process for process, (_, _, limit) in running.items() if time.monotonic() > limit]
            if not late:
                time.sleep(0.01)
                continue
            os.killpg(late[0], signal.SIGKILL)
            os.waitpid(late[0], 0)
            job, worker, _ = running.pop(late[0])
            ledger.note(job.mutant, "timeout")
        _write(worker, job.mutant.file, originals[job.mutant.file])
        clean(worker / "tmp")
        free.append(worker)


def _write(worker: Path, file: str, source: str) -> None:
    path = worker / "src/freezer" / file
    path.write_text(source)
    for compiled in (path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"):
        compiled.unlink()


def _report(name: str, files: Sequence[str], fates: dict[Mutant, str], seconds: float) -> bool:
    accepted = {
        (entry["file"], entry["in"], entry["original"], entry["mutated"]): entry["reason"]
        for entry in tomllib.loads(ACCEPTED.read_text()).get("survivor", [])
    }
    survivors = [mutant for mutant, fate in fates.items() if fate == "survived"]
    print(f"\n| {name} | mutants | killed | out of time | survived | of these accepted | killed % |")
    print("|---|--:|--:|--:|--:|--:|--:|")
    for file in [*files, "all"]:
        counted = Counter(fate for mutant, fate in fates.items() if file in (mutant.file, "all"))
        known = sum(mutant.identity in accepted for mutant in survivors if file in (mutant.file, "all"))
        total = counted.total()
        share = 1 - counted["survived"] / max(total, 1)
        print(
            f"| {file} | {total} | {counted['killed']} | {counted['timeout']} | {counted['survived']} | {known} |"
            f" {100 * share:.1f} |"
        )
    unknown = [mutant for mutant in survivors if mutant.identity not in accepted]
    killed = accepted.keys() & {mutant.identity for mutant in fates} - {mutant.identity for mutant in survivors}
    for mutant in sorted(unknown, key=lambda mutant: (mutant.file, mutant.lines)):
        print(f"not looked at: {mutant}")
    for key in sorted(killed):
        print(f"accepted, but killed: {': '.join(key)}")
    print(f"{name}: {seconds:.0f} s\n", flush=True)
    return 1 - len(survivors) / max(len(fates), 1) >= DEMANDED


sys.exit(main(sys.argv[1:]))
