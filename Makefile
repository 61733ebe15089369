# Everything runs in a virtual environment that is made when it is first needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUNTIME := $(VENV)/.runtime
BENCHMARKS := $(VENV)/.benchmarks
DEMO := $(VENV)/.demo
COVERING := tests/unit tests/contract tests/formats tests/hostile tests/integration tests/protocol

.PHONY: demo test unit test-rgw coverage lint format proof docs bench bench-tar bench-repositories bench-storages bench-api sweep mutation power-cut fuzz-api clean

# Everything that `freezer up` does for a real tree, a restore that is compared, and a drill.
demo: $(DEMO)
	$(BIN)/python scripts/demo.py demo

# Everything that must hold: linters, types, import rules, documentation, all tests.
test: lint docs unit

unit: $(READY)
	$(BIN)/pytest -q -n auto --dist worksteal
	FREEZER_NO_OPENAT2=1 $(BIN)/pytest -q -n auto tests/unit/tree tests/unit/engine

# The S3 storage against Ceph's gateway, with locks; fetches 650 MB of Debian 13 once. As root, with mmdebstrap.
test-rgw: $(READY)
	FREEZER_TEST_RGW=1 $(BIN)/pytest -q tests/contract/test_storage_contract.py -k s3_of_Ceph
	FREEZER_TEST_RGW=1 $(BIN)/pytest -q tests/integration/test_s3_protection.py tests/integration/test_s3_end_to_end.py

# How much of engine, storage, stream and tree the tests run; fails below 95 % of the branches. A few minutes.
# `python scripts/branch_coverage.py .cache/coverage.json --missing` tells what is left.
coverage: $(READY)
	rm -rf .cache/coverage && mkdir -p .cache/coverage
	$(BIN)/coverage run -m pytest -q -n auto -m "not stopwatch" $(COVERING)
	$(BIN)/coverage combine -q
	$(BIN)/coverage json -q -o .cache/coverage.json
	$(BIN)/python scripts/branch_coverage.py .cache/coverage.json

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/mypy --platform win32
	$(BIN)/mypy --platform darwin
	$(BIN)/lint-imports

# Everything about the API on each database in turn: the recorded requests, races, the store's promises, faults.
# PROOF=tests/unit/api is a part of it.
proof: $(READY)
	for database in sqlite postgresql mariadb; do \
	  FREEZER_TEST_DATABASE=$$database $(BIN)/pytest -q -n auto --dist worksteal \
	    $(or $(PROOF),tests/unit/api tests/integration/test_golden_replay.py $(wildcard tests/integration/test_api_*.py)) || exit 1; \
	done

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html

# Freezer's two engines beside OpenStack Freezer, GNU tar, restic and borg; writes docs/results/speed.md and
# docs/results/speed-repositories.md. About 45 minutes. Storages have a benchmark of their own: `make bench-storages`.
# BENCH="--scale 0.02 --rounds 1 --corpora source" is a quick look; `python -m benchmarks --help` has the rest.
bench: bench-tar bench-repositories

bench-tar: $(BENCHMARKS)
	$(BIN)/python -m benchmarks --engine tar --page docs/results/speed.md $(BENCH)

bench-repositories: $(BENCHMARKS)
	$(BIN)/python -m benchmarks --engine dedup --page docs/results/speed-repositories.md $(BENCH)

# Freezer's storages beside scp, rclone, curl and OpenStack Freezer (UPSTREAM=its Python), on the servers of the tests,
# at once and over a line with a round trip of 50 ms; then 5 GiB through every storage by a whole agent, whose memory is
# watched. Half an hour and 15 GB in /tmp; docs/results/storages.md has the figures.
# STORAGES="--storage ssh --rounds 1" is a part of it; `python -m benchmarks.storages --help` has the rest.
bench-storages: $(READY)
	$(BIN)/python -m benchmarks.storages $(if $(UPSTREAM),--upstream $(UPSTREAM)) $(STORAGES)
	$(BIN)/python -m benchmarks.storages --whole 5 $(STORAGES)

# The API's server beside OpenStack's freezer-api 19.0.0 on one MariaDB (Debian: mariadb-server), what it costs with a
# thousand backups and with a million, and 200 callers for ten minutes; writes docs/results/api-speed.md. Half an hour.
# BENCH_API="--rounds 1" is a quick look.
bench-api: $(READY)
	$(BIN)/python -m benchmarks.api $(BENCH_API)
	$(BIN)/python -m benchmarks.api --scale $(BENCH_API)
	$(BIN)/python -m benchmarks.api --soak 600 --page docs/results/api-speed.md

# The long form of what `make test` does in short, which is every test marked `slow`: kills, faults, damage, two programs
# at once, on every storage; hostile archives, the restore race, millions of names. Two hours or more; as root.
# SWEEP=tests/faults/test_system_calls_fail.py is a part of it. What was counted is appended to .cache/sweep.jsonl, one
# line for each; docs/results/reliability.md has the figures.
sweep: $(READY)
	mkdir -p .cache
	FREEZER_SWEEP_LOG=$(CURDIR)/.cache/sweep.jsonl $(BIN)/pytest -q -m slow -n auto --dist worksteal $(SWEEP)
	FREEZER_RACE_TRIALS=50 $(BIN)/pytest -q tests/hostile/test_restore_race.py

# The API asked by a machine that has read its description: 2000 requests and more to each operation, right and wrong ones, and
# chains of them. An hour or two. FUZZ="-k jobs" is a part of it.
fuzz-api: $(READY)
	mkdir -p .cache
	FREEZER_SWEEP_LOG=$(CURDIR)/.cache/sweep.jsonl $(BIN)/pytest -q -m slow -n auto tests/hostile/test_api_fuzzed.py $(FUZZ)

# One small fault at a time in the restore sandbox and in the removal planner: do the tests notice? As root.
# MUTATION="sandbox --file tree/write.py" is a part of it. A run that was broken off goes on where it was, as long as
# package and tests are the same (.cache/mutation.jsonl); docs/results/mutation.md has the figures.
mutation: $(READY)
	$(BIN)/python -m scripts.mutation $(MUTATION)

# Twenty power cuts with each engine in User-Mode-Linux (Debian: user-mode-linux, e2fsprogs); as root.
power-cut: $(RUNTIME)
	$(BIN)/python scripts/power_cut.py sweep --engine tar --runs 20
	$(BIN)/python scripts/power_cut.py sweep --engine dedup --runs 20

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e .
	touch $@

$(DEMO): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[up]'
	touch $@

$(READY): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[dev,docs]'
	touch $@

$(BENCHMARKS): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) demo docs/_build build dist
