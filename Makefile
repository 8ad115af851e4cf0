# Everything that this project needs, it installs itself: `make demo` and `make test` work on a fresh machine.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
TORCH_VENV := .venv-torch
BIN := $(VENV)/bin
PYTEST := $(BIN)/python -m pytest
READY := $(VENV)/.ready
TORCH_READY := $(TORCH_VENV)/.ready
ONLY ?=
CASES ?= 500

.PHONY: help setup demo up test test-most test-torch lint fuzz chaos chaos-sink bench requirements clean

help: ## What can be asked for
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 24

setup: system $(READY) ## The environment that everything below runs in

demo: setup ## Real sentences through a real broker, real models and the REST bridge; then a summary
	VERIAIDPO_MODE=development $(BIN)/veriaidpo demo

up: setup ## The same parts, left running, with a ready curl line
	VERIAIDPO_MODE=development $(BIN)/veriaidpo up

test: setup $(TORCH_READY) ## Every test, on a real broker; under 12 minutes on two cores
	$(MAKE) --no-print-directory -j2 --output-sync=target test-most test-torch
	$(PYTEST) -m timed --junitxml=.cache/tests-timed.xml
	$(BIN)/python tests/check_skips.py .cache/tests.xml .cache/tests-timed.xml .cache/tests-torch.xml

test-most: $(READY)
	$(PYTEST) -m "not torch and not timed" -n 3 --dist loadgroup --junitxml=.cache/tests.xml

test-torch: $(TORCH_READY)
	$(TORCH_VENV)/bin/python -m pytest -m torch tests/integration/test_conversion.py --junitxml=.cache/tests-torch.xml

lint: $(READY) ## ruff, mypy --strict, import-linter
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

fuzz: setup ## Generated requests against the REST routes' own document: CASES=500 a route, every check
	$(BIN)/python -m tests.support.fuzz --cases $(CASES)

chaos: setup ## 20,000 records while workers, inference children and the broker are killed; the ledger must close
	$(BIN)/python -m tests.chaos.run

chaos-sink: setup ## 100,000 results while the sink and its Postgres are killed; every row is counted and compared
	$(BIN)/python -m tests.chaos.sink_campaign

bench: setup ## Every figure beside its target, into bench/results/*.json; ONLY=name runs one
	$(BIN)/python -m bench $(if $(ONLY),--only $(ONLY))

requirements: $(READY) ## Pin every dependency again, with hashes
	bash deploy/pin_requirements.sh

clean: ## Remove what the targets above made, the embedded broker's data included
	rm -rf $(VENV) $(TORCH_VENV) .veriaidpo .cache .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# -- what the targets above stand on ---------------------------------------------------------------------------------

.PHONY: system
system:
	@bash deploy/install_system_packages.sh

# install ENVIRONMENT, PINNED: uv itself comes by pip, the rest by uv, which is many times faster.
define install
	$(PYTHON) -m venv $(1)
	$(1)/bin/python -m pip install --quiet --require-hashes -r requirements/uv.txt
	$(1)/bin/python -m uv pip install --quiet --python $(1)/bin/python --require-hashes -r $(2)
	$(1)/bin/python -m uv pip install --quiet --python $(1)/bin/python --no-deps --no-build-isolation --editable .
	touch $(1)/.ready
endef

$(READY): requirements/uv.txt requirements/dev.txt pyproject.toml
	$(call install,$(VENV),requirements/dev.txt)

$(TORCH_READY): requirements/uv.txt requirements/torch.txt pyproject.toml
	$(call install,$(TORCH_VENV),requirements/torch.txt)
