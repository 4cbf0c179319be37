# The only task runner; continuous integration calls the same targets.
#
#   make demo    the whole flow on this machine: sandbox, run, second run, stop
#   make test    every test
#   make check   format, lints, licences, advisories
#   make bench   measurements, minutes long, never part of the tests
#
# Nothing here needs more than rustup, a C compiler and GNU make; what is missing is said in one line.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test check bench components tools clean

CARGO ?= cargo
GUEST_TARGET := wasm32-unknown-unknown
GUESTS := -p linkedin-dynamics -p hostile-guest
TARGET_DIR := $(or $(CARGO_TARGET_DIR),target)
export CARGO_TERM_QUIET ?= false

help:
	@sed -n 's/^#   //p' Makefile

# --- what must be there -------------------------------------------------------------------------------------------

tools:
	@command -v $(CARGO) >/dev/null || { echo "cargo is missing: install rustup from https://rustup.rs" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "a C compiler is missing: apt-get install build-essential" >&2; exit 1; }
	@if [ ! -d "$$(rustc --print sysroot)/lib/rustlib/$(GUEST_TARGET)" ]; then \
	  command -v rustup >/dev/null || { echo "the target $(GUEST_TARGET) is missing and there is no rustup to add it" >&2; exit 1; }; \
	  rustup target add $(GUEST_TARGET) || { echo "cannot add the target $(GUEST_TARGET): is this machine online?" >&2; exit 1; }; \
	fi

# The components are built first: tests that need one say so if it is missing.
components: tools
	env -u RUSTFLAGS $(CARGO) build --locked $(GUESTS) --target $(GUEST_TARGET) --profile guest

# --- the targets ---------------------------------------------------------------------------------------------------

demo: components
	$(CARGO) build --locked --release -p sluice -p sluice-sandbox
	@TARGET_DIR=$(TARGET_DIR) tests/demo.sh

test: components
	@if $(CARGO) nextest --version >/dev/null 2>&1; then \
	  $(CARGO) nextest run --locked --workspace --exclude hostile-guest; \
	else \
	  $(CARGO) test --locked --workspace --exclude hostile-guest; \
	fi

check: components
	$(CARGO) fmt --all --check
	$(CARGO) clippy --locked --workspace --all-targets -- -D warnings
	env -u RUSTFLAGS $(CARGO) clippy --locked $(GUESTS) --target $(GUEST_TARGET) -- -D warnings
	@tests/supply-chain.sh

bench: components
	$(CARGO) build --locked --release -p sluice -p sluice-sandbox -p sluice-bench
	$(TARGET_DIR)/release/sluice-bench

clean:
	$(CARGO) clean
