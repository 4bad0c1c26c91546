# Huaxiang on one machine. `make run` needs Python 3.11 to 3.13 and nothing else.
SOURCE    ?= complete_journey
LANDING   ?=
DS        ?=
SINCE     ?=
WAREHOUSE ?= ./warehouse
ENGINE    ?= sail
EVENTS    ?= 20e6
WORK      ?=

# What another project may have put into the terminal, which would be imported or run in place of ours.
unexport PYTHONPATH PYTHONHOME SPARK_HOME SPARK_CONF_DIR SPARK_REMOTE PYSPARK_PYTHON PYSPARK_DRIVER_PYTHON

PYTHON := .venv/bin/python
JAVA    = JAVA_HOME="$$($(PYTHON) -m local.java)"
ON      = HUAXIANG_ENGINE=$(ENGINE) $(if $(filter spark,$(ENGINE)),$(JAVA))

COMPILE := --quiet --universal --python-version 3.11 --no-annotate --custom-compile-command "make lock"

.DEFAULT_GOAL := help
.PHONY: help setup jars run stop test test-spark bench lint dictionary lock clean

help:  ## show this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
	@echo "variables of run: SOURCE=$(SOURCE) LANDING= DS=2017-12-01 SINCE=2017-01-01 WAREHOUSE=$(WAREHOUSE)"
	@echo "ENGINE=sail (in the verb's own process) or spark (needs Java 17 to 21, fetched where there is none)"
	@echo "with neither DS nor SINCE: the demo's whole history in one pass; with DS alone: that one night"

# What runs, and what tests and checks need besides.
RUNTIME := .venv/.requirements.txt
DEV     := .venv/.requirements-dev.txt

$(RUNTIME): requirements.txt local/venv.sh
	@sh local/venv.sh requirements.txt

$(DEV): requirements-dev.txt $(RUNTIME)
	@sh local/venv.sh requirements-dev.txt

setup: $(RUNTIME) $(if $(filter spark,$(ENGINE)),jars)  ## virtual environment; with ENGINE=spark also Java and jars

jars: $(RUNTIME)
	@$(JAVA) && export JAVA_HOME && $(PYTHON) -m local.jars > /dev/null

run: setup  ## land the demo data, stand Airflow and MLflow up, run one night, print what was written
	@$(PYTHON) -m local.run --source "$(SOURCE)" --landing "$(LANDING)" --ds "$(DS)" --since "$(SINCE)" --warehouse "$(WAREHOUSE)" --engine "$(ENGINE)"

stop:  ## end all that `make run` started here, and nothing else
	@test ! -x $(PYTHON) || $(PYTHON) -m local.stop

test: $(DEV) lint  ## all tests, on Sail: no Java needed
	@HUAXIANG_ENGINE=sail $(PYTHON) -m pytest -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder
	@echo "not run: the tests on Apache Spark; make test-spark runs them"

test-spark: jars $(DEV)  ## the tests that hold the two engines against each other, on Apache Spark
	@$(JAVA) && export JAVA_HOME && HUAXIANG_ENGINE=spark $(PYTHON) -m pytest -m engines -n 2 --dist loadfile --no-loadscope-reorder

bench: setup  ## a build beside DuckDB, nights on two histories, a training step, segments: a million users, known personas
	@$(ON) $(PYTHON) -m bench build --events $(EVENTS) $(if $(WORK),--work "$(WORK)")
	@$(ON) $(PYTHON) -m bench night --history $(EVENTS) $$(awk 'BEGIN {print 2 * $(EVENTS)}') $(if $(WORK),--work "$(WORK)")
	@$(PYTHON) -m bench training
	@$(ON) $(PYTHON) -m bench segment $(if $(WORK),--work "$(WORK)")
	@$(ON) $(PYTHON) -m bench personas $(if $(WORK),--work "$(WORK)")

lint: $(DEV)  ## ruff: style; mypy: types
	@$(PYTHON) -m ruff check .
	@$(PYTHON) -m ruff format --check .
	@$(PYTHON) -m mypy --no-error-summary

dictionary: $(RUNTIME)  ## docs/dictionary.md, from the contracts in jobs/
	@$(PYTHON) -m jobs.tables.dictionary

lock: setup  ## requirements*.in -> requirements*.txt, what stands there kept where it can be
	.venv/bin/uv pip compile $(COMPILE) requirements.in -o requirements.txt
	.venv/bin/uv pip compile $(COMPILE) requirements-dev.in -o requirements-dev.txt

clean: stop  ## forget the services' state, the landed demo and caches; the warehouse and .tools stay
	rm -rf .run landing .pytest_cache .ruff_cache .mypy_cache
