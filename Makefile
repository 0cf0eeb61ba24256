# Every target installs what it needs into .venv; nothing else is touched.
PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
STAMP  := $(VENV)/.installed
CASES  ?= 1000000
SECONDS ?= 600
KILLS  ?= 50
SEED   ?= 1
VM     ?= build/vm
# Tests side by side; each has a folder of its own and no fixed port.
WORKERS ?= $(shell n=$$(nproc); echo $$((n < 4 ? n : 4)))

.PHONY: test demo lint types unit fuzz api-fuzz soak bench vm clean
test: lint types unit

$(STAMP): pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check -e '.[dev]'
	touch $@

lint: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(STAMP)
	$(BIN)/mypy src/airpost hw-sim/hwsim

unit: $(STAMP)
	$(BIN)/pytest -n $(WORKERS) --dist worksteal

demo: $(STAMP)
	$(BIN)/airpost demo

# A million cases each; nothing but the declared error may come out. Then what may fall between the
# loop and the store's writer, for SECONDS.
fuzz: $(STAMP)
	$(BIN)/python -m tests.fuzz.pdu --cases $(CASES) --seed $(SEED)
	$(BIN)/python -m tests.fuzz.at --cases $(CASES) --seed $(SEED)
	$(BIN)/python -m tests.fuzz.interplay --seconds $(SECONDS) --seed $(SEED)

# schemathesis and 10,000 requests that are wrong in one place, against the whole service. It has an
# environment of its own, because it would plug itself into pytest.
api-fuzz: $(STAMP) build/schemathesis/.installed
	$(BIN)/python -m tests.fuzz.api --seed $(SEED) --schemathesis build/schemathesis/bin/schemathesis

build/schemathesis/.installed: pyproject.toml
	$(PYTHON) -m venv build/schemathesis
	build/schemathesis/bin/pip install --quiet --disable-pip-version-check 'schemathesis>=4.32,<5'
	touch $@

# kill -9 under load, the whole fault catalogue at once, 10,000 openings, and a day of mixed trouble.
soak: $(STAMP)
	AIRPOST_KILLS=$(KILLS) AIRPOST_SEED=$(SEED) $(BIN)/pytest -s tests/system/test_kill.py tests/store/test_kill.py
	$(BIN)/python -m tests.soak.mixture --minutes 10 --seeds 1-5
	$(BIN)/python -m tests.bench.cycles --cycles 10000
	$(BIN)/python -m tests.soak.trouble --hours 24 --seed $(SEED)
	$(BIN)/python -m tests.soak.accounting --hours 4 --seed $(SEED)

bench: $(STAMP)
	$(BIN)/python -m tests.bench.codec
	$(BIN)/python -m tests.bench.store
	$(BIN)/python -m tests.bench.slice
	$(BIN)/python -m tests.bench.intake
	$(BIN)/python -m tests.bench.inbound
	$(BIN)/python -m tests.bench.urgent
	$(BIN)/python -m tests.bench.million
	$(BIN)/python -m tests.bench.hook
	$(BIN)/python -m tests.bench.stream
	$(BIN)/python -m tests.bench.webhooks
	$(BIN)/python -m tests.bench.catchup
	$(BIN)/python -m tests.bench.abuse
	$(BIN)/python -m tests.bench.scrape

# Debian 12 with systemd in a virtual machine: as root, with qemu-system-x86 and debootstrap.
vm: $(STAMP)
	sh tests/system/vm/image.sh $(VM)
	$(BIN)/python -m tests.system.vm $(VM)

clean:
	rm -rf $(VENV) build dist .pytest_cache .mypy_cache .ruff_cache .hypothesis
