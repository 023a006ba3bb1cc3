# What contributors to the template type. GNU make 3.81 and newer.
# VERBOSE=1 shows the commands.

TOOLS := target/.git/tools
# The oldest cargo-generate that works with the template, and the newest.
OLDEST := 0.23.14
NEWEST := 0.26.0
FUZZER := $(TOOLS)/cargo-fuzz-0.13.1/bin/cargo-fuzz
generate = $(TOOLS)/cargo-generate-$(1)/bin/cargo-generate
# For what needs no particular one.
any_generator = generator=$$(.ci/cargo-generate $(OLDEST) $(NEWEST)) &&
# A client of another kind joins the tests where there is a Python with venv.
PYTHON := $(TOOLS)/python/bin/python
HAS_VENV := $(shell python3 -c 'import ensurepip, venv' 2>/dev/null && echo yes)
# Both kinds of docker's compose read a system's files; Debian 12 has the older one only.
COMPOSE := 2.26.1
PLUGIN := $(TOOLS)/compose-$(COMPOSE)/cli-plugins/docker-compose
HAS_PLUGIN := $(shell [ -S /var/run/docker.sock ] && grep -qs '^ID=debian' /etc/os-release && echo yes)
# The tests of this repository; what follows is for their program.
suite = TMPDIR=$$(.ci/tmpdir) cargo test --locked --package microservice-template --
# Most tests wait: for containers, for what they started, for their turn to build.
THREADS ?= 6
CASES ?= 10000
SECONDS ?= 60
FUZZ_SECONDS ?= 2
BASE ?= main
# cargo-generate wants to know who is here, which containers do not always say.
export USER ?= $(shell id -un)
Q := $(if $(VERBOSE),,@)

# What help begins with.
DAILY := demo test test-chassis lint diff clean

.PHONY: help
help: ## Tell what there is; ALL=1 with what each target does
	$(Q)DAILY="$(DAILY)" ALL="$(ALL)" template/ci/help Makefile

##
## Try it
##

.PHONY: demo
demo: ## Make a service, build it, start it, talk to it, stop it
	$(Q).ci/demo $(OLDEST) $(NEWEST)

.PHONY: demo-system
demo-system: $(call generate,$(OLDEST)) ## Put two services together, test them, upgrade one under load; takes docker
	$(Q).ci/demo-system $<

##
## Check a change
##

.PHONY: test
test: test-chassis test-services ## Test the chassis, and generated services of all kinds, as their users would

.PHONY: test-services
test-services: tools ## Test generated services of all kinds; THREADS=6 at a time
	$(Q)$(suite) --test-threads $(THREADS)
	$(Q)$(suite) --ignored containers::attacked

.PHONY: test-chassis
test-chassis: fuzz-corpus ## Test the chassis where it lies, with all its features
	$(Q)cargo test --locked --package chassis --all-features

.PHONY: fuzz-corpus
fuzz-corpus: ## Try what the fuzzer found on the chassis, and what resembles it for FUZZ_SECONDS=2
	$(Q)CORPUS="$(CURDIR)/tests/fuzz/corpus" FUZZ_SECONDS=$(FUZZ_SECONDS) \
		cargo test --locked --package chassis --all-features --lib -- --ignored --nocapture fuzzing::

.PHONY: test-toolchain
test-toolchain: tools ## Check coverage, audit, client API, flame graph, bill of materials, workflows of a service; their tools compile for minutes
	$(Q)$(suite) --ignored --nocapture --test-threads 1 toolchain:: bill_of_materials

.PHONY: test-system
test-system: tools ## Test a system of three services in real containers: upgrades, faults; takes docker and 45 minutes
	$(Q)$(suite) --ignored --nocapture --test-threads 1 system:: walk::

.PHONY: cross-version
cross-version: tools tools-newest ## Check that the oldest and the newest cargo-generate do the same
	$(Q)$(suite) --ignored newest::

.PHONY: fuzz
fuzz: tools ## Generate from CASES=10000 random answers, and check each result
	$(Q)export CASES=$(CASES); $(suite) --nocapture any_answer::any_answer

.PHONY: fuzz-chassis
fuzz-chassis: $(FUZZER) ## Fuzz what the chassis reads of strangers; SECONDS=60, TARGET=
	$(Q)tests/fuzz/run $(FUZZER) $(SECONDS) $(TARGET)

.PHONY: bench
bench: ## Compare a service with bare tonic and others; ONLY="tls build", BUILD=no, ROUNDS=5, GO_PEER=
	$(Q)$(any_generator) tests/bench/run "$$generator"

.PHONY: diff
diff: ## Show what your change, since BASE=main, does to the samples
	$(Q)$(any_generator) .ci/diff "$$generator" $(BASE)

.PHONY: lint
lint: ## Check format, Rust and shell scripts
	$(Q)cargo fmt --all --check
	$(Q)cargo clippy --locked --package microservice-template --all-targets -- --deny warnings
# With all its features; services that are generated lint it with some, and with none.
	$(Q)cargo clippy --locked --package chassis --all-targets --all-features -- --deny warnings
	$(Q)RUSTDOCFLAGS="--deny warnings" cargo doc --locked --package chassis --no-deps --all-features
# Without the peers of one file each, whose dependencies compile for minutes.
	$(Q)cd tests/bench && cargo fmt --all --check && cargo clippy --locked --workspace --all-targets \
		--features bare/full --exclude echo-connectrpc --exclude echo-volo -- --deny warnings
	$(Q)cd tests/fuzz && cargo fmt --check
	$(Q).ci/lint-scripts

##
## Maintain
##

.PHONY: tools
tools: $(call generate,$(OLDEST)) $(if $(HAS_VENV),$(PYTHON)) $(if $(HAS_PLUGIN),$(PLUGIN)) ## Install what the tests need, below target/

.PHONY: tools-newest
tools-newest: $(call generate,$(NEWEST)) ## Install the newest cargo-generate, below target/

.PHONY: clean
clean: ## Remove everything that was built
	$(Q)rm -rf target

$(TOOLS)/cargo-generate-%/bin/cargo-generate:
	$(Q).ci/install-cargo-generate $*

$(FUZZER):
	$(Q)echo "Installing cargo-fuzz below $(TOOLS), once"
	$(Q)cargo install --quiet --locked --version 0.13.1 --target-dir $(TOOLS)/build \
		--root $(TOOLS)/cargo-fuzz-0.13.1 cargo-fuzz
	$(Q)rm -rf $(TOOLS)/build

$(PLUGIN):
	$(Q).ci/install-compose-plugin $(COMPOSE)

# Copies, since a link's date, which make goes by, is that of the system's own python.
$(PYTHON): tests/suite/foreign/requirements.txt
	$(Q)echo "Installing Python tools, once"
	$(Q)python3 -m venv --clear --copies $(TOOLS)/python
	$(Q)$@ -m pip install --quiet --disable-pip-version-check --requirement $<
	$(Q)touch $@
