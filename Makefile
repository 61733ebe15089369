# Everything runs in a virtual environment that is made when it is first needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUNTIME := $(VENV)/.runtime
BENCHMARKS := $(VENV)/.benchmarks
COVERING := tests/unit tests/contract tests/hostile tests/integration

.PHONY: demo test unit coverage lint format docs bench sweep mutation power-cut clean

# Back a real tree up in three levels, restore each, compare bytes and metadata.
demo: $(RUNTIME)
	$(BIN)/python scripts/demo.py demo

# Everything that must hold: linters, types, import rules, documentation, all tests.
test: lint docs unit

unit: $(READY)
	$(BIN)/pytest -q -n auto
	FREEZER_NO_OPENAT2=1 $(BIN)/pytest -q tests/unit/tree tests/unit/engine

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

format: $(READY)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

docs: $(READY)
	$(BIN)/sphinx-build -q -W -b html docs docs/_build/html

# Freezer beside OpenStack Freezer, GNU tar, restic and borg; writes docs/results/speed.md. About twelve minutes.
# BENCH="--scale 0.02 --rounds 1 --corpora source" is a quick look; `python -m benchmarks --help` has the rest.
bench: $(BENCHMARKS)
	$(BIN)/python -m benchmarks --page docs/results/speed.md $(BENCH)

# The long form of what `make test` does in short: kills, faults, damage, two programs at once, hostile archives, the
# restore race, millions of names. Two hours or more; as root.
# What was counted is appended to .cache/sweep.jsonl, one line each; docs/results/reliability.md has the figures.
sweep: $(READY)
	mkdir -p .cache
	FREEZER_SWEEP_LOG=$(CURDIR)/.cache/sweep.jsonl $(BIN)/pytest -q -m slow -s tests/faults tests/contract tests/hostile tests/unit/engine
	FREEZER_RACE_TRIALS=50 $(BIN)/pytest -q tests/hostile/test_restore_race.py

# One small fault at a time in the restore sandbox and in the removal planner: do the tests notice? As root.
# MUTATION="sandbox --file tree/write.py" is a part of it; docs/results/mutation.md has the figures.
mutation: $(READY)
	$(BIN)/python -m scripts.mutation $(MUTATION)

# Twenty power cuts in User-Mode-Linux (Debian: user-mode-linux, e2fsprogs); as root.
power-cut: $(RUNTIME)
	$(BIN)/python scripts/power_cut.py sweep --runs 20

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e .
	touch $@

$(READY): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[dev,docs]'
	touch $@

$(BENCHMARKS): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[bench]'
	touch $@

clean:
	rm -rf $(VENV) demo docs/_build build dist
