# Everything a user does; `make help` lists it. Each target sets up what it needs by itself.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DOCS_READY := $(VENV)/.ready-docs
SIM ?= quick
TARGET ?= ecp5-85k
# The network that is simulated: the shipped extractor, or the one that was asked for.
SIMULATED := $(if $(filter undefined,$(origin NETWORK)),fashion28 animals,$(NETWORK) random)
NETWORK ?= cnv
FOLDING ?= $(if $(filter cnv,$(NETWORK)),published)

.DEFAULT_GOAL := help
.PHONY: help setup docs docs-links demo test test-slow fuzz topologies sim verilog pretrain pretrain32 pretrain-natural pretrain-cifar training bench synth board waves optics reproduce gpu-check package coverage lint format clean

help:  ## List the targets.
	@grep -E '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

setup: $(READY)  ## Make .venv with pinned packages, and install what the system lacks.

$(READY): pyproject.toml constraints.txt sim/system-packages.sh
	@sh sim/system-packages.sh
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "installing Python packages into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $@

# What only the site needs comes when the site is first built.
$(DOCS_READY): $(READY)
	@echo "installing what builds the site into $(VENV)"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[docs]'
	@touch $@

SPHINX = $(BIN)/python -m sphinx --fail-on-warning --keep-going --quiet -d build/docs/doctrees docs

docs: $(DOCS_READY)  ## The site, in build/docs/html: notebooks run, links checked, warnings are errors.
	@$(SPHINX) -b html build/docs/html
	@echo "build/docs/html/index.html"

docs-links: $(DOCS_READY)  ## The addresses outside that the site names; needs the network.
	@$(SPHINX) -b linkcheck build/docs/links

demo: $(READY)  ## The whole chain once, on real images; PHOTOS=DIR: on your photographs, too.
	@$(BIN)/bitlight demo --folder build/demo $(if $(filter command% environment%,$(origin PHOTOS)),--photos "$(PHOTOS)")

test: $(READY)  ## All tests but the slow ones; SEED=4711 in another order.
	@$(BIN)/python -m pytest -n auto $(if $(SEED),--random-order --random-order-seed=$(SEED))

test-slow: $(READY)  ## The proofs that take minutes.
	@$(BIN)/python -m pytest -n auto -m slow

fuzz: $(READY)  ## Networks and faults by the hundred in RTL, damaged files and odd environments by the thousand.
	@$(BIN)/python -m pytest -n auto -m fuzz
	@PYTHONPATH=tests:tests/support $(BIN)/python -m fuzzing --json build/fuzz-files.json
	@PYTHONPATH=tests:tests/support $(BIN)/python -m fuzzing.environments --json build/fuzz-environments.json
	@PYTHONPATH=tests:tests/support $(BIN)/python -m fuzzing.interruptions --json build/fuzz-interruptions.json

topologies: $(READY)  ## Published topologies in RTL, three images each; AlexNet takes minutes.
	@mkdir -p build/topologies
	@for name in tfc sfc lfc cnv; do \
	  $(BIN)/bitlight simulate $$name random -n 3 --processes 1 --folding published \
	    --json build/topologies/$$name.json || exit 1; done
	@$(BIN)/bitlight simulate cnv random -n 3 --processes 1 --json build/topologies/cnv-fast.json \
	  --folding 16,3/32,32/16,32/16,32/8,32/2,32/1,4/1,8/5,1
	@$(BIN)/bitlight simulate fashion28 random -n 3 --processes 1 --json build/topologies/fashion28.json
	@$(BIN)/bitlight simulate alexnet random -n 3 --processes 1 --cycles 200000 --engine sliced \
	  --json build/topologies/alexnet.json

COSIM = $(BIN)/bitlight cosim $(if $(filter 1,$(WAVES)),--waves) --folder build/cosim

sim: $(READY)  ## cocotb benches, in a minute; SIM=full, icarus or verilator, NETWORK=, WAVES=1.
ifeq ($(SIM),quick)
	@$(COSIM) $(SIMULATED) --simulator verilator
	@$(COSIM) sampler random --simulator icarus
else
	@$(COSIM) $(SIMULATED) --simulator $(if $(filter full,$(SIM)),both,$(SIM))
endif

verilog: $(READY)  ## Verilog of the shipped extractor, in build/verilog.
	@mkdir -p build/verilog
	@$(BIN)/bitlight verilog fashion28 build/verilog/fashion28.v --json build/verilog/fashion28.json

pretrain: $(READY)  ## Train and freeze the shipped extractor again.
	@$(BIN)/bitlight train fashion28 fashion-mnist:train build/pretrain/fashion28 \
	  --test fashion-mnist:test --threads 1
	@cp build/pretrain/fashion28/network.bnn py/bitlight/extractors/fashion28.bnn

pretrain32: $(READY)  ## The same for the larger one, CNV for 32×32; an hour.
	@$(BIN)/bitlight train cnv fashion-mnist:train build/pretrain/fashion32 \
	  --test fashion-mnist:test --threads 1
	@cp build/pretrain/fashion32/network.bnn py/bitlight/extractors/fashion32.bnn

PHOTOS ?= build/data
TEACHING = --whole --shift 4 --batch-size 256 --learning-rate 2e-3 --weight-decay 0.5 --label-smoothing 0.1 --cutout 8
TAUGHT = --whole --shift 4 --distill 0.6 --temperature 3 --estimator approx-sign
DEVICE ?= cuda

pretrain-natural: $(READY)  ## natural32 again, from PHOTOS=build/data (tiny-imagenet-32); DEVICE=cuda.
	@$(BIN)/bitlight train resnet20 $(PHOTOS)/tiny-imagenet-32:train build/pretrain/natural32-twin \
	  --test $(PHOTOS)/tiny-imagenet-32:val --leave-out 4 --software-head --float-twin --epochs 22 \
	  --dropout 0.2 $(TEACHING) --device $(DEVICE)
	@$(BIN)/bitlight train vgg32 $(PHOTOS)/tiny-imagenet-32:train build/pretrain/natural32 \
	  --test $(PHOTOS)/tiny-imagenet-32:val --leave-out 4 --software-head --epochs 45 \
	  --dropout 0.1 $(TAUGHT) --teacher build/pretrain/natural32-twin --device $(DEVICE)
	@cp build/pretrain/natural32/network.bnn py/bitlight/extractors/natural32.bnn

pretrain-cifar: $(READY)  ## cifar32 again, from PHOTOS=build/data (cifar10); DEVICE=cuda.
	@$(BIN)/bitlight train resnet20 $(PHOTOS)/cifar10:train build/pretrain/cifar-twin \
	  --test $(PHOTOS)/cifar10:test --float-twin --epochs 26 $(TEACHING) --device $(DEVICE)
	@$(BIN)/bitlight train cnv $(PHOTOS)/cifar10:train build/pretrain/cifar32-taught \
	  --test $(PHOTOS)/cifar10:test --epochs 68 $(TAUGHT) --teacher build/pretrain/cifar-twin \
	  --device $(DEVICE)
	@$(BIN)/bitlight train cnv $(PHOTOS)/cifar10:train build/pretrain/cifar32-alone \
	  --test $(PHOTOS)/cifar10:test --epochs 14 --whole --shift 4 --estimator approx-sign \
	  --learning-rate 1e-3 --label-smoothing 0.05 --seed 1 --start build/pretrain/cifar32-taught \
	  --device $(DEVICE)
	@$(BIN)/bitlight train cnv $(PHOTOS)/cifar10:train build/pretrain/cifar32 \
	  --test $(PHOTOS)/cifar10:test --epochs 4 --whole --estimator approx-sign \
	  --learning-rate 1e-3 --settle 10000 --seed 4 \
	  --start build/pretrain/cifar32-alone/network.bnn --device $(DEVICE)
	@cp build/pretrain/cifar32/network.bnn py/bitlight/extractors/cifar32.bnn

training: $(READY)  ## Every run of docs/training.md; hours, and it goes on where it stopped.
	@$(BIN)/python -m bitlight_lab.figures.training build/training

bench: $(READY)  ## Speed beside others: golden model, RTL simulators, ridge heads, boards' driver.
	@mkdir -p build/bench
	@$(BIN)/bitlight bench golden --json build/bench/golden.json
	@$(BIN)/bitlight bench rtl --json build/bench/rtl-fashion28.json
	@$(BIN)/bitlight bench rtl cnv --folding published --without "cocotb on icarus" \
	  --json build/bench/rtl-cnv.json
	@$(BIN)/bitlight bench heads --json build/bench/heads.json
	@$(BIN)/bitlight bench driver --json build/bench/driver.json

synth: $(READY)  ## Area and clock of CNV on an ECP5-85F; TARGET=, NETWORK=, FOLDING= for others.
	@$(BIN)/bitlight synth $(NETWORK) --target $(TARGET) $(if $(FOLDING),--folding $(FOLDING))

board: $(READY)  ## A virtual board: 20 real images there and back, every bit compared, a head on them.
	@sh sim/board.sh $(BIN)/bitlight build/board/demo

waves: $(READY)  ## Timing diagrams of the documentation.
	@$(BIN)/python -m bitlight_lab.figures.waves

optics: $(READY)  ## Figures and pictures of docs/optics.md.
	@$(BIN)/python -m bitlight_lab.figures.optics

reproduce: $(READY)  ## The papers' experiments, quick versions, in build/reproduce/quick.
	@$(BIN)/bitlight reproduce leroux-table2 --quick
	@$(BIN)/bitlight reproduce optical-transfer --quick
	@$(BIN)/bitlight reproduce precision-table --quick

gpu-check: $(READY)  ## What runs on CUDA beside the CPU: same answers, times; without CUDA it says so.
	@$(BIN)/python -m bitlight_lab.benchmarks.gpu --json build/gpu-check.json

package: $(READY)  ## Wheel and sdist, and the wheel alone in an empty environment.
	@rm -rf dist build/installed
	@$(BIN)/python -m hatchling build
	@$(BIN)/python tests/packaged.py dist
	@$(PYTHON) -m venv build/installed
	@build/installed/bin/python -m pip install --quiet --disable-pip-version-check -c constraints.txt dist/*.whl
	@cd build && PATH=$(CURDIR)/build/installed/bin:$$PATH installed/bin/python -P ../tests/installed.py
	@du -sm build/installed/lib | awk '{print "installed:", $$1, "MB"}'

coverage: $(READY)  ## Which lines no test reaches, in build/coverage.
	@$(BIN)/python -m pytest -n auto --cov --cov-report=term:skip-covered --cov-report=html:build/coverage

lint: $(READY)  ## Lint, format and types.
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy

format: $(READY)  ## Put the code into the common format.
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean:  ## Remove what was built; .venv stays.
	rm -rf build .pytest_cache .mypy_cache .ruff_cache .hypothesis
