# Everything runs in a virtual environment that is made when it is first needed.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
RUNTIME := $(VENV)/.runtime

.PHONY: demo test unit lint format docs bench clean

# Back a real tree up in three levels, restore each, compare bytes and metadata.
demo: $(RUNTIME)
	$(BIN)/python scripts/demo.py demo

# Everything that must hold: linters, types, import rules, documentation, all tests.
test: lint docs unit

unit: $(READY)
	$(BIN)/pytest -q -n auto
	FREEZER_NO_OPENAT2=1 $(BIN)/pytest -q tests/unit/tree tests/unit/engine

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

# Figures of the codecs; see benchmarks/.
bench: $(READY)
	$(BIN)/python benchmarks/codecs.py

$(VENV)/bin/python:
	$(PYTHON) -m venv $(VENV)

$(RUNTIME): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e .
	touch $@

$(READY): $(VENV)/bin/python pyproject.toml
	$(BIN)/python -m pip install -q -e '.[dev,docs]'
	touch $@

clean:
	rm -rf $(VENV) demo docs/_build build dist
