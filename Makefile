# Everything that is done with sluice, from the first build to the benchmark. `make help` lists it.

SHELL := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
COMMIT  ?= $(shell git rev-parse --short=16 HEAD 2>/dev/null || echo unknown)
LDFLAGS := -s -w -X main.version=$(VERSION) -X main.commit=$(COMMIT)
GOBUILD := go build -trimpath -ldflags '$(LDFLAGS)'
# Without C: a plugin binary runs on any Linux, and keeps no C library in memory.
GOPLUGIN := CGO_ENABLED=0 $(GOBUILD)
PLUGINS := file hdfs elasticsearch

GOLANGCI_VERSION := v2.15.0
GOFUMPT_VERSION  := v0.9.2
TEST_FLAGS ?= -count=1
# Test binaries at a time: two suit two cores, and one where services of its own run beside each.
TEST_PARALLEL ?= 2
STACK_PARALLEL ?= 1

.PHONY: build
build: ## build bin/sluice, bin/sluice-web and bin/plugins/*
	@mkdir -p bin/plugins
	$(GOBUILD) -o bin/sluice ./worker
	$(GOBUILD) -o bin/sluice-web ./web
	@for p in $(PLUGINS); do echo "$(GOPLUGIN) -o bin/plugins/$$p ./plugins/$$p"; $(GOPLUGIN) -o bin/plugins/$$p ./plugins/$$p; done

.PHONY: demo
demo: build ## run the whole pipeline and leave it running until Ctrl-C
	@examples/demo/demo

.PHONY: test
test: build ## all tests, with real Kafka, Connect, HDFS and Elasticsearch (needs Java 17 and Maven)
	@examples/stack/with-stack go test -p $(STACK_PARALLEL) -timeout 60m -tags stack $(TEST_FLAGS) ./...

.PHONY: test-fast
test-fast: build ## the tests that need no Java
	@echo "test-fast: without the tests against real Kafka, HDFS and Elasticsearch (make test runs them)"
	go test -p $(TEST_PARALLEL) -timeout 40m $(TEST_FLAGS) ./...

.PHONY: race
race: ## the tests that need no Java, with the race detector
	go test -race -p $(TEST_PARALLEL) -timeout 40m $(TEST_FLAGS) ./...

.PHONY: lint
lint: ## golangci-lint, and whether generated files are current
	go run github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_VERSION) run --build-tags stack ./...
	@$(MAKE) --no-print-directory generated

.PHONY: generated
generated: ## whether generated files are current
	@before=$$(git diff --stat -- '*.pb.go'); $(MAKE) --no-print-directory generate >/dev/null; \
	after=$$(git diff --stat -- '*.pb.go'); \
	[ "$$before" = "$$after" ] || { echo "generated files are stale: run make generate and commit"; exit 1; }

.PHONY: fmt
fmt: ## format all Go code
	go run mvdan.cc/gofumpt@$(GOFUMPT_VERSION) -w api connectors examples plugins web worker

.PHONY: generate
generate: ## make generated code again
	go generate ./...

.PHONY: stack
stack: ## start real Kafka, HDFS and Elasticsearch (examples/stack/stack help tells more)
	@examples/stack/stack up

.PHONY: bench
bench: build ## measure against Kafka Connect on the same broker (needs Java 17 and Maven)
	@examples/benchmark/run

.PHONY: bench-elasticsearch
bench-elasticsearch: build ## measure the Elasticsearch sink against a loop of bulk requests (needs Java 17 and Maven)
	@examples/benchmark/run -elasticsearch

.PHONY: bench-hdfs
bench-hdfs: build ## measure the HDFS sink on real HDFS (needs Java 17 and Maven)
	@examples/benchmark/run -hdfs

.PHONY: clean
clean: ## remove what build made
	rm -rf bin

.PHONY: help
help: ## this list
	@awk -F':.*## ' '/^[a-z-]+:.*## /{printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
