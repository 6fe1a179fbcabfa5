# Each target is all the set-up that a machine with Python >= 3.11 and make needs.
PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
INSTALLED := $(VENV)/.installed
# Containers often set PYTHONDONTWRITEBYTECODE: each of hundreds of processes would compile everything anew.
COMPILE := $(PY) -m compileall -q pytest_mlready reference_service tests

.PHONY: help ready test lint types layers defect clean

help:
	@echo "make ready            judge the reference service; the report goes to mlready-report/"
	@echo "make test             run the whole test suite"
	@echo "make lint             ruff, mypy --strict, import-linter"
	@echo "make defect NAME=...  judge the reference service with one planted defect (no NAME: list them)"
	@echo "make clean            remove what the targets above made"

ready: $(READY)
	$(COMPILE)
	$(PY) -m reference_service.train
	$(PY) -m pytest --mlready

# Most tests wait for a service; those that measure load run alone. Frames come last: scikit-learn imports pandas and
# Dask wherever they are, a third of each start of the service.
test: $(INSTALLED)
	$(COMPILE)
	$(PY) -m reference_service.train
	$(PY) -m pytest --numprocesses 3 -m "not alone"
	$(PY) -m pytest -m alone
	$(PY) -m pip install --quiet --group frames
	$(PY) -m pytest tests/unit/profiling

lint: layers types
	$(VENV)/bin/ruff check .

types: $(INSTALLED)
	$(VENV)/bin/mypy
	MYPYPATH=benchmarks $(VENV)/bin/mypy --explicit-package-bases benchmarks/*.py

layers: $(INSTALLED)
	$(VENV)/bin/lint-imports

defect: $(INSTALLED)
	$(PY) -m reference_service.train
	$(PY) -m tests.defects $(NAME)

$(INSTALLED): $(READY)
	$(PY) -m pip install --quiet --editable ".[all]" --group dev
	@touch $@

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python 3.11 or newer is needed: make PYTHON=python3.12 ..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(PY) -m pip install --quiet --upgrade pip
	$(PY) -m pip install --quiet --editable ".[all]" --group reference --group onnx
	@touch $@

clean:
	rm -rf $(VENV) models mlready-report .mypy_cache .ruff_cache .pytest_cache
