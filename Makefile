# Every target makes .venv from the committed lock file first; a second run takes no install time.
PYTHON ?= python3
BIN := .venv/bin
EXTRAS := --all-extras

.PHONY: install
install: .venv/.ready

.venv/.ready: uv.lock pyproject.toml requirements-uv.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --require-hashes -r requirements-uv.txt
	$(BIN)/uv sync --quiet --frozen $(EXTRAS) --group dev --inexact
	touch $@
