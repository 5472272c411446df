# famkit. Bare `make` prints the targets. Needs Go, gcc and make; interop, real and bench also need Python 3 with pip.
SHELL := /bin/bash -o pipefail
.DEFAULT_GOAL := help

GO ?= go
PREFIX ?= /usr/local
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/famkit
GOLANGCI_VERSION := v2.15.0
GOLANGCI := $(CACHE)/bin/golangci-lint-$(GOLANGCI_VERSION)
# A test that hangs is a failure, not a wait.
TEST_TIMEOUT ?= 15m
FUZZTIME ?= 20s
# The commit goes into `famkit version` where git can tell it; a tree of another owner is no error.
BUILDVCS := $(if $(shell git rev-parse HEAD 2>/dev/null),auto,false)
# Packages that must work without cgo, and those whose goroutines the race detector should watch.
NOCGO_PKGS := ./internal/engine/cuda/... ./format/... ./convert/... ./expand/... ./internal/arch/... ./internal/tensor/... ./internal/tokenizer/... ./internal/kern/... ./internal/corpus/... ./internal/trainstate/...
RACE_PKGS ?= ./format/... ./convert/... ./expand/... ./internal/kern/... ./internal/mem/... ./internal/engine/... ./internal/corpus/... ./train/...

.PHONY: help build install uninstall test race vet lint graph nocgo docs docs-check check check-rest demo real interop configs bench oracle kernels fuzz mutate adversary proofs soak clean

help: ## print the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

build: ## bin/famkit, with the C kernels
	@mkdir -p bin
	CGO_ENABLED=1 $(GO) build -buildvcs=$(BUILDVCS) -o bin/famkit ./cmd/famkit

install: build ## famkit with its manual page and completions into PREFIX (/usr/local; for one user: PREFIX=~/.local)
	install -D -m 755 bin/famkit $(DESTDIR)$(PREFIX)/bin/famkit
	install -D -m 644 docs/man/famkit.1 $(DESTDIR)$(PREFIX)/share/man/man1/famkit.1
	install -D -m 644 cmd/famkit/completions/famkit.bash $(DESTDIR)$(PREFIX)/share/bash-completion/completions/famkit
	install -D -m 644 cmd/famkit/completions/famkit.zsh $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_famkit
	install -D -m 644 cmd/famkit/completions/famkit.fish $(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/famkit.fish

uninstall: ## take away what install put into PREFIX
	rm -f $(addprefix $(DESTDIR)$(PREFIX)/,bin/famkit share/man/man1/famkit.1 \
		share/bash-completion/completions/famkit share/zsh/site-functions/_famkit share/fish/vendor_completions.d/famkit.fish)

test: ## all tests that need no network; the last line counts them (also in bin/tests.txt)
	@mkdir -p bin
	$(GO) test -timeout $(TEST_TIMEOUT) -json ./... | $(GO) run ./internal/tally -o bin/tests.txt

race: ## the concurrent packages under the race detector
	CGO_ENABLED=1 $(GO) test -short -race -timeout $(TEST_TIMEOUT) $(RACE_PKGS)

vet: ## go vet
	$(GO) vet ./...

lint: $(GOLANGCI) ## golangci-lint, pinned, built once into the cache folder
	$(GOLANGCI) run ./...

$(GOLANGCI):
	@mkdir -p $(@D)
	GOBIN=$(@D)/$(GOLANGCI_VERSION).tmp $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION)
	@mv $(@D)/$(GOLANGCI_VERSION).tmp/golangci-lint $@ && rmdir $(@D)/$(GOLANGCI_VERSION).tmp

graph: ## who may import whom (also part of test)
	$(GO) test ./internal/deps

nocgo: ## what must work without a C compiler: build and test with CGO_ENABLED=0
	CGO_ENABLED=0 $(GO) build -buildvcs=false -o /dev/null ./cmd/famkit
	CGO_ENABLED=0 $(GO) test -timeout $(TEST_TIMEOUT) $(NOCGO_PKGS)

docs: build ## write docs/commands and docs/man from the command definitions
	bin/famkit docs docs

docs-check: build ## fail if docs/commands or docs/man differ from the command definitions
	@t=$$(mktemp -d) && trap 'rm -rf "$$t"' EXIT && bin/famkit docs "$$t" && \
	for d in commands man; do diff -ru docs/$$d "$$t/$$d" || { echo "docs/$$d is out of date: run make docs"; exit 1; }; done && echo "docs agree with the commands"

check: test check-rest ## everything that must hold before a change lands

check-rest: vet lint graph race nocgo docs-check

demo: build ## grow the shipped model, show it equal, train it on: under 90 seconds
	internal/demo/demo.sh

real: build ## the five verbs on SmolLM2-135M, with wall time and peak memory of each
	internal/interop/real.sh

interop: build ## grow every architecture, load all that famkit writes in transformers 5 and 4; prove what mergekit grew
	internal/interop/run.sh

configs: build ## hold the tables of config keys against transformers 5 and 4, and children of other settings (CONFIGS=1200 SEED=1)
	internal/interop/configs.sh

bench: build ## kernels, training beside PyTorch, expand beside cp, the proof beside cat, as tables
	internal/interop/bench.sh

oracle: ## make the oracle models and golden files again with the real libraries
	internal/interop/oracle.sh

kernels: ## compile the GPU kernels again, with NVRTC from pip, and print the registers that each takes
	internal/engine/cuda/kernels/kernels.sh

fuzz: ## every fuzz target for FUZZTIME (20s)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | while read -r f; do \
	  for n in $$(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$$f"); do \
	    echo "$$f $$n"; $(GO) test -run '^$$' -fuzz "^$$n\$$" -fuzztime $(FUZZTIME) "./$$(dirname "$$f")" || exit 1; done; done

mutate: ## 10,000 damaged children, weights, configs, side files, types and indexes: the proof must refuse all that change the function (SEED=1)
	FAMKIT_MUTATIONS=10000 FAMKIT_SEED=$(or $(SEED),1) $(GO) test -count=1 -timeout 60m -run TestMutationsAreRefused -v ./internal/verify

soak: ## a family killed at 50 random moments (KILLS=50) must be, bit for bit, the one that was not
	FAMKIT_KILLS=$(or $(KILLS),50) $(GO) test -count=1 -timeout 60m -run TestKilled -v ./internal/family

proofs: build ## docs/check_proof.py beside famkit: every growth, and 10,000 damaged children (SEED=1)
	internal/interop/proofs.sh $(or $(DAMAGED),10000) $(or $(SEED),1)

.PHONY: faults
faults: ## every call to the file system fails once, in every command that writes: in the process, and by strace (hours)
	FAMKIT_FAULTS=all $(GO) test -count=1 -timeout 12h -run 'TestFaults' -v ./cmd/famkit

adversary: ## children made to deceive, for FOR (10m): none that computes something else may be proved (SEED=1)
	FAMKIT_ADVERSARY=$(or $(FOR),10m) FAMKIT_SEED=$(or $(SEED),1) $(GO) test -count=1 -timeout 0 -run TestAdversary -v ./internal/verify

clean: ## remove what the build wrote in the tree (the cache folder stays)
	rm -rf bin
