# `make run` and `make test` need git, make and a Python >= 3.12; the rest they install.
.DEFAULT_GOAL := help
SHELL := /bin/bash
BIN := .venv/bin
STAMP := .venv/.installed
export PYTHONDONTWRITEBYTECODE ?= 1

help: ## Show what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' Makefile

$(STAMP): deploy/requirements/development.txt deploy/find-python
	@echo "Making .venv"
	@python=$$(deploy/find-python) && $$python -m venv .venv
	@echo "Installing the locked requirements"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		-r deploy/requirements/development.txt
	@touch $@

install: $(STAMP) ## Make .venv from the locked requirements

run: $(STAMP) ## Run everything here; Ctrl-C stops it
	@exec $(BIN)/python -m config.stack

check: $(STAMP) ## The gate: linters, types, migrations, settings
	@deploy/check

test: check ## The gate and every test
	@deploy/install-test-programs
	@$(BIN)/python -m pytest --numprocesses 2 --dist loadfile

browser: $(STAMP) ## The tests in a browser, with pictures of the pages in screenshots/
	@deploy/install-test-programs
	@$(BIN)/python -m pytest tests/browser

bench: $(STAMP) ## Measure, and compare with the targets
	@deploy/install-test-programs wrk
	@$(BIN)/python -m tests.benchmarks

soak: $(STAMP) ## The long runs
	@deploy/install-test-programs
	@$(BIN)/python -m pytest -m soak --timeout 3600 -rP

compat: $(STAMP) ## Django's and django-tenants' own tests with our engine
	@$(BIN)/python -m tests.compat

mutants: $(STAMP) ## Break what protects, and see the tests notice
	@deploy/install-test-programs
	@$(BIN)/python -m tests.mutants

messages: $(STAMP) ## Collect the texts to translate, compile the German
	@$(BIN)/python -m config.messages

lock: $(STAMP) ## Compile the requirements anew
	@deploy/lock

.PHONY: help install run check test browser bench soak compat mutants messages lock
