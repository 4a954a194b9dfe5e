# Set-up is part of every target: a virtual environment in .venv, made once.
PYTHON ?= python3
BIN := .venv/bin
READY := .venv/.ready

.PHONY: demo demo-anomaly test conformance lint bench docs clean

# The main job on a shipped log: from datalogs/har.csv to registers, and to C for the ISPU; then what was
# emitted runs on the log again.
demo: $(READY)
	$(BIN)/sensorai train datalogs/har.csv --target mlc --device LSM6DSOX --out build/har_mlc --name har
	$(BIN)/sensorai validate build/har_mlc datalogs/har.csv
	$(BIN)/sensorai train datalogs/har.csv --target ispu --out build/har_ispu --name har
	@if command -v gcc > /dev/null; then $(BIN)/sensorai validate build/har_ispu datalogs/har.csv; \
	  else echo "the C was not run: no gcc here (sudo apt install gcc libc6-dev)"; fi

# Anomalies of a made-up machine (datalogs/README.md): a box on the MLC, a mixture and one that learns on the
# device for the ISPU.
demo-anomaly: $(READY)
	$(BIN)/sensorai train datalogs/machine.csv.gz --task anomaly --normal idle --normal slow --normal fast \
	  --target mlc --out build/machine_mlc --name machine
	$(BIN)/sensorai train datalogs/machine.csv.gz --task anomaly --normal idle --normal slow --normal fast \
	  --false-alarms 30/hour --target ispu --out build/machine_ispu --name machine
	$(BIN)/sensorai train datalogs/machine.csv.gz --task anomaly --normal idle --normal slow --normal fast \
	  --learn on-device --target stm32 --device stm32l4 --out build/machine_stm32 --name machine

test: $(READY)
	$(BIN)/python -m pytest -q -n auto --dist worksteal

conformance: $(READY)
	$(BIN)/python -m tests.conformance

lint: $(READY)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python benchmarks/mlc_simulate.py
	$(BIN)/python benchmarks/peers.py
	$(BIN)/python benchmarks/mlperf_tiny.py
	$(BIN)/python benchmarks/ispu_reference.py
	$(BIN)/python benchmarks/anomaly.py
	$(BIN)/python benchmarks/overlap.py
	$(BIN)/python benchmarks/datasets.py

# Pages that are made from the code; the tests fail when they are out of date.
docs: $(READY)
	$(BIN)/python -m sensorai.mlc.devicedoc > docs/devices.md
	$(BIN)/python -m sensorai.cli.reference > docs/cli.md
	$(BIN)/python -m sensorai.codegen.featuredoc > docs/features.md
	$(BIN)/python -m sensorai.experiment.schema > docs/sensorai.schema.json
	$(BIN)/python -m sensorai.nets.supported > docs/operators.md
	$(BIN)/python -m sensorai.power.doc > docs/power.md

$(READY): pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Python 3.11 or newer is needed; name one with: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 2; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python's venv module is missing; on Debian: sudo apt install python3-venv"; rm -rf .venv; exit 2; }
	$(BIN)/python -m pip install --quiet --upgrade pip
	$(BIN)/python -m pip install --quiet --editable '.[import,parquet,search]' --group dev
	@touch $@

clean:
	rm -rf .venv build
