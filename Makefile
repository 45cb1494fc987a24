# Needs python3 (3.11 to 3.13, with venv), make and git; everything else lands in .venv, and what the pages are
# built with in src/aizuchi/web/node_modules.
#   make run PORT=8080 ARGS="--open --host 0.0.0.0"     make test ARGS="-k turn"     make setup PYTHON=python3.12

PORT    ?= 12393
N       ?= 10000
WORKERS ?= 2
ARGS    ?=

VENV := .venv
BIN  := $(VENV)/bin
BASE := $(VENV)/.base-ready
DEV  := $(VENV)/.dev-ready
# Builds the pages where their sources are newer, looks them over, fetches Node if there is none.
PAGES := $(BIN)/python build_pages.py

# The first interpreter that starts and is of a version we test. Evaluated only when .venv has to be made.
FIND_PYTHON = for p in $(PYTHON) $(if $(PYTHON),,python3.13 python3.12 python3.11 python3 python); do \
	"$$p" -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] < (3, 14))' >/dev/null 2>&1 \
	&& echo "$$p" && exit 0; done; exit 1

# uv where it can be had (seconds), plain pip elsewhere (a minute or two): the lock and its hashes are the same.
# uv does not read pip's settings, so a mirror that somebody chose for pip is handed on to it.
PIP = export UV_PYTHON_DOWNLOADS=never VIRTUAL_ENV="$(CURDIR)/$(VENV)" PIP_DISABLE_PIP_VERSION_CHECK=1; \
	pip="$(BIN)/python -m pip"; \
	if [ -x $(BIN)/uv ]; then \
	  mirror=$${UV_DEFAULT_INDEX:-$${PIP_INDEX_URL:-$$($$pip config get global.index-url 2>/dev/null || true)}}; \
	  if [ -n "$$mirror" ]; then export UV_DEFAULT_INDEX="$$mirror"; fi; \
	  pip="$(BIN)/uv pip"; \
	fi; $$pip

export OPENBLAS_NUM_THREADS ?= 1

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench bench-peers simulate docs lock clean

help: ## show this list
	@echo "make run      set up what is missing and start the server (PORT=$(PORT))"
	@echo "make test     every test that needs no vendor's key (ARGS=... goes to pytest)"
	@echo "make check    format, lint, types and the fast tests: before each commit"
	@echo "make setup    the environment with everything a developer needs"
	@echo "make bench    measure latency, interrupts and cost; prints tables"
	@echo "make bench-peers   the same of Pipecat and LiveKit Agents, side by side (fetches them once)"
	@echo "make simulate N=$(N)   random conversations under a virtual clock"
	@echo "make docs     write docs/configuration.md and the protocol's schemas anew"
	@echo "make lock     resolve the dependencies anew (UPGRADE=1: to the newest)"
	@echo "make clean    remove .venv, caches and build outputs"

$(VENV)/pyvenv.cfg:
	@py=$$($(FIND_PYTHON)) || { \
	  echo "Aizuchi needs Python 3.11, 3.12 or 3.13; found none$(if $(PYTHON), at $(PYTHON))."; \
	  echo "Install one, or name it: make $(MAKECMDGOALS) PYTHON=/where/it/is/python3.12"; exit 1; }; \
	echo "Making .venv with $$($$py -V) ..."; \
	rm -rf $(VENV); \
	"$$py" -m venv $(VENV) || { rm -rf $(VENV); \
	  echo "This Python cannot make environments; on Debian and Ubuntu: apt install python3-venv"; exit 1; }; \
	$(BIN)/python -m pip --disable-pip-version-check install --quiet "uv>=0.5" >/dev/null 2>&1 \
	  || echo "uv cannot be had here; going on with pip, which takes longer."

$(BASE): pyproject.toml requirements.lock | $(VENV)/pyvenv.cfg
	@echo "Installing the server (the first time about 100 MB are fetched: a minute, more on a slow line) ..."
	@$(PIP) install --quiet --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps -e .
	@touch $@

$(DEV): pyproject.toml requirements.lock requirements-dev.lock | $(VENV)/pyvenv.cfg
	@echo "Installing the server and the tools to work on it (the first time about 300 MB: a minute or more) ..."
	@$(PIP) install --quiet --require-hashes -r requirements-dev.lock
	@$(PIP) install --quiet --no-deps -e .
	@touch $(BASE) $@

setup: $(DEV)
	@$(PAGES) build
	@echo "Ready: $(BIN)/aizuchi"

run: $(BASE)
	@$(PAGES) run
	@exec $(BIN)/aizuchi serve --port $(PORT) $(ARGS)

test: $(DEV)
	@$(PAGES) build
	@$(PAGES) test
	@$(BIN)/pytest -n $(WORKERS) --no-loadscope-reorder $(ARGS)

check: $(DEV)
	@echo "ruff format";    $(BIN)/ruff format --check --quiet . \
	  || { $(BIN)/ruff format --check .; echo "mend it: $(BIN)/ruff format ."; exit 1; }
	@echo "ruff check";     $(BIN)/ruff check --quiet .
	@echo "pyright";        $(BIN)/pyright
	@echo "pages";          $(PAGES) build && $(PAGES) check && $(PAGES) test
	@echo "fast tests";     $(BIN)/pytest -q -n $(WORKERS) -m "not slow and not network and not live" $(ARGS)

bench: $(DEV)
	@$(BIN)/python bench/run.py $(ARGS)

bench-peers: $(DEV)
	@$(BIN)/python bench/peers/compare.py $(ARGS)

simulate: $(DEV)
	@PYTHONPATH=. $(BIN)/python tests/simulate.py --n $(N) $(ARGS)

docs: $(BASE)
	@$(BIN)/aizuchi docs

# Hashes, no addresses: docs/adr/0002-locks-without-addresses.md. The second file is a superset of the first.
LOCK = $(BIN)/uv pip compile --quiet --universal --generate-hashes --custom-compile-command "make lock" \
	$(if $(UPGRADE),--upgrade) pyproject.toml
lock: | $(VENV)/pyvenv.cfg
	@test -x $(BIN)/uv || { echo "make lock needs uv: $(BIN)/pip install uv"; exit 1; }
	@echo "Resolving ..."
	@$(LOCK) -o requirements.lock
	@$(LOCK) --all-extras --group dev -c requirements.lock -o requirements-dev.lock
	@$(filter-out pyproject.toml,$(LOCK)) --group web -c requirements-dev.lock -o requirements-web.lock
	@if grep -nE '://|^-' requirements*.lock; then \
	  echo "a lock names an address; see docs/adr/0002-locks-without-addresses.md"; exit 1; fi

clean:
	rm -rf $(VENV) build dist src/aizuchi/web/dist src/aizuchi/web/node_modules .pytest_cache .ruff_cache .hypothesis
	find src tests bench -name __pycache__ -type d -prune -exec rm -rf {} + 2>/dev/null || true
