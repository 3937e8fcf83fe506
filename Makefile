# Two commands matter: `make demo` and `make test`. Both set up a local environment first (once).
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
# Interpreters besides the default one on which the parts that depend on the grammar are tested, where they are installed.
OTHER_PYTHONS ?= 3.12 3.13

# Each file in one process (tests/conftest.py): its fixtures are made once. A process that dies ends the run (pytest-xdist would wait for it).
SIDE_BY_SIDE = --numprocesses 2 --dist loadgroup --max-worker-restart 0

.PHONY: demo test setup lint types unit pythons filters format clean bench soak

demo: setup
	$(RUN) -m safe_codeact.demo

test: setup lint types unit pythons

setup: $(VENV)/ready

$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "CPython 3.11 or newer is needed; $$($(PYTHON) --version) is not. Say: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[analysis,dev]'
	@touch $@

lint:
	$(RUN) -m ruff format --check .
	$(RUN) -m ruff check .

types:
	$(RUN) -m mypy

unit:
	$(RUN) -m pytest $(SIDE_BY_SIDE)

# What depends on the interpreter (grammar, transform, snapshots), on every other CPython found here.
pythons:
	@for version in $(OTHER_PYTHONS); do tests/on_python.sh $$version || exit 1; done

filters: setup
	$(RUN) -m safe_codeact.kernel.export

bench: setup
	$(RUN) benchmarks/gate.py
	$(RUN) benchmarks/action.py
	$(RUN) benchmarks/state.py

# Ten thousand actions, and what they leave behind: nothing, or exit status 1.
soak: setup
	$(RUN) benchmarks/soak.py

format: setup
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

clean:
	rm -rf $(VENV) .venv-* demo-output dist
