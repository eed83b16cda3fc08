# `make run` and `make test` do all of their own set-up, from Python 3.11+ and the locks.
PYTHON ?= python3
# Superset has no packages yet for Python 3.13.
BI_PYTHON ?= $(PYTHON)
BIN := .venv/bin

export DAGSTER_DISABLE_TELEMETRY := 1
export DO_NOT_TRACK := 1
# Byte code is compiled when packages are installed; without it every start takes twice as long.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: run test unit lint types sql portable hooks docs sandbox bench torture dagster superset spark lock upgrade clean
.DEFAULT_GOAL := run

# A .venv of another Python, of another place or whose Python is gone is made anew.
$(shell $(PYTHON) requirements/packages.py look $(if $(filter file,$(origin PYTHON)),,--this-python))

run: .venv/run.installed  ## load landing, or the example in data/landing, build, check, publish, print the scores
	@$(BIN)/jixiao run

test: lint  ## lint, dbt unit tests, pytest, end-to-end builds
	@$(BIN)/pytest -n auto --dist loadfile --no-loadscope-reorder

unit: .venv/dev.installed  ## the tests that build nothing, in two minutes
	@$(BIN)/pytest -n auto -m "not builds"

lint: .venv/dev.installed
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(MAKE) --no-print-directory -j 2 types sql portable
	@$(BIN)/python requirements/audit.py

# Side by side, as each of them has minutes in which it takes one core alone.
types: .venv/dev.installed
	@$(BIN)/mypy

sql: .venv/dev.installed
	@$(BIN)/python requirements/lint_sql.py

portable: .venv/dev.installed
	@$(BIN)/python -m spark.lint

hooks: .venv/dev.installed  ## have git lint what is committed
	@$(BIN)/pre-commit install

docs: .venv/run.installed  ## the models, their columns and lineage as one page, target/docs/index.html
	@$(BIN)/python -m orchestration.models_page

sandbox: .venv/run.installed  ## a loaded DuckDB file for dbt by hand: dbt build --target dev
	@$(BIN)/python -m orchestration.sandbox

bench: .venv/dev.installed  ## what a run takes, beside the least that it could; BENCH=--help
	@$(BIN)/python -m bench $(BENCH)

torture: .venv/dev.installed  ## kills, full disks, clocks, readers, workers: half an hour; TORTURE=--help
	@$(BIN)/python -m tests.torture $(TORTURE)

dagster: .venv/run.installed  ## the graph in a browser, with its schedule
	@DAGSTER_HOME="$$PWD/.dagster" $(BIN)/python -m orchestration.instance
	@DAGSTER_HOME="$$PWD/.dagster" $(BIN)/dagster dev

superset:  ## the dashboards of bi/ in Apache Superset on this machine, docs/superset.md
	@$(BI_PYTHON) bi/serve.py look
	@$(MAKE) --no-print-directory --silent .venv-bi/superset.installed
	@.venv-bi/bin/python bi/serve.py serve

spark: .venv/dev.installed  ## the same models on Spark, compared row for row: minutes, docs/spark.md
	@$(BIN)/python spark/__main__.py look
	@$(MAKE) --no-print-directory --silent .venv-spark/spark.installed
	@$(BIN)/python -m spark

lock: .venv/run.installed  ## pin all packages anew, after a change in pyproject.toml
	@$(PYTHON) requirements/packages.py lock

upgrade: .venv/run.installed  ## move every package that pyproject.toml does not hold to its latest
	@$(PYTHON) requirements/packages.py lock --upgrade

clean:  ## remove what can be made again; a warehouse has scores and their history and stays
	rm -rf .venv .venv-bi .venv-spark target .*_cache .hypothesis *.egg-info

.venv/%.installed: requirements/%.txt requirements/uv.txt pyproject.toml
	@$(PYTHON) requirements/packages.py install $*
	@touch $@

.venv-bi/superset.installed: bi/requirements.txt | .venv/run.installed
	@$(BI_PYTHON) requirements/packages.py install superset
	@touch $@

.venv-spark/spark.installed: spark/requirements.txt | .venv/run.installed
	@$(PYTHON) requirements/packages.py install spark
	@touch $@
