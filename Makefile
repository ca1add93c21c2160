# Two commands set everything up on a fresh machine: `make demo` and `make test`.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check tests bench clean

# Install the core alone, cut a bundled photo with the embedded model, say where the result is.
demo: $(VENV)/core
	@mkdir -p demo
	@$(BIN)/kirie cut examples/kitten.jpg -o demo/kitten.png
	@echo "The cutout is in demo/kitten.png"

# Everything that must hold before a change lands: lint, types, tests.
test: check tests

check: $(VENV)/dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# A worker for each core, of one thread each: more threads than cores wait for each other.
tests: $(VENV)/dev
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist worksteal

# The figures of docs/measurements.md, as tables of ratios.
bench: $(VENV)/dev
	$(BIN)/python benches/png.py
	$(BIN)/python benches/edges.py
	$(BIN)/python benches/end_to_end.py
	$(BIN)/python benches/batch.py
	$(BIN)/python benches/metrics.py
	$(BIN)/python benches/eval.py

$(VENV)/python:
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/core: $(VENV)/python pyproject.toml constraints.txt
	$(PIP) -e .
	@touch $@

# PyTorch by its exact version first: a range would let pip take a build with gigabytes of CUDA packages.
$(VENV)/dev: $(VENV)/core
	$(PIP) $$(grep '^torch==' constraints.txt)
	$(PIP) -e '.[dev,train,tensorboard,heic,hub,eval,matting]'
	@touch $@

clean:
	rm -rf $(VENV) .bench demo
