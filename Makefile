# Two commands: `make demo` answers questions from real documents, `make test` runs the tests.
# Both build what they need in .venv and use nothing else on the machine than Python 3.11+, git and make.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.built
EXTRA := $(shell if nvidia-smi -L >/dev/null 2>&1; then echo gpu; else echo cpu; fi)
DATA ?= data/demo
RAG := RAG_DATA_DIR=$(DATA) $(BIN)/rag

.PHONY: demo serve test test-slow check format lock clean

$(STAMP): pyproject.toml requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info; sys.exit(0 if v >= (3, 11) else f"Python 3.11 or newer is needed, this is {v.major}.{v.minor}: make PYTHON=python3.11 …")'
	$(PYTHON) -m venv $(VENV)
	@echo "Installing the pinned dependencies ($(EXTRA)) …"
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --constraint requirements.lock --editable '.[$(EXTRA),dev]'
	@touch $@

demo: $(STAMP)
	@RAG_DATA_DIR=$(DATA) sh demo.sh $(BIN)/rag

serve: $(STAMP)
	@$(RAG) serve

test: $(STAMP)
	$(BIN)/pytest

test-slow: $(STAMP)
	$(BIN)/pytest -m 'slow'

check: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

format: $(STAMP)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Pins what pyproject.toml allows today, found out in an environment of its own.
lock:
	rm -rf build/lock
	$(PYTHON) -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check --editable '.[cpu,dev]'
	build/lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' > requirements.lock
	build/lock/bin/python -m pip index versions faiss-gpu | sed -n '1s/^faiss-gpu (\(.*\))$$/faiss-gpu==\1/p' >> requirements.lock

clean:
	rm -rf $(VENV) build *.egg-info
