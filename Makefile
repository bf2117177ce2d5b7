# `make` prints the targets below, each from the words behind its own ##.
SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
PYTHON_M := .venv/bin/python -m
SECONDS_TO_FUZZ ?= 60
# Without compiled modules each of the many servers that tests start would compile all of them anew.
export PYTHONDONTWRITEBYTECODE :=
# What only waits for a network, or has one thread, goes on beside the others.
MAKEFLAGS += --jobs=3
# One more than there are cores, as tests with servers and browsers wait for much of their time.
TESTERS ?= $(shell expr $$(nproc) + 1)

.PHONY: help install run demo test packages frontend screens fuzz bench lint types check format clean

help: ## print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

install: ## make .venv with everything that running and testing need
	@.ci/setup requirements.txt tests/requirements.txt

run: ## serve on http://127.0.0.1:5309 (settings: docs/settings.md)
	@.ci/setup requirements.txt
	@exec .venv/bin/python app.py

demo: ## load the Chinook music shop into the running server and show what its three agents see
	@.ci/setup requirements.txt
	@.venv/bin/python examples/demo.py $(ARGS)

test: lint types packages ## lint, types and every test, with branch coverage
	@$(PYTHON_M) pytest -n $(TESTERS) --dist worksteal --cov --cov-report=term:skip-covered $(ARGS)

packages: ## have Debian install what the tests need
	@.ci/system redis-server:redis-server
	@.ci/system chromium-headless-shell:chromium-headless-shell || .ci/system chromium:chromium

frontend: ## build static/vendor anew from its pinned npm packages (needs Node 20)
	@cd frontend && npm ci --ignore-scripts --no-audit --no-fund && npm run build

screens: install ## take a picture of every screen in light, dark and as a phone, into screens/
	@.ci/system chromium-headless-shell:chromium-headless-shell
	@$(PYTHON_M) tests.browser.screens $(ARGS)

fuzz: install ## random statements against the guard, writes along foreign keys and calls of the API for SECONDS_TO_FUZZ (60)
	@$(PYTHON_M) tests.fuzz --seconds $(SECONDS_TO_FUZZ) $(ARGS)

bench: ## measure speed and memory, beside bare SQLite and other servers
	@.ci/setup requirements.txt bench/requirements.txt
	@.ci/system wrk:wrk
	@$(PYTHON_M) bench $(ARGS)

lint: install ## ruff: rules and format
	@$(PYTHON_M) ruff check
	@$(PYTHON_M) ruff format --check

types: install ## mypy, strict
	@$(PYTHON_M) mypy

check: lint types ## lint and types, without the tests

format: install ## let ruff rewrite what it can
	@$(PYTHON_M) ruff check --fix
	@$(PYTHON_M) ruff format

clean: ## remove .venv, caches and coverage; never touches cenvs/
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage .coverage.* htmlcov
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
