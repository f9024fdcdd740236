# The commands of this project. `make help` lists them.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin

# Without STACK a command is for the dev stack, which the lab runs. For your own stack it needs the packages of the program
# alone, and nothing of the lab.
OWN := $(filter-out dev,$(STACK))
NEEDED := $(VENV)/$(if $(OWN),$(if $(wildcard $(VENV)/ready),ready,operations),ready)

.DEFAULT_GOAL := help
.PHONY: help up preview drift doctor prove verify-data forget down test unit lint bench lock

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

up: $(NEEDED) ## start the dev stack with two client hosts, or apply changes; your own stack: STACK=... [YES=1] [DIFF=1]
ifdef OWN
	@$(BIN)/python -m operations.update --stack $(OWN) $(if $(filter 1 yes true,$(YES)),--yes) $(if $(DIFF),--diff)
else
	@$(BIN)/python -m lab up
endif

preview: $(NEEDED) ## show what `make up` would change, host by host: [STACK=...] [DIFF=1] [FORMAT=markdown]
ifdef OWN
	@$(BIN)/python -m operations.preview --stack $(OWN) $(if $(DIFF),--diff) $(if $(filter markdown,$(FORMAT)),--markdown)
else
	@FORMAT=$(FORMAT) $(BIN)/python -m lab preview
endif

drift: $(NEEDED) ## show manual changes on the hosts: [STACK=...] [REPAIR=1]
ifdef OWN
	@$(BIN)/python -m operations.drift --stack $(OWN) $(if $(REPAIR),--repair)
else
	@REPAIR=$(REPAIR) $(BIN)/python -m lab drift
endif

doctor: $(NEEDED) ## read the hosts, before or after an update, and show what prevents pulls: [STACK=...] [HOSTS="..."] [JSON=1]
ifdef OWN
	@$(BIN)/python -m operations.doctor --stack $(OWN) $(if $(JSON),--json) $(HOSTS)
else
	@JSON=$(JSON) HOSTS="$(HOSTS)" $(BIN)/python -m lab doctor
endif

prove: $(NEEDED) ## let the clients prove that they trust the registry, outside of an update: [STACK=...] [HOSTS="..."] [JSON=1]
ifdef OWN
	@$(BIN)/python -m operations.prove --stack $(OWN) $(if $(JSON),--json) $(HOSTS)
else
	@JSON=$(JSON) HOSTS="$(HOSTS)" $(BIN)/python -m lab prove
endif

verify-data: $(if $(OWN),$(NEEDED)) ## find blobs and manifests that are missing or have changed: STACK=... READER=... [REPOSITORIES="..."] [JSON=1]
	$(if $(OWN),,$(error name the stack and a user who can pull: make verify-data STACK=prod READER=NAME))
	$(if $(READER),,$(error name a user who can pull: make verify-data STACK=$(OWN) READER=NAME))
	@$(BIN)/python -m operations.verify_data --stack $(OWN) --user $(READER) $(if $(JSON),--json) $(REPOSITORIES)

forget: $(NEEDED) ## remove a host that no longer exists from the state: CLIENT=... or SERVER=... [STACK=...]
ifdef OWN
	$(if $(CLIENT)$(SERVER),,$(error name the host: make forget CLIENT=10.0.0.7 STACK=$(OWN), or SERVER=...))
	@$(BIN)/python -m operations.forget --stack $(OWN) $(if $(SERVER),--server $(SERVER)) $(CLIENT)
else
	@CLIENT=$(CLIENT) SERVER=$(SERVER) $(BIN)/python -m lab forget
endif

down: $(if $(OWN),,$(VENV)/ready) ## remove the dev stack; PURGE=1: its pushed images too
	$(if $(OWN),$(error `make down` removes the lab alone. For stack $(OWN): docs/decommission.md))
	@PURGE=$(PURGE) $(BIN)/python -m lab down

test: $(VENV)/ready ## run all tests, on real Pulumi, Docker and SSH hosts
	@$(MAKE) --no-print-directory --jobs=2 lint unit
	@$(BIN)/python -m lab prepare-tests
	@$(BIN)/pytest -n 4 --dist loadfile --no-loadscope-reorder tests/scripts tests/e2e

unit: $(VENV)/ready ## run only the unit tests: no CLI, no Docker, some seconds
	@$(BIN)/pytest -n 2 --dist loadfile tests/unit

bench: $(VENV)/ready ## run the benchmarks, compared with the usual setups: [ROUNDS=5] [LARGE=1] [CLIENTS=10,100,1000] [SERVERS=1]
	@$(BIN)/python -m lab prepare-tests
	@$(BIN)/python -m bench

lint: $(VENV)/ready ## check code, scripts, workflows and the wording of texts
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/python -m tests.wording
	@$(BIN)/lint-imports --no-logo --no-cache > $(VENV)/imports 2>&1 || { cat $(VENV)/imports >&2; exit 1; }
	@$(BIN)/shellcheck --shell=sh $$(git ls-files '*.sh') lab/images/start-host lab/images/start-services lab/images/flock bench/start-host bench/make-places bench/at-address policies/run .ci/run .ci/preview .ci/watch
	@$(BIN)/oxlint --deny-warnings components/proxy/login tests/scripts/units.js
	@$(BIN)/zizmor --offline --quiet .
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-workflows .github/workflows/*.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.github-actions .github/actions/*/action.yml
	@$(BIN)/check-jsonschema --quiet --builtin-schema vendor.gitlab-ci .gitlab-ci.yml

lock: $(VENV)/ready ## write the lock files again, after a change of a requirements file
	@for name in requirements requirements-forge requirements-dev; do $(BIN)/uv pip compile --quiet --universal --generate-hashes \
		--python-version 3.11 --no-emit-index-url --custom-compile-command "make lock" $$name.txt --output-file $$name.lock; done

$(VENV)/ready: requirements-dev.lock
$(VENV)/operations: requirements.lock
$(VENV)/ready $(VENV)/operations:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed. To use another one: make PYTHON=python3.12 ..." >&2; exit 1; }
	@echo "  Python packages: installing into $(VENV), about a minute"
	@$(PYTHON) -m venv $(VENV) || { echo "On Debian: apt-get install python3-venv" >&2; exit 1; }
	@$(PYTHON) -m lab.run "Python packages" $(BIN)/pip install --progress-bar off --disable-pip-version-check \
		--require-hashes -r $<
	@touch $@
