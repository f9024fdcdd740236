# The commands of this project. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

.DEFAULT_GOAL := help
.PHONY: help up preview drift forget down test unit lint bench lock

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(VENV)/ready ## bring up the dev stack with two client hosts; again: apply what changed
	@$(BIN)/python -m lab up

preview: $(VENV)/ready ## show what `make up` would change, and what follows; FORMAT=markdown: that for a pull request
	@FORMAT=$(FORMAT) $(BIN)/python -m lab preview

drift: $(VENV)/ready ## show what somebody changed on a host by hand: [STACK=...] [REPAIR=1]
	@STACK=$(STACK) REPAIR=$(REPAIR) $(BIN)/python -m lab drift

forget: $(VENV)/ready ## take a client host that is gone for good out of the state: CLIENT=... [STACK=...]
	@CLIENT=$(CLIENT) STACK=$(STACK) $(BIN)/python -m lab forget

down: $(VENV)/ready ## remove all that `make up` made; PURGE=1: the images pushed too
	@PURGE=$(PURGE) $(BIN)/python -m lab down

test: $(VENV)/ready ## run all the tests, on the real engine, Docker and SSH
	@$(MAKE) --no-print-directory --jobs=2 lint unit
	@$(BIN)/python -m lab prepare-tests
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder tests/scripts tests/e2e

unit: $(VENV)/ready ## run the unit tests alone: seconds, no CLI, no Docker
	@$(BIN)/pytest -n 2 --dist loadfile tests/unit

bench: $(VENV)/ready ## measure beside what you would use instead: [ROUNDS=5] [LARGE=1] [CLIENTS=100]
	@$(BIN)/python -m lab prepare-tests
	@$(BIN)/python -m bench

lint: $(VENV)/ready ## ruff, mypy, shellcheck, oxlint, and what reads workflows
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-logo --no-cache > $(VENV)/imports 2>&1 || { cat $(VENV)/imports >&2; exit 1; }
	@$(BIN)/shellcheck --shell=sh $$(git ls-files '*.sh') lab/images/start-host bench/start-host policies/run .ci/run .ci/preview .ci/watch
	@$(BIN)/oxlint --deny-warnings components/proxy/login tests/scripts/units.js
	@$(BIN)/zizmor --offline --quiet .
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.gitlab-ci .gitlab-ci.yml

lock: $(VENV)/ready ## fix all packages by their hashes, after a change of a requirements file
	@for name in requirements requirements-forge requirements-dev; do $(BIN)/uv pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" $$name.txt --output-file $$name.lock; done

$(VENV)/ready: requirements-dev.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "  Python packages: installing into $(VENV), about a minute"
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m lab.run "Python packages" $(BIN)/pip install --progress-bar off --disable-pip-version-check \
		--require-hashes -r requirements-dev.lock
	@touch $@
