# Every target is one documented command; `make help` lists them.
PYTHON ?= python3
VENV   := .venv
PY     := $(VENV)/bin/python

.PHONY: help setup demo bundle test test-fast lint docs screenshots bench proofs peers clean
.DEFAULT_GOAL := help

help:            ## list the targets
	@sed -n 's/^\([a-z-]*\): .*## /\1\t/p' Makefile | expand -t 14

# Building an executable needs only the pinned packages of build/requirements.txt.
$(VENV)/.build: build/requirements.txt
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Tests also need the run-time packages, the clients they test with and some system packages.
$(VENV)/.tests: tests/requirements.txt build/system-packages.txt $(VENV)/.build
	sh build/install_system_packages.sh build/system-packages.txt
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# Clients that want other versions of packages that the tests use: an environment for each list.
$(VENV)/clients/%/.done: tests/clients/foreign/%.txt
	$(PYTHON) -m venv $(@D)
	$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

# What comes from npm, by the npm of one of these environments; scripts that packages would run when they are installed are left out.
$(VENV)/npm/%/.done: tests/%/package-lock.json $(VENV)/clients/node/.done
	PATH="$(CURDIR)/$(VENV)/clients/node/bin:$$PATH" npm ci --prefix tests/$* --ignore-scripts --silent --no-audit --no-fund
	@mkdir -p $(@D)
	@touch $@

NPM     := $(VENV)/npm/clients/npm/.done $(VENV)/npm/webui/.done
CLIENTS := $(patsubst tests/clients/foreign/%.txt,$(VENV)/clients/%/.done,$(wildcard tests/clients/foreign/*.txt))

setup: $(VENV)/.tests $(CLIENTS) $(NPM)  ## prepare the checkout: virtual environment, engine, models
	$(PY) -m bundler.checkout

demo: $(VENV)/.build  ## build dist/smollm2 and ask it a question
	$(PY) -m bundler build smollm2 -o dist/smollm2
	dist/smollm2 --temp 0 -p "What is the capital city of France? Answer in one sentence."

bundle: $(VENV)/.build  ## build an executable: make bundle MODEL=path.gguf OUT=dist/name
	$(PY) -m bundler build $(or $(MODEL),smollm2) -o $(or $(OUT),dist/$(basename $(notdir $(or $(MODEL),smollm2))))

test: setup      ## run every test against a freshly built executable
	$(PY) -m pytest

test-fast: setup ## run the tests that need no finished executable
	$(PY) -m pytest tests/bundler tests/runtime tests/test_rules.py

lint: $(VENV)/.tests  ## check types, style and formatting
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy

docs: $(VENV)/.tests  ## write docs/API.md and docs/lmfile.schema.json anew
	$(PY) docs/reference.py
	$(PY) docs/schema.py

screenshots: setup  ## write docs/screenshots anew
	$(PY) -m tests.webui.screenshots

peers: $(VENV)/.build  ## build llama-server, llama-bench and llama-quantize from the same source
	$(PY) -m bundler.peers

bench: setup peers  ## compare with llama-server in one run; writes dist/bench.json
	$(PY) -m tests.bench

proofs: demo setup peers  ## the long forms: 200 prompts, 300 schemas, 100 deaths, 500 clients that leave, 650 hostile ones, 10,000 mutants, the page's speed, 12,000 damaged files, 50 cut downloads and 150 cut builds, every type against llama-quantize
	$(PY) -m tests.drivers dist/smollm2

clean:           ## remove dist/ and the virtual environment; the user cache stays
	rm -rf dist $(VENV)
