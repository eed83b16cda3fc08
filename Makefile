# `make run` and `make test` do all of their own set-up, from Python 3.11+ and the locks.
PYTHON ?= python3
BIN := .venv/bin

export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
# Byte code is compiled when packages are installed; without it every start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test lint docs dagster lock clean
.DEFAULT_GOAL := run

run: .venv/run.installed  ## load data/landing, build, check, publish, print the scores
	@$(BIN)/jixiao run

test: lint  ## lint, dbt unit tests, pytest, end-to-end builds
	@$(BIN)/pytest -n auto --dist loadfile

lint: .venv/dev.installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/sqlfluff lint --processes 0 --disable-progress-bar models tests/dbt

docs: .venv/run.installed  ## the models, their columns and lineage as one page, target/docs/index.html
	@$(BIN)/python -m orchestration.catalogue_page

dagster: .venv/run.installed  ## the graph in a browser, with its schedule
	@mkdir -p .dagster && cp orchestration/dagster.yaml .dagster/dagster.yaml
	@DAGSTER_HOME=$(CURDIR)/.dagster $(BIN)/dagster dev

lock: .venv/run.installed  ## pin all packages anew, after a change in pyproject.toml
	@cd requirements && for set in uv dev run; do ./lock $$set ../$(BIN)/uv; done

clean:
	rm -rf .venv warehouse target .dagster

.venv/uv.installed: requirements/uv.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "jixiao needs Python 3.11 or newer; set PYTHON=python3.11")'
	@$(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --require-hashes -r requirements/uv.txt
	@touch $@

.venv/%.installed: requirements/%.txt pyproject.toml .venv/uv.installed
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r $<
	@$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e .
	@touch $@
