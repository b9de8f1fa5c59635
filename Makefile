# Every target first makes .venv from the locks, hash by hash; the second run of any takes no install time.
# Another Python: make PYTHON=python3.12
PYTHON ?= python3
BIN := .venv/bin
LOCKS := deploy/locks
UV := VIRTUAL_ENV=$(CURDIR)/.venv $(BIN)/uv --quiet
SOURCES := pipeline nodes model tests benchmarks deploy
# Once, and not by each of a line's processes as they start together, or each time where nothing may write beside them.
export UV_COMPILE_BYTECODE := 1

.DEFAULT_GOAL := help
.PHONY: help
help:  ## Say what can be made
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 10

.PHONY: install
install: .venv/.ready  ## Make .venv: Kensa, its extras and its tools

.venv/.ready: $(LOCKS)/build.txt $(LOCKS)/dev.txt pyproject.toml
	$(PYTHON) deploy/bootstrap.py .venv $(LOCKS)/build.txt
	$(UV) pip install --require-hashes -r $(LOCKS)/dev.txt
	$(UV) pip install --no-deps --no-build-isolation -e .
	@touch $@

.PHONY: demo
demo: install  ## Run a line of five virtual cameras and judge its verdicts
	$(BIN)/kensa demo

.PHONY: screen
screen: install  ## Run a line with the operator's screen until Ctrl-C; it says where to look
	@mkdir -p out && umask 077 && test -e out/tokens || $(BIN)/python -c 'import secrets; print("operator", secrets.token_hex(8))' > out/tokens
	@awk '/^[^#]/ { print "Open http://127.0.0.1:8088/#token=" $$NF; exit }' out/tokens
	$(BIN)/kensa run topologies/screen.yaml

# moto is a process of its own, in an environment of its own: with boto3 beside it, Beam would start half as fast.
.venv-store/.ready: $(LOCKS)/store.txt .venv/.ready
	$(BIN)/uv --quiet venv --allow-existing --python $(BIN)/python .venv-store
	VIRTUAL_ENV=$(CURDIR)/.venv-store $(BIN)/uv --quiet --no-config pip install --require-hashes -r $(LOCKS)/store.txt
	@touch $@

# Libraries of others that read what consumers are sent; each wants other versions than a line has.
.venv-judges/.ready: $(LOCKS)/judges.txt .venv/.ready
	$(BIN)/uv --quiet venv --allow-existing --python $(BIN)/python .venv-judges
	VIRTUAL_ENV=$(CURDIR)/.venv-judges $(BIN)/uv --quiet --no-config pip install --require-hashes -r $(LOCKS)/judges.txt
	@touch $@

.PHONY: test
# Most tests wait for processes, not for a core: three at a time suit two cores.
test: install .venv-store/.ready .venv-judges/.ready  ## Run every test
	$(BIN)/pytest -n 3 --dist worksteal

.PHONY: lint
lint: install  ## Check style
	$(BIN)/ruff check $(SOURCES)
	$(BIN)/ruff format --check $(SOURCES)

.PHONY: types
types: install  ## Check types
	$(BIN)/mypy

.PHONY: layers
layers: install  ## Check who imports whom, and what stays out of a light process
	$(BIN)/pytest tests/test_layers.py

.PHONY: manual
manual: install  ## Check that docs/nodes.md says what the nodes say
	$(BIN)/pytest tests/test_manual.py

.PHONY: golden
golden: install  ## Rewrite the golden files; read their diff before you commit it
	$(BIN)/pytest --golden

.PHONY: bench
bench: install .venv-bench/.ready model  ## Measure against named peers and limits; writes docs/benchmarks.md
	$(BIN)/python -m benchmarks

.PHONY: faults
faults: install  ## Break a running line in every way that this machine can; writes docs/faults.md
	$(BIN)/python -m benchmarks.faults

TIME ?= 1h
.PHONY: soak
soak: install  ## Let a line run for TIME=1h while its processes are killed; writes docs/soak.md
	$(BIN)/python -m benchmarks.faults.soak --for $(TIME)

# Peers have OpenCV as they ask for it, whatever the line has in its stead: --no-config.
.venv-bench/.ready: $(LOCKS)/peers.txt .venv/.ready
	$(BIN)/uv --quiet venv --allow-existing --python $(BIN)/python .venv-bench
	VIRTUAL_ENV=$(CURDIR)/.venv-bench $(BIN)/uv --quiet --no-config pip install --require-hashes -r $(LOCKS)/peers.txt
	@touch $@

# The registry's torch for Linux brings 3 GB of CUDA. Its CPU build comes from where pip is told to look, else from where
# uv knows that PyTorch keeps it. GPU=1 takes the registry's.
TORCH := $(if $(GPU),,$(if $(PIP_FIND_LINKS),--find-links $(PIP_FIND_LINKS),--torch-backend cpu))
MODEL := model$(if $(GPU),-gpu).txt
APART := VIRTUAL_ENV=$(CURDIR)/.venv-model $(BIN)/uv --quiet
.PHONY: model
model: .venv-model/.$(MODEL)  ## Make .venv-model: what trains networks; with CUDA: make model GPU=1

.venv-model/.$(MODEL): $(LOCKS)/$(MODEL) $(LOCKS)/build.txt .venv/.ready
	$(BIN)/uv --quiet venv --allow-existing --python $(BIN)/python .venv-model
	$(APART) pip install $(TORCH) --require-hashes -r $(LOCKS)/$(MODEL) -r $(LOCKS)/build.txt
	$(APART) pip install --no-deps --no-build-isolation -e .
	@rm -f .venv-model/.model*.txt
	@touch $@

.PHONY: model-test
model-test: model  ## Run the tests of networks and training, those that `make test` skips
	.venv-model/bin/pytest tests/model

# SAM2's registry has no wheel: it is built where torch is already, without its kernel for CUDA, which it can do without.
.PHONY: sam2
sam2: .venv-model/.sam2  ## Add SAM2, a teacher of another make, to .venv-model and test it

.venv-model/.sam2: $(LOCKS)/sam2.txt .venv-model/.$(MODEL)
	SAM2_BUILD_CUDA=0 $(APART) pip install $(TORCH) --no-build-isolation --require-hashes -r $(LOCKS)/sam2.txt
	.venv-model/bin/pytest tests/model/test_sam2.py
	@touch $@

# Sony's quantiser beside what trains; Sony's converter by itself: each wants what the other cannot have.
.PHONY: sony
sony: .venv-sony/.ready .venv-converter/.ready  ## Convert networks for Sony's sensor and check their cards; needs Java 17
	PATH="$(CURDIR)/.venv-converter/bin:$$PATH" .venv-sony/bin/pytest tests/model/sony

.venv-sony/.ready: $(LOCKS)/sony.txt $(LOCKS)/build.txt .venv/.ready
	$(BIN)/uv --quiet venv --allow-existing --python $(BIN)/python .venv-sony
	VIRTUAL_ENV=$(CURDIR)/.venv-sony $(BIN)/uv --quiet pip install $(TORCH) --require-hashes -r $(LOCKS)/sony.txt -r $(LOCKS)/build.txt
	VIRTUAL_ENV=$(CURDIR)/.venv-sony $(BIN)/uv --quiet pip install --no-deps --no-build-isolation -e .
	@touch $@

.venv-converter/.ready: $(LOCKS)/converter.txt .venv/.ready
	$(BIN)/uv --quiet venv --allow-existing --python $(BIN)/python .venv-converter
	VIRTUAL_ENV=$(CURDIR)/.venv-converter $(BIN)/uv --quiet --no-config pip install --require-hashes -r $(LOCKS)/converter.txt
	@touch $@

FUZZ_SECONDS ?= 60
.PHONY: fuzz
fuzz: install  ## Fuzz every reader of strangers' bytes; FUZZ_SECONDS=600 for each of them
	$(BIN)/python -m tests.fuzz $(FUZZ_SECONDS)

.PHONY: wheel
wheel: install  ## Build dist/*.whl, which a line installs beside deploy/locks/line.txt
	$(BIN)/hatchling build --target wheel

# One version of everything: what tests run with is what a line runs with.
COMPILE := $(UV) pip compile --universal --generate-hashes --no-header --no-annotate
# All extras but `model`: torch is in no lock that a line is installed from.
EXTRAS := $(addprefix --extra ,vision fast archive batch report virtual camera modlib mqtt opcua plc gpio)
TRAIN := $(COMPILE) --upgrade pyproject.toml --extra model --group trial --constraint $(LOCKS)/dev.txt
.PHONY: locks
locks: install  ## Rewrite the locks from pyproject.toml, newest versions first
	$(COMPILE) --upgrade pyproject.toml $(EXTRAS) --group dev --output-file $(LOCKS)/dev.txt
	$(COMPILE) pyproject.toml --constraint $(LOCKS)/dev.txt --output-file $(LOCKS)/line.txt
	$(COMPILE) pyproject.toml --constraint $(LOCKS)/dev.txt $(EXTRAS) --output-file $(LOCKS)/all.txt
	$(COMPILE) --no-config --upgrade --group peers --constraint $(LOCKS)/dev.txt --output-file $(LOCKS)/peers.txt
	$(COMPILE) --no-config --upgrade --group store --output-file $(LOCKS)/store.txt
	$(COMPILE) --no-config --upgrade --group judges --output-file $(LOCKS)/judges.txt
	$(TRAIN) --group cpu $(TORCH) --output-file $(LOCKS)/model.txt
	$(TRAIN) --output-file $(LOCKS)/model-gpu.txt
	$(COMPILE) --upgrade --group build --constraint $(LOCKS)/dev.txt --output-file $(LOCKS)/build.txt
	$(COMPILE) --upgrade pyproject.toml --extra model --extra sam2 --group cpu $(TORCH) --constraint $(LOCKS)/model.txt \
		--constraint $(LOCKS)/build.txt --output-file $(LOCKS)/sam2.txt
	$(COMPILE) --upgrade pyproject.toml --extra model --extra sony --group trial --group cpu $(TORCH) \
		--constraint $(LOCKS)/build.txt --output-file $(LOCKS)/sony.txt  # not of dev.txt: it takes an older networkx
	$(COMPILE) --no-config --upgrade --group converter --output-file $(LOCKS)/converter.txt

.PHONY: clean
clean:  ## Remove what was made
	rm -rf .venv .venv-bench .venv-converter .venv-judges .venv-model .venv-sony .venv-store out dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
