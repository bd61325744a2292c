# Sets itself up: every target that needs the environment makes it first, from pinned, hashed requirements.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

# The first Python that fits and can make an environment; override with PYTHON=...
PYTHON ?= $(shell for each in python3.11 python3.12 python3.13 python3; do \
	$$each -c 'import ensurepip, sys, venv; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null \
	&& { echo $$each; break; }; done)
VENV := .venv
BIN := $(VENV)/bin
CODE := $(wildcard gateway adapters models bench tests)
# A copy of the example to play with: its stages are moved by editing $(PLAY)/understudy.yaml while it runs.
PLAY := .understudy/example
ARGS ?=
ONLY ?=

# Whatever pip is configured to do on this machine must not get into the files, or their hashes would not be everyone's.
LOCK := PIP_CONFIG_FILE=/dev/null PIP_FIND_LINKS= PIP_EXTRA_INDEX_URL= $(BIN)/pip-compile
# What the tests, the demo and the container need; the drivers of Oracle, SQL Server and DB2 are left to their users.
EXTRAS := --extra soap --extra demo --extra amqp --extra messagepack --extra postgresql --extra mysql --extra parquet
# DB2's dialect compiles statements for the tests; its driver, 48 MB for one kind of processor, is not needed for that.
ALONE := --no-annotate --no-allow-unsafe $(addprefix --unsafe-package ,ibm-db sqlalchemy greenlet typing-extensions)
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check

.PHONY: help demo serve test check faults interop wheel simulate bench services lock upgrade clean

help:  ## what can be made
	@sed -nE 's/^([a-z]+):.*## (.*)/make \1\t\2/p' Makefile | expand -t 16

$(VENV)/.run: requirements/build.txt requirements/run.txt pyproject.toml
	@test -n "$(PYTHON)" || { echo "Understudy needs Python 3.11, 3.12 or 3.13 with the venv module" \
	  "(on Debian and Ubuntu: apt-get install python3 python3-venv); name another one with PYTHON=..." >&2; exit 1; }
	@echo "Setting up $(VENV) with $$($(PYTHON) --version); the first time takes a minute or two"
	@$(PYTHON) -m venv $(VENV)
	@$(INSTALL) --require-hashes -r requirements/build.txt -r requirements/run.txt
	@PYTHONWARNINGS=ignore $(INSTALL) --no-deps --no-build-isolation --editable .
	@touch $@

$(VENV)/.dev: $(VENV)/.run requirements/dev.txt requirements/alone.txt
	@echo "Adding the development tools to $(VENV)"
	@$(INSTALL) --require-hashes -r requirements/dev.txt
	@$(INSTALL) --require-hashes --no-deps -r requirements/alone.txt
	@touch $@

demo: $(VENV)/.run  ## the whole way of one job, from off to live, on real data
	$(BIN)/understudy demo $(ARGS)

serve: $(VENV)/.run  ## the example and its legacy service, until interrupted
	@$(BIN)/python -m gateway.examples.credit.prepare $(PLAY)
	$(BIN)/python -m gateway.examples.credit.legacy --port 9001 & legacy=$$!; \
	trap 'kill $$legacy' EXIT; $(BIN)/understudy serve --config $(PLAY)/understudy.yaml

test: $(VENV)/.dev  ## all tests but that of the wheel; ARGS="-k relay" for some
	$(BIN)/pytest -m "not wheel and not long and not interop" -n 3 --dist loadfile $(ARGS)

check: $(VENV)/.dev  ## formatting, lint, types, the direction of imports, docker-compose.yml
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/ruff check $(CODE)
	$(BIN)/mypy --strict $(CODE)
	$(BIN)/lint-imports
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml

faults: $(VENV)/.dev  ## the fault tests, the long ones too
	$(BIN)/pytest tests/faults $(ARGS)

interop: $(VENV)/.dev  ## SOAP and queue clients call the gateway; makes the matrices in docs (CI=true: checks them)
	@mkdir -p .understudy
	$(BIN)/pytest -m interop tests/interop --junitxml=.understudy/interop.xml $(ARGS) && passed=true || passed=false; \
	$(BIN)/python -m tests.interop.matrices .understudy/interop.xml $(if $(CI),--check) && $$passed

wheel: $(VENV)/.dev  ## builds the wheel, installs it into a fresh environment elsewhere and tries it
	$(BIN)/pytest -m wheel tests/packaging $(ARGS)

simulate: $(VENV)/.dev  ## simulates the guard, into bench/guard.md; RUNS=100 for a first impression
	RUNS=$(or $(RUNS),1000) $(BIN)/python -m bench.guard

bench: $(VENV)/.dev  ## measures, into bench/results.json; ONLY=area for one
	ONLY=$(ONLY) $(BIN)/python -m bench $(ARGS)

services: $(VENV)/.run  ## installs the services that tests need and that are missing (as root, by apt-get)
	@missing="$$($(BIN)/python -m tests.services)"; \
	if test -z "$$missing"; then echo "Every service that the tests need is there"; \
	elif test "$$(id -u)" != 0; then echo "Missing; run as root: apt-get install $$missing" >&2; exit 1; \
	else apt-get update --quiet && DEBIAN_FRONTEND=noninteractive \
	  apt-get install --yes --quiet --no-install-recommends $$missing; fi

lock: $(VENV)/.dev  ## recompiles the requirements, keeping versions that still fit
	$(LOCK) --only-build-deps --build-deps-for wheel --output-file requirements/build.txt $(ARGS) pyproject.toml
	$(LOCK) $(EXTRAS) --output-file requirements/run.txt $(ARGS) pyproject.toml
	$(LOCK) $(EXTRAS) --extra dev --constraint requirements/build.txt \
	  --constraint requirements/run.txt --output-file requirements/dev.txt $(ARGS) pyproject.toml
	echo 'ibm_db_sa>=0.4.4,<0.5' | $(LOCK) $(ALONE) --output-file requirements/alone.txt $(ARGS) -

upgrade:  ## recompiles the requirements with the newest versions that fit
	$(MAKE) lock ARGS=--upgrade

clean:  ## removes the environment and everything that was made
	rm -rf $(VENV) build dist ./*.egg-info .understudy .mypy_cache .ruff_cache .pytest_cache .hypothesis \
	  .import_linter_cache
	find $(CODE) -name __pycache__ -prune -exec rm -rf {} +
