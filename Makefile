# Needs make, bash and a Python of the range that setup.py names; `make help` lists the targets.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.NOTPARALLEL:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV ?= .venv
PYTEST_ARGS ?= -n auto --maxprocesses 4 --dist loadfile --no-loadscope-reorder

# One quick file for each folder of rme_tf, together with trainings, XLA and arrays.
PLAIN_TESTS := $(addprefix tests/,\
	algorithms/test_warm_start.py \
	benchmark/test_benchmark_inference.py \
	callbacks/test_checkpoints.py \
	command/test_command_line.py \
	core/test_pipelines.py \
	data/test_text_batches.py \
	evaluation/test_endless.py \
	experiments/test_growth.py \
	generation/test_codes.py \
	likelihoods/test_normal_likelihood.py \
	models/test_xla.py \
	networks/test_networks.py \
	plots/test_plot_curves.py \
	posteriors/test_mixture.py \
	priors/test_vamp_text.py \
	refinements/test_gradient_steps.py \
	serving/test_export.py \
	sklearn/test_transformer.py)

# `make nightly NIGHTLY='tf-nightly==... tf-keras-nightly==... keras-nightly==... tfp-nightly==...'` pins the versions.
NIGHTLY ?= tf-nightly tf-keras-nightly keras-nightly tfp-nightly
NIGHTLY_VENV ?= .venv-nightly

PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

export KERAS_BACKEND := tensorflow
export TF_CPP_MIN_LOG_LEVEL ?= 2

.PHONY: help venv demo test test-unit test-plain screenshots estimators nightly lint format docs notebooks flags package soak audit \
	check bench gpu results clean distclean

help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@echo
	@echo "  make venv PYTHON=python3.12        choose the interpreter"
	@echo "  make test PYTEST_ARGS='-x -n 0'    pass options to pytest, here to run without parallel processes"
	@echo "  make package PACKAGE_ARGS=--from-index   with the packages that pip finds, 0.7 GB to download"

venv: $(INSTALLED)  ## create .venv and install the package with its development tools

$(PY):
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' || \
		{ echo "Needs Python 3.11, 3.12 or 3.13, got: $$($(PYTHON) --version 2>&1)." \
		       "Choose one: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(INSTALLED): setup.py pyproject.toml | $(PY)
	@echo "Installing into $(VENV): 0.7 GB to download, 3 GB on the disk, some minutes."
	$(PY) -m pip install --disable-pip-version-check --editable ".[dev]"
	@touch $@

demo: $(INSTALLED)  ## train a small mixture posterior and print what it gains
	$(PY) recipes/quickstart.py

test: $(INSTALLED)  ## run the whole test suite
	$(PY) -m pytest $(PYTEST_ARGS)

test-unit: $(INSTALLED)  ## run the tests that are not marked slow
	$(PY) -m pytest -m "not slow" $(PYTEST_ARGS)

test-plain: $(INSTALLED)  ## run a file for each folder without the suite's accelerations, as users run
	RME_PLAIN_TESTS=1 $(PY) -m pytest $(PYTEST_ARGS) $(PLAIN_TESTS)

screenshots: $(INSTALLED)  ## take pictures of the pages of runs in headless Chromium, if there is one
	RME_SCREENSHOTS=runs/screenshots $(PY) -m pytest -n 0 tests/experiments/test_screenshots.py

estimators: $(INSTALLED)  ## run all of scikit-learn's checks of estimators on the transformer
	RME_ALL_CHECKS=1 $(PY) -m pytest -n 0 -q tests/sklearn/test_estimator_checks.py

nightly: $(INSTALLED)  ## run the quick tests on the next releases of TensorFlow, Keras and TFP
	test -x $(NIGHTLY_VENV)/bin/python || $(PY) -m venv $(NIGHTLY_VENV)
	$(PY) .ci/other_requirements.py > $(NIGHTLY_VENV)/requirements.txt
	$(NIGHTLY_VENV)/bin/python -m pip install --disable-pip-version-check --upgrade $(NIGHTLY) \
		-r $(NIGHTLY_VENV)/requirements.txt
	$(NIGHTLY_VENV)/bin/python -m pip install --disable-pip-version-check --no-deps --editable .
	$(NIGHTLY_VENV)/bin/python -m pytest -m "not slow" $(PYTEST_ARGS)

lint: $(INSTALLED)  ## check style, formatting and types
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy rme_tf recipes

format: $(INSTALLED)  ## reformat the sources and apply ruff's safe fixes
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

docs: $(INSTALLED)  ## build the site of the documents in build/docs/site/; check links, anchors and spelling
	$(PY) -m codespell_lib .
	$(PY) docs/site/stage.py build/docs
	$(PY) -m zensical build --clean --strict --config-file build/docs/mkdocs.yml

notebooks: $(INSTALLED)  ## run the notebooks of docs/notebooks/, which are not changed
	$(VENV)/bin/jupyter-execute --kernel_name=python3 --startup_timeout=300 --timeout=1200 $(wildcard docs/notebooks/*.ipynb)

check: lint docs audit notebooks package test-plain screenshots estimators test  ## all that the continuous integration runs

flags: $(INSTALLED)  ## describe the flags of `rme train` again, after a change of a recipe, a table or a docstring
	$(PY) -m rme_tf.experiments.commands.description

package: $(INSTALLED)  ## build the wheel and the sdist, and use the wheel in an environment of its own
	$(PY) .ci/package.py $(PACKAGE_ARGS)

bench: $(INSTALLED)  ## time training steps, inference, bounds and the reading of a folder, into runs/
	$(PY) -m rme_tf.benchmark.images --out runs/benchmark_images/benchmark.json
	$(PY) -m rme_tf.benchmark.inference --out runs/benchmark_inference/benchmark.json
	$(PY) -m rme_tf.benchmark.text --out runs/benchmark_text/benchmark.json
	$(PY) -m rme_tf.benchmark.execution --out runs/benchmark_execution/benchmark.json
	$(PY) -m rme_tf.benchmark.bound --rounds 2 --images 32 --conv-images 4 --out runs/benchmark_bound/benchmark.json
	$(PY) -m rme_tf.benchmark.bound_growth --out runs/benchmark_bound_growth/benchmark.json
	$(PY) -m rme_tf.benchmark.steps --cores 1 --out runs/benchmark_steps/benchmark.json
	$(PY) -m rme_tf.benchmark.growth --cores 1 --most 256 --out runs/benchmark_growth/benchmark.json
	$(PY) -m rme_tf.benchmark.folder --count 5000 --batch-size 32 --out runs/benchmark_folder/benchmark.json

soak: $(INSTALLED)  ## try kills, damaged files and full disks many times; under 20 minutes, record in runs/benchmark_soak.jsonl
	PYTHONPATH=tests $(PY) -m soak --out runs/benchmark_soak.jsonl

audit: $(INSTALLED)  ## look up known vulnerabilities of the installed packages, where pip-audit can
	$(PY) .ci/audit.py

gpu: $(INSTALLED)  ## see that all works on a GPU, a line each, and how fast; without one it says so
	$(PY) -m rme_tf.benchmark.gpu

results: $(INSTALLED)  ## render the documents' tables, CSV files and figures again from recipes/results/
	$(PY) -m rme_tf.experiments.reports.documents

clean:  ## remove caches and build products
	rm -rf build dist *.egg-info .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -not -path './$(VENV)/*' -not -path './$(NIGHTLY_VENV)/*' -prune -exec rm -rf {} +

distclean: clean  ## also remove the environments
	rm -rf $(VENV) $(NIGHTLY_VENV)
