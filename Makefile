# Builds, shows and tests facility-gateway. `make` alone lists what there is.
#
# It assumes Debian with Rust, Node 20.19 or newer, make and a C compiler; `make test` installs the rest (as root).

SHELL := /usr/bin/env bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

WEB := dashboards/web
BROWSER := tests/browser
VENV := .venv
GATEWAY := target/release/facility-gateway

# Debian's packages that the tests need, each with a file by which one sees that it is there; and a Chinese font,
# whichever there is.
NEEDED := \
	influxdb=/usr/bin/influxd \
	victoria-metrics=/usr/bin/victoria-metrics \
	mosquitto=/usr/sbin/mosquitto \
	mosquitto-clients=/usr/bin/mosquitto_pub \
	mbpoll=/usr/bin/mbpoll \
	libmodbus-dev=/usr/include/modbus/modbus.h \
	chromium=/usr/bin/chromium \
	faketime=/usr/bin/faketime \
	python3-venv=/usr/share/doc/python3-venv

say = @printf '\n\033[1m── %s\033[0m\n' "$(1)"

.PHONY: help build demo test test-setup test-unit test-page soak bench

help: ## list what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: $(WEB)/dist/index.html ## build everything for use: target/release/facility-gateway, with the page in it
	$(call say,The gateway (release; some minutes the first time))
	cargo build --release -p gateway
	@echo "Built $(GATEWAY)"

demo: build ## show a whole property on http://127.0.0.1:8080, its simulator's control on 127.0.0.1:8081
	$(GATEWAY) demo --listen 127.0.0.1:8080 --control 127.0.0.1:8081

test: test-setup test-page $(WEB)/dist/index.html ## run every test there is (as root: installs what they need)
	$(call say,Format and lints)
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	$(call say,Build of everything under test)
	cargo build --workspace --all-targets
	$(call say,Tests)
	$(call run-tests,--workspace)

test-unit: ## run only the tests beside the code: no server, no browser, no root
	$(call run-tests,--workspace --exclude tests --lib --bins)

soak: test-setup $(WEB)/dist/index.html ## the long forms: KILLS=200 kills, CHAOS_SECONDS=600 of chaos (SEED=n), planted faults, fuzzing
	$(call say,A build with planted faults and the one under test)
	cargo build --workspace --bin facility-gateway --features gateway/planted-faults
	cp target/debug/facility-gateway target/debug/facility-gateway-with-planted-faults
	cargo build --workspace --all-targets
	$(call say,The chaos finds the planted faults)
	cargo test -p tests --test facility -- planted --ignored --nocapture --test-threads 1
	$(call say,Chaos)
	CHAOS_SECONDS=$${CHAOS_SECONDS:-600} cargo test -p tests --test facility -- chaos:: --nocapture
	$(call say,Kills)
	KILLS=$${KILLS:-200} cargo test -p tests --test facility -- kills:: --nocapture
	$(call say,Bytes from peers)
	SOAK=1 cargo test -p drivers --lib -- fuzz --nocapture
	$(call say,Deadlines and the lives of alarms and tickets)
	SOAK=1 cargo test -p gateway --lib -- desk:: tickets::

bench: build debian ## measure the gateway under a campus's load, beside references (ARGS="load mqtt" for parts)
	$(call say,The benchmark)
	cargo build --release -p gateway --example fill_records
	cargo run --release -p bench -- $(ARGS)

# nextest, where it is installed, runs the timing tests alone and tells slow ones; cargo's own runner does as well.
define run-tests
@if cargo nextest --version >/dev/null 2>&1; then \
	echo "cargo nextest run $(1)"; cargo nextest run $(1); \
else \
	echo "cargo test $(1)"; RUST_TEST_THREADS=2 cargo test $(1); \
fi
endef

test-page: $(WEB)/node_modules/.package-lock.json ## check and test the page by itself
	$(call say,The page: types and tests)
	npm --prefix $(WEB) run check
	npm --prefix $(WEB) test

test-setup: debian $(VENV)/.ready $(BROWSER)/node_modules/.package-lock.json ## install what the tests need
	@command -v setpriv >/dev/null || { echo "setpriv (Debian's util-linux) is missing" >&2; exit 1; }

$(VENV)/.ready: tests/peers/requirements.txt | debian
	$(call say,The peers in Python)
	/usr/bin/python3 -m venv --clear $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r tests/peers/requirements.txt
	@touch $@

.PHONY: debian
debian:
	@missing=(); \
	[[ -n $$(fc-list :lang=zh 2>/dev/null || true) ]] || missing+=(fonts-wqy-microhei); \
	for package in $(NEEDED); do [[ -e $${package#*=} ]] || missing+=("$${package%%=*}"); done; \
	if (( $${#missing[@]} )); then \
		printf '\n\033[1m── Debian packages: %s\033[0m\n' "$${missing[*]}"; \
		[[ $$(id -u) == 0 ]] || { echo "Installing them needs root: sudo make test" >&2; exit 1; }; \
		export DEBIAN_FRONTEND=noninteractive; \
		apt-get -q update && apt-get -qy install --no-install-recommends "$${missing[@]}"; \
	fi

$(BROWSER)/node_modules/.package-lock.json: $(BROWSER)/package-lock.json
	$(call say,The browser test's packages)
	npm --prefix $(BROWSER) ci --no-audit --no-fund
	@touch $@

$(WEB)/node_modules/.package-lock.json: $(WEB)/package-lock.json
	$(call say,The page's packages)
	npm --prefix $(WEB) ci --no-audit --no-fund
	@touch $@

PAGE := $(shell find $(WEB)/src $(WEB)/public $(WEB)/index.html -type f 2>/dev/null) \
	$(wildcard $(WEB)/*.ts) $(WEB)/package.json

$(WEB)/dist/index.html: $(WEB)/node_modules/.package-lock.json $(PAGE)
	$(call say,The page)
	npm --prefix $(WEB) run build
	@touch $@
