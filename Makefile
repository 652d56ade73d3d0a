# Everything a user does; `make help` lists it. Each target sets up what it needs by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
SIM ?= both

.DEFAULT_GOAL := help
.PHONY: help setup system demo test test-slow sim verilog pretrain bench lint format clean

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## Make .venv with pinned packages, and install what the system lacks.

$(READY): pyproject.toml constraints.txt sim/system-packages.sh
	@sh sim/system-packages.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

demo: $(READY)  ## The whole chain once, on real images: RTL, golden model, heads.
	@$(BIN)/bitlight demo --folder build/demo

test: $(READY)  ## All tests but the slow ones.
	@$(BIN)/python -m pytest -n auto

test-slow: $(READY)  ## The proofs that take minutes.
	@$(BIN)/python -m pytest -n auto -m slow

sim: $(READY)  ## cocotb benches; SIM=icarus or SIM=verilator for one, WAVES=1 for a waveform.
	@$(BIN)/bitlight cosim fashion28 animals --simulator $(SIM) $(if $(filter 1,$(WAVES)),--waves) --folder build/cosim

verilog: $(READY)  ## Verilog of the shipped extractor, in build/verilog.
	@mkdir -p build/verilog
	@$(BIN)/bitlight verilog fashion28 build/verilog/fashion28.sv --json build/verilog/fashion28.json

pretrain: $(READY)  ## Train and freeze the shipped extractor again.
	@$(BIN)/python -m bitlight.pretrain

bench: $(READY)  ## Images per second, native simulation against cocotb.
	@mkdir -p build/bench
	@$(BIN)/bitlight bench rtl --json build/bench/rtl.json

lint: $(READY)  ## Lint, format and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY)  ## Put the code into the common format.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## Remove what was built; .venv stays.
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
