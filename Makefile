# raman-edge. `make help` lists what there is; everything lives in .venv.
SHELL := /bin/sh
VENV := .venv
BIN := $(VENV)/bin
# The first Python of at least 3.11; PYTHON=... chooses another.
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11 python; do \
	"$$p" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 && { command -v "$$p"; break; }; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
DEFAULT := edge/raman_edge/assets/default.onnx
DATA ?= ../shared/data
CONFIG := train/raman_train/configs/drcnn-edge.toml
# The embedded default has seen raw spectra and was measured after 16 epochs.
MEASURED := --config $(CONFIG) --set training.epochs=16 --set training.augment.far_shift=0.35 --set training.augment.raw={}
BENCHMARK := $(BIN)/raman-train benchmark
RUNS ?= runs/table2
# Test processes side by side of `make test-all`; auto is one for each processor.
JOBS ?= auto
ARTICLE := docs/benchmarks/README.md

.PHONY: help demo dist test test-all test-random test-windows test-windows-all test-arm check format bench benchmark table2 figures default packs measure-packs clean

help:  ## list the targets
	@sed -n 's/^\([a-z0-9-]*\):[^#]*## /\1\t/p' Makefile | awk -F'\t' '{printf "  make %-13s %s\n", $$1, $$2}'

demo: $(VENV)/.edge  ## see it work in a minute, with a simulated spectrometer (DEMO_SECONDS=10 makes it shorter)
	@$(BIN)/raman-edge demo

dist: | $(BIN)/python  ## build the wheel and the source distribution into dist/
	@$(PIP) install 'hatchling>=1.27'
	@$(BIN)/python -m hatchling build --directory dist

test: $(VENV)/.dev  ## run the tests that are not marked slow, random cases less often (installs torch on the first run)
	$(BIN)/python -m pytest -n auto --dist worksteal -m 'not slow' --hypothesis-profile quick

test-all: $(VENV)/.dev  ## run every test, the slow ones too (JOBS=N side by side)
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal

test-random: $(VENV)/.dev  ## search for new failures: property tests with ten times as many random cases, new ones in every run
	$(BIN)/python -m pytest -n $(JOBS) --dist worksteal -m hypothesis --hypothesis-profile random

test-windows: $(VENV)/.dev  ## run the edge on the Python of Windows under Wine (the first run downloads and installs 1 GB)
	$(BIN)/python tests/platforms/windows.py

test-windows-all: $(VENV)/.dev  ## run every test of the edge that means something on Windows there (forty minutes)
	$(BIN)/python tests/platforms/windows.py --all

test-arm: $(VENV)/.dev  ## run the edge on an emulated Raspberry Pi 4 (the first run downloads 200 MB)
	$(BIN)/python tests/platforms/arm.py

check: $(VENV)/.dev  ## ruff, mypy, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

format: $(VENV)/.dev  ## let ruff lay the code out
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

bench: $(VENV)/.dev  ## measure the edge on this machine: cold start, milliseconds, beside the bare network
	$(BIN)/python benchmarks/bench.py

runs/rruff.npz: $(VENV)/.dev
	$(BIN)/raman-train import $(DATA)/rruff/paper_datasets.npz $(DATA)/rruff/excellent_unoriented.zip --out $@

runs/rruff-native.npz: $(VENV)/.dev
	$(BIN)/raman-train import $(DATA)/rruff/excellent_unoriented.zip --out $@

table2: runs/rruff.npz runs/rruff-native.npz  ## train the networks of the paper's Table 2 in hours on two cores; stop it at any time, it goes on (RUNS=DIR keeps the run folders there)
	nice -n 19 $(BENCHMARK) --table2 --runs $(RUNS) $(if $(BUDGET),--budget $(BUDGET))

benchmark: runs/rruff.npz runs/rruff-native.npz  ## measure what two cores can in hours; goes on where it stopped (BUDGET=30m stops it)
	$(BENCHMARK) --systems drcnn-edge,cosine,pearson,derivative,root-derivative,knn --datasets dataset_1,dataset_2 --protocols spectrum,sample --seeds 0-4 $(if $(BUDGET),--budget $(BUDGET))
	$(BENCHMARK) --systems root-derivative --datasets dataset_2 --protocols laser,open,few-shot --seeds 0-4 $(if $(BUDGET),--budget $(BUDGET))
	$(BENCHMARK) --write $(ARTICLE)

figures: benchmark  ## draw the pictures of docs/benchmarks from the benchmark's runs
	$(BIN)/raman-train figures runs/benchmark/drcnn-edge-dataset_1-sample-0-* $(wildcard runs/default-sample) --out docs/benchmarks/figures

default: runs/rruff.npz  ## make the embedded default again: measure, refit on everything, export int8 with its library
	$(BIN)/raman-train evaluate $(MEASURED) --set data.protocol=sample --out runs/default-sample
	$(BIN)/raman-train evaluate $(MEASURED) --set data.protocol=open --out runs/default-open
	$(BIN)/raman-train evaluate $(MEASURED) --set data.protocol=few-shot --out runs/default-few-shot
	$(BIN)/raman-train evaluate $(MEASURED) --set data.protocol=sample --out runs/default-sample --robustness
	$(BIN)/raman-train fit --config train/raman_train/configs/default.toml --out runs/default
	$(BIN)/raman-train export --onnx runs/default $(DEFAULT) --measured runs/default-sample --measured runs/default-open
	$(BIN)/raman-train pack build minerals everyday --data $(DATA) --out edge/raman_edge/assets

packs: $(VENV)/.dev  ## make the library packs that are installed with raman-edge again, with their embeddings by the default
	$(BIN)/raman-train pack build minerals everyday --data $(DATA) --out edge/raman_edge/assets

measure-packs: runs/rruff.npz  ## print the tables of docs/benchmarks/packs.md; trains the default for each of five splits first
	for seed in 0 1 2 3 4; do $(BIN)/raman-train evaluate $(MEASURED) --set data.split_seed=$$seed --out runs/default-sample-$$seed || exit; done
	$(BIN)/raman-train pack measure --data $(DATA) --rruff runs/rruff.npz --networks runs/default-sample-[0-4]
	$(BIN)/python benchmarks/decisions.py runs/default-sample-[0-4]

clean:  ## remove .venv, caches and build results (runs/ stays)
	rm -rf $(VENV) build dist .cache .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache
	find edge train export tests benchmarks fuzz -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "raman-edge needs Python 3.11 or newer: install it, or name it: make PYTHON=/path/to/python3" >&2; exit 1; }
	@echo "making $(VENV) with $(PYTHON)" >&2
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.edge: pyproject.toml | $(BIN)/python
	@echo 'installing the edge' >&2
	@$(PIP) install -e '.[cpu]'
	@touch $@

$(VENV)/.dev: pyproject.toml constraints.txt | $(BIN)/python
	@echo 'installing training and tests' >&2
	@$(PIP) install -c constraints.txt -e '.[cpu,train,dev]'
	@touch $@ $(VENV)/.edge
