# Every target sets up what it needs in .venv; nothing is installed anywhere else.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SMOKE := $(VENV)/smoke
MODULES := console/node_modules/.package-lock.json
CONSOLE := src/stepwell/api/console/static/index.html

.PHONY: help setup console demo test test-console test-browser lint format crash perf smoke results conformance definitions compatibility fuzz console-perf console-types constraints clean

help: ## Show the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY) ## Install Stepwell and what its tests need into .venv

$(READY): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	  || { echo "Stepwell needs Python 3.11 or newer; try: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) \
	  || { echo "cannot make a virtual environment; on Debian: apt-get install python3-venv"; exit 1; }
	@echo "installing into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt \
	  --editable '.[dev]'
	@touch $@

console: $(CONSOLE) ## Build the web console (needs Node.js 20 or newer)

$(MODULES): console/package-lock.json
	@command -v npm >/dev/null || { echo "the console needs Node.js 20 or newer; on Debian: apt-get install npm"; exit 1; }
	@echo "installing into console/node_modules ..."
	@cd console && npm ci --no-fund --no-audit --loglevel=error
	@touch $@

$(CONSOLE): $(MODULES) console/index.html console/vite.config.ts $(shell find console/src console/public -type f ! -name types.ts 2>/dev/null)
	@echo "building the console ..."
	@cd console && npm run --silent build -- --logLevel warn

# The demo shows the console where Node.js is there to build it, and works without.
demo: $(READY) ## Run 50 orders, kill the server in the middle, and show what became of each
	@if command -v npm >/dev/null; then \
	  $(MAKE) --no-print-directory console || echo "the console cannot be built here; the demo works without it"; fi
	@$(BIN)/python examples/orders/demo.py

test: $(READY) ## Run the tests
	@$(BIN)/python -m pytest

test-console: $(MODULES) ## Check and test the console's own code
	@cd console && npm run --silent lint && npm run --silent test

test-browser: $(READY) $(CONSOLE) ## Drive the console in Chromium against real servers
	@$(BIN)/python tests/browser/chromium.py
	@$(BIN)/python -m pytest -m browser tests/browser

console-perf: $(READY) $(CONSOLE) ## Measure the console in Chromium: first paint, scrolling, memory; prints JSON
	@$(BIN)/python tests/browser/chromium.py
	@$(BIN)/python benchmarks/console.py

console-types: $(READY) ## Write console/src/api/schema.json from the server's types
	@$(BIN)/python tests/console_schema.py

lint: $(READY) ## Check style, types and the direction of imports
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

format: $(READY) ## Format the code
	@$(BIN)/ruff check --fix --quiet .
	@$(BIN)/ruff format .

crash: $(READY) ## Run 1,000 orders through 10 kills of the server, and count what was lost or doubled
	@$(BIN)/python examples/orders/crash.py

perf: $(READY) ## Measure, each figure beside a raw limit of the same run; prints JSON
	@$(BIN)/python benchmarks/perf.py

smoke: $(READY) ## Run the benchmark for a minute: fails when a cell is invalid or an anomaly is missed
	@$(BIN)/stepwell bench run --workload counter --workload charge --fault crash --fault hot-key --fault duplicate \
	  --strategy blind --strategy conditional --strategy orchestration-key --duration 45s --out $(SMOKE)
	@$(BIN)/python benchmarks/expected.py $(SMOKE)

results: $(READY) ## Write docs/benchmark/results.md from the runs that are committed beside it
	@$(BIN)/python benchmarks/results.py

conformance: $(READY) ## Replay the cases recorded on AWS (needs CASES, the folder that holds replay.py)
	@$(BIN)/python tests/conformance.py $(CASES)

definitions: $(READY) ## Check every definition of a folder, and say which AWS would take (needs DEFINITIONS, the folder)
	@$(BIN)/python tests/definitions.py $(DEFINITIONS)

compatibility: $(READY) ## Write docs/compatibility.md from the code and AWS's model
	@$(BIN)/python tests/compatibility.py

fuzz: $(READY) ## Send random requests and random definitions for ten minutes; stops at what should not happen
	@$(BIN)/python benchmarks/fuzz.py

constraints: ## Find the newest versions that go together, and keep them in constraints.txt
	@rm -rf $(VENV)-newest && $(PYTHON) -m venv $(VENV)-newest
	@$(VENV)-newest/bin/python -m pip install --quiet --disable-pip-version-check '.[dev]'
	@{ sed -n '/^#/p' constraints.txt; $(VENV)-newest/bin/python -m pip freeze --exclude stepwell; } > constraints.new
	@mv constraints.new constraints.txt; rm -rf $(VENV)-newest

clean: ## Remove the virtual environment and every cache
	rm -rf $(VENV) $(VENV)-newest console/node_modules $(dir $(CONSOLE)) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache .stepwell dist build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
