# The words of this project: CI runs the same ones. Everything is installed into .venv by the first of them.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
PYTEST_ARGS ?=
SUPPORTED := 3.11 3.12 3.13

.DEFAULT_GOAL := help
.PHONY: help demo test soak test-all check format proto bench clean

help:  ## what there is
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 18

demo: $(VENV)/.runtime  ## publish a real video to YouTube, Vimeo and Facebook, on the sandbox
	@$(BIN)/medusa demo

test: $(VENV)/.dev  ## all tests
	@$(BIN)/pytest -n 2 --dist loadfile $(PYTEST_ARGS)

soak: $(VENV)/.dev  ## the long forms of the tests that strike real processes: 500 kills on the file, 100 on PostgreSQL, 10,000 tasks on one daemon, true waits (15 minutes); SECONDS=3600 watches that long
	@MEDUSA_SOAK=1 MEDUSA_SECONDS=$(or $(SECONDS),0) $(BIN)/pytest -n 2 --dist loadfile -rA tests/e2e tests/integration/daemon/test_fuzz.py $(PYTEST_ARGS)

check: $(VENV)/.dev  ## lint, types, import rules, generated files
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/python -m tests.drift

format: $(VENV)/.dev  ## put the code into shape, and make the generated files anew
	@$(BIN)/ruff check --fix-only .
	@$(BIN)/ruff format .
	@$(BIN)/python -m tests.drift --write

proto: $(VENV)/.dev proto/node_modules  ## judge the daemon's API, compare it with what was, and make its stubs anew
	@cd proto && node_modules/.bin/buf lint
	@cd proto && node_modules/.bin/buf breaking --against baseline.binpb
	@$(BIN)/python -m tests.drift --write
	@cd proto && node_modules/.bin/buf build -o baseline.binpb

proto/node_modules: proto/package-lock.json
	@cd proto && npm ci --silent --no-audit --no-fund
	@touch $@

bench: $(VENV)/.dev  ## all figures as ratios; writes docs/benchmarks.md (ten minutes; needs cc, OpenSSL's headers and curl)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group bench
	@$(BIN)/python -m bench

test-all:  ## the tests on every supported Python that is installed
	@for version in $(SUPPORTED); do \
	  python=$$(tests/find-python $$version) || { echo "Python $$version is not installed: left out"; continue; }; \
	  $(MAKE) --no-print-directory test PYTHON=$$python VENV=.venv-$$version || exit 1; \
	done

clean:  ## forget what was installed and built
	@rm -rf .venv .venv-3.* .cache build dist .pytest_cache .mypy_cache .ruff_cache .import_linter_cache .hypothesis

$(VENV)/.pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Medusa needs Python 3.11 or newer; say PYTHON=... to name one")'
	@echo "Setting up $(VENV) ..."
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --upgrade 'pip>=25.1'
	@touch $@

$(VENV)/.runtime: $(VENV)/.pip pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[sandbox]'
	@touch $@

$(VENV)/.dev: $(VENV)/.runtime
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --group dev
	@touch $@
