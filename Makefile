# Two commands do all: `make run` and `make test`. `make help` lists the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
LDFLAGS := -s -w -X main.version=$(VERSION)
BIN := bin/gridpatrol
FUZZTIME ?= 20s

.PHONY: help
help: ## List what there is
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## Build bin/gridpatrol (static, no cgo)
	CGO_ENABLED=0 go build -trimpath -ldflags "$(LDFLAGS)" -o $(BIN) .

.PHONY: run
run: build ## Start the demo district on http://127.0.0.1:8080
	$(BIN) demo

# What the walk-through of the README needs beside Go.
.PHONY: programs
programs:
	@missing=; for p in curl jq; do command -v $$p >/dev/null || missing="$$missing $$p"; done; \
	if [ -z "$$missing" ]; then exit 0; fi; \
	if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		apt-get update -qq && apt-get install -y -qq --no-install-recommends $$missing; \
	else echo "install these first:$$missing"; exit 1; fi

# Published clients that tests run unmodified, and examples. Without Node those
# tests are skipped.
CLIENTS := $(patsubst %/package-lock.json,%/node_modules/.package-lock.json,$(wildcard test/clients/*/package-lock.json examples/*/package-lock.json))

.PHONY: clients
clients: $(CLIENTS)

%/node_modules/.package-lock.json: %/package-lock.json
	@if command -v npm >/dev/null; then npm ci --prefix $* --ignore-scripts --no-audit --no-fund && touch $@; \
	else echo "npm is missing: tests of published clients are skipped"; fi

.PHONY: test
test: build programs clients bin/ferretdb ## Run every suite: unit, properties, contract, end to end, README
	go vet ./...
	go test -count=1 -timeout 15m ./...

# The detector makes the engine ten times as slow: what only moves megabytes
# through it is left out.
.PHONY: race
race: ## Run the suites that share memory under the race detector (needs gcc)
	CGO_ENABLED=1 go test -race -count=1 -timeout 15m -skip TestManyEditsOfALargeDocument \
		./inspection ./store ./store/files ./store/sqlite ./store/mongo ./sync ./auth ./media ./api

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (20s)
	@grep -rlE '^func Fuzz' --include='*_test.go' . | xargs -n1 dirname | sort -u | while read -r dir; do \
		grep -hoE '^func Fuzz[A-Za-z0-9_]+' "$$dir"/*_test.go | sed 's/func //' | while read -r target; do \
			echo "== $$dir $$target"; \
			go test "$$dir" -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME); \
		done; \
	done

SOAK ?= --phones 200 --days 30 --loss 0.2 --kill-every 20s

.PHONY: soak
soak: build ## Let 200 bad phones loose for a month (SOAK names other flags)
	CGO_ENABLED=0 go build -trimpath -o bin/simulate ./cmd/simulate
	bin/simulate $(SOAK)

.PHONY: mutants
mutants: bin/ferretdb ## Put bugs in on purpose and see the simulator catch each
	GRIDPATROL_MUTANTS=all go test ./test/mutants -count=1 -v -timeout 60m

.PHONY: bench
bench: ## Measure the binary against the raw engine, as ratios (about 15 minutes)
	go test ./test/bench -run '^$$' -bench 'Push$$|Pull' -benchtime 1x -timeout 60m

.PHONY: race-pocketbase
race-pocketbase: ## Race PocketBase over the same work, as ratios (about 5 minutes)
	cd bench/pocketbase && CGO_ENABLED=0 go build -trimpath -ldflags "-s -w" -o ../../bin/pocketbase .
	go test ./test/bench -run '^$$' -bench 'Race' -benchtime 1x -timeout 60m

.PHONY: lint
lint: bin/golangci-lint ## Check format, vet, folder rules and style
	@test -z "$$(gofmt -l .)" || { gofmt -l .; echo "run gofmt -w on these"; exit 1; }
	bin/golangci-lint run ./...

bin/golangci-lint: tools/lint/go.mod
	cd tools/lint && go build -o ../../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint

# The tests of the Mongo engine run it, unless MONGODB_URI names a real server.
bin/ferretdb: $(wildcard tools/ferretdb/*)
	cd tools/ferretdb && go build -o ../../bin/ferretdb .

.PHONY: clean
clean: ## Remove what was built; data stays
	rm -rf bin
