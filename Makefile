# The tasks of linkloop. "make" alone lists them.

GO      ?= go
BIN     := bin/linkloop
# No cgo: one static file. No local paths in it. No msgpack, which gin links otherwise.
GOFLAGS_BUILD := -trimpath -tags nomsgpack

FUZZTIME    ?= 60s
TESTTIMEOUT ?= 10m
RACETIMEOUT ?= 15m
BENCHTIME   ?= 1s
# Load figures: seconds for each phase; crash rounds on each of the stores.
LOADTIME    ?= 20s
SOAKTIME    ?= 10m
ROUNDS      ?= 5
STORES      ?= sqlite,postgres
# How the tests of the client libraries report: spec, tap, dot.
REPORTER    ?= spec
# Deliveries of the chaos suite, and those owed to a practice that is down.
CHAOS       ?= 10000
OUTAGE      ?= 100000
# Numbers of referrals to measure at.
SIZES       ?= 10000,100000,1000000
# How often sixteen identical requests are sent at once.
TOGETHER    ?= 1000

# Packages in which goroutines meet; the race detector has nothing to find in the others.
RACE_PACKAGES = $(shell grep -rlE '\bgo func|\bsync\.|\bsync/atomic|t\.Parallel' --include='*.go' adapter cmd config | xargs -n1 dirname | sort -u | sed 's,^,./,')
# Packages with fuzz targets. Their names come from go test itself.
FUZZ_PACKAGES = $(shell grep -rl '^func Fuzz' --include='*_test.go' adapter cmd config mappings conformance | xargs -n1 dirname | sort -u | sed 's,^,./,')

.DEFAULT_GOAL := help

.PHONY: help
help: ## Show this list
	@printf 'linkloop: the tasks\n\n'
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1|\2/p' $(MAKEFILE_LIST) | awk -F'|' '{printf "%-18s %s\n", $$1, $$2}'

.PHONY: run
run: build ## Build, play the demo stories, then keep serving (stop with Ctrl-C)
	./$(BIN) demo

.PHONY: build
build: ## Build bin/linkloop, one static file
	CGO_ENABLED=0 $(GO) build $(GOFLAGS_BUILD) -o $(BIN) ./cmd/linkloop

.PHONY: test
test: ## Run every test
	$(GO) test -timeout $(TESTTIMEOUT) ./...

.PHONY: race
race: ## Run the tests of concurrent packages under the race detector (needs gcc)
	CGO_ENABLED=1 $(GO) test -race -timeout $(RACETIMEOUT) $(RACE_PACKAGES)

.PHONY: vet
vet: ## Run go vet
	$(GO) vet ./...

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (60s) each
	@mkdir -p bin; set -e; for p in $(FUZZ_PACKAGES); do \
	  targets=$$($(GO) test -list '^Fuzz' $$p); \
	  for f in $$(echo "$$targets" | grep '^Fuzz'); do \
	    echo "== $$p $$f"; \
	    { $(GO) test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 10x $$p || echo "not passed"; } 2>&1 | tee bin/fuzz.log; \
	    if ! grep -q "^not passed" bin/fuzz.log; then continue; fi; \
	    if grep -q 'Failing input written' bin/fuzz.log || ! grep -q '^    context deadline exceeded' bin/fuzz.log; then exit 1; fi; \
	    echo "no input failed: go test took the end of its time for a failure (golang/go#75804)"; \
	  done; \
	done

.PHONY: bench
bench: build ## Run the Go benchmarks, then put a fresh server under load
	$(GO) test -run '^$$' -bench . -benchmem -benchtime $(BENCHTIME) ./...
	./$(BIN) load --start --duration $(LOADTIME)
	./$(BIN) load --start --postgres start --duration $(LOADTIME)
	./$(BIN) load --start --fairness --duration $(LOADTIME)

.PHONY: soak
soak: build ## Mixed load at 70 % of the peak for SOAKTIME (10m); shows what grows, and compares the books
	./$(BIN) load --start --soak --duration $(SOAKTIME)

.PHONY: crash
crash: build ## Kill servers under load ROUNDS (5) times on each of STORES; nothing accepted may be lost or doubled
	$(GO) test -count=1 -v -timeout 2h -run '^TestCrash$$' ./adapter/load -binary $(CURDIR)/$(BIN) -rounds $(ROUNDS) -stores $(STORES)

.PHONY: contention
contention: ## Let 200 clients claim, update and cancel the same 50 Tasks, on both stores
	$(GO) test -count=1 -v -timeout 2h -run '^TestContention$$' ./adapter/app -contenders 200 -contested 50

.PHONY: chaos
chaos: ## Owe CHAOS (10000) deliveries to peers that break every promise, for twelve simulated days, with crashes; drill an outage and a recall; print the reports
	$(GO) test -count=1 -v -timeout 1h -run '^Test(Chaos|Outage)$$' ./adapter/relay -chaos $(CHAOS) -outage $(OUTAGE)
	$(GO) test -count=1 -v -timeout 1h -run '^TestDrill$$' ./adapter/recall
	$(GO) test -run '^$$' -bench '^Benchmark(Deliveries|Added)' ./adapter/relay

.PHONY: growth
growth: ## Measure a store (STORE=postgres, else the embedded one) at SIZES (10000,100000,1000000) referrals, in turns: 16 GB and half an hour
	$(GO) test -count=1 -v -timeout 3h -run '^TestGrowth$$' ./adapter/app -growth $(SIZES) -growth-store '$(STORE)'

.PHONY: together
together: ## Send sixteen identical requests at once, TOGETHER (1000) times; each is done once
	$(GO) test -count=1 -v -timeout 1h -run '^TestTogether$$' ./adapter/app -together $(TOGETHER)

.PHONY: clients
clients: build ## Run unmodified FHIR client libraries from npm against a running server (needs Node 20 or later)
	cd conformance/clients && npm ci --ignore-scripts --no-audit --no-fund && node --test --test-reporter=$(REPORTER) *.test.mjs

.PHONY: foreign
foreign: build ## Send outcomes to a HAPI FHIR server from Maven Central, and read them back with a FHIR client from npm (needs Java 17, Maven, Node)
	cd conformance/clients/foreign && mkdir -p target && mvn -B -q dependency:build-classpath -Dmdep.outputFile=target/classpath
	cd conformance/clients && npm ci --ignore-scripts --no-audit --no-fund && node --test --test-reporter=$(REPORTER) foreign/*.test.mjs

.PHONY: cover
cover: ## Measure test coverage, write bin/cover.html
	@mkdir -p bin
	$(GO) test -timeout $(TESTTIMEOUT) -coverpkg ./... -coverprofile bin/cover.out ./...
	$(GO) tool cover -html bin/cover.out -o bin/cover.html
	@$(GO) tool cover -func bin/cover.out | tail -1

.PHONY: generate
generate: ## Write the generated files again
	$(GO) generate ./...

.PHONY: verify
verify: build vet ## Check formatting, generated files, modules and mappings
	@unformatted=$$(gofmt -l adapter cmd config mappings conformance); \
	  if [ -n "$$unformatted" ]; then echo "not formatted, run gofmt -w:"; echo "$$unformatted"; exit 1; fi
	$(GO) test -count=1 -run '^Test(ReferenceIsFresh|Layers|Homes|PurePackagesHaveNoEffects|PluginsAreWired|PackagesAreDocumented)$$' ./adapter ./config
	$(GO) mod verify
	./$(BIN) mapping lint
	./$(BIN) mapping test

.PHONY: ci
ci: ## Do what the CI machine does
	.ci/run

.PHONY: clean
clean: ## Remove what was built and measured
	rm -rf bin
