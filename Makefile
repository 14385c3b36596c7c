# Everything there is to run. `make help` lists it. Node 20 or newer is enough: the packages bring Node 26.
SHELL := /bin/bash
# Before every command that runs TypeScript or one of the packages' tools.
ON_NODE := infra/node/with-node
.DEFAULT_GOAL := help
.PHONY: help install build run test test-unit test-kafka test-docker test-charts chart-schemas check lint format bench bench-platforms bench-core bench-delivery bench-latency bench-scale bench-dedup check-phones chaos chaos-short soak release e2e-upgrade e2e-outage e2e-slow e2e-erasure bench-isolation bench-accounts bench-trace bench-console bench-idle bench-normalize mutants sandbox samples deploy-files acl e2e-acl e2e-rotation dashboard schemas clean

help: ## Lists the targets
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{ printf "  %-18s %s\n", $$1, $$2 }'

# The lock file's copy beside the packages tells whether they are the ones that it names.
install: ## Installs the pinned dependencies; does nothing if they are there
	@command -v npm >/dev/null || { echo "npm was not found. Install Node.js 20 or newer: https://nodejs.org" >&2; exit 1; }
	@version=$$(NODE_OPTIONS= node --version); major=$${version#v}; [ "$${major%%.*}" -ge 20 ] || \
	  { echo "Node.js 20 or newer is needed, and this is $$version: https://nodejs.org" >&2; exit 1; }
	@cmp -s package-lock.json node_modules/.installed-lock || { \
	  echo "Installing dependencies (npm ci). This happens once." >&2 \
	  && npm ci --no-progress >&2 && cp package-lock.json node_modules/.installed-lock; }

build: install ## Puts each program into one file and what it shares, in dist/programs, and the console's page in dist/console
	@$(ON_NODE) node infra/build/bundle.ts

run: install ## Starts all of it: Kafka, registry, sandboxes, processors, sample events. ONCE=1 ends by itself
	@exec $(ON_NODE) node infra/demo/main.ts

test: install ## Runs every test (REPORT=<file> writes the counts as JSON too)
	@exec $(ON_NODE) vitest run $(if $(REPORT),--reporter=default --reporter=json --outputFile.json=$(REPORT))

test-unit: install ## Runs the tests that need nothing but Node
	@exec $(ON_NODE) vitest run --project unit

test-kafka: install ## Runs the tests on a real broker and registry
	@exec $(ON_NODE) vitest run --project kafka

.PHONY: test-kafka-versions
test-kafka-versions: install ## Runs the tests of the Kafka port and the chain on Kafka 3.9 and the newest 4 (VERSIONS="3.9.2 4.4.0"; 3 minutes)
	@exec $(ON_NODE) node tests/kafka-versions/main.ts

test-docker: install ## Builds the image, looks for planted secrets in it, runs its programs and Compose; starts an engine where none is (root)
	@exec $(ON_NODE) node infra/images/check/main.ts

test-charts: install ## Lints and renders the Helm chart, checks its manifests against Kubernetes' schemas and rules
	@exec $(ON_NODE) node infra/helm/check.ts

check: install ## Checks types, style and format
	@$(ON_NODE) tsc --noEmit
	@$(ON_NODE) tsc --noEmit --project processors/console/page
	@$(ON_NODE) biome check .

lint: install ## Checks style and format
	@$(ON_NODE) biome check .

format: install ## Repairs style and format
	@$(ON_NODE) biome check --write .

mutants: install ## Applies each change of tests/mutants/mutants.ts to a copy: the test that it names must fail (ONLY=text)
	@exec $(ON_NODE) node tests/mutants/main.ts

.PHONY: fuzz fuzz-short fuzz-time
fuzz: install ## Throws CASES (1000000) mutated inputs at each target (TARGET=json SEED=1); finds are kept in tests/fuzz/corpus
	@exec $(ON_NODE) node tests/fuzz/main.ts

fuzz-short: install ## The same for a minute in all, with another seed each day
	@SECONDS_IN_ALL=60 exec $(ON_NODE) node tests/fuzz/main.ts

fuzz-time: install ## Measures all readers on texts made from each regular expression (EVERY=1 for all, ONLY=text, MINUTES=30)
	@exec $(ON_NODE) node tests/fuzz/time/main.ts

.PHONY: event-files
event-files: install ## Counts the source files that one event passes, from raw record to Meta's response (LIST=1 names them; 1 minute)
	@exec $(ON_NODE) node tests/event-files/main.ts

chaos: install ## Kills, freezes and cuts off everything, then audits every event (SEEDS=3, or SEED=k alone; 15 minutes at most)
	@exec $(ON_NODE) node tests/chaos/main.ts

chaos-short: install ## The chaos that every change must stand, in three minutes
	@SHORT=1 exec $(ON_NODE) node tests/chaos/main.ts

bench: install ## Measures the chain of processes: CPU and events/s (EVENTS, PLATFORMS; PEER_BUILD runs the peer beside it)
	@exec $(ON_NODE) node tests/bench/chain.ts

bench-platforms: install ## Measures five platforms at once beside one, deliveries in one process and in one each
	@exec $(ON_NODE) node tests/bench/platforms.ts

bench-core: install ## Measures the pure core on one core: normalizing, hashing, mapping, JSON, Avro
	@exec $(ON_NODE) node tests/bench/core.ts

bench-delivery: install ## Measures the delivery engine and its HTTP without Kafka (PLATFORM=meta, EVENTS=200000)
	@exec $(ON_NODE) node --max-old-space-size=192 --max-semi-space-size=16 tests/bench/delivery.ts

.PHONY: bench-commands
bench-commands: install ## Measures the memory of commands on large logs (EVENTS, LARGE, CONNECTIONS, MINUTES; CAPI=<another ./capi>, ONLY=<word>)
	@exec $(ON_NODE) node --max-old-space-size=1024 tests/bench/commands.ts

.PHONY: bench-telemetry
bench-telemetry: install ## Measures what tracing costs: off, 1 % and 100 % alternating in one run (EVENTS=3000 a turn, ROUNDS=20)
	@exec $(ON_NODE) node --max-old-space-size=384 --max-semi-space-size=16 tests/bench/telemetry.ts

bench-latency: install ## Measures raw record to platform answer at fixed rates (RATE=500, SECONDS=30, PARTITIONS=1)
	@exec $(ON_NODE) node tests/bench/latency.ts

bench-scale: install ## Measures instances, a backlog and a slow platform (EVENTS, LARGE=5000000, ONLY=backlog or instances)
	@exec $(ON_NODE) node tests/bench/scale.ts

check-phones: install ## Compares millions of phone numbers with libphonenumber (PHONES=5000000)
	@PHONES=$(or $(PHONES),5000000) exec $(ON_NODE) vitest run --project unit tests/phone-equality.test.ts

soak: install ## All programs under load while troubles come and go: what leaks, drifts or stays ill (MINUTES=60 RATE=60 CONNECTIONS)
	@exec $(ON_NODE) node tests/soak/main.ts

bench-dedup: install ## Measures the deduplicator: memory, checks, restore from Kafka (IDS=10000000)
	@exec $(ON_NODE) node tests/bench/dedup.ts

e2e-outage: install ## Poison, an expired token, throttling and an outage of 90 s: every promise checked (EVENTS, OUTAGE_SECONDS, SEED)
	@exec $(ON_NODE) node tests/outage/main.ts

e2e-slow: install ## The chain with 5 % of a core for each program: every event once (SHARE, EVENTS=5000, PARTITIONS=4)
	@exec $(ON_NODE) node tests/bench/slow-machine.ts

e2e-health: install ## A platform gets slow, dies, refuses its token and recovers: every surface says the same within 5 s
	@exec $(ON_NODE) node tests/health/main.ts

.PHONY: test-browser
test-browser: install ## Walks the console's page in Chromium on the whole system; screenshots to docs/images (SCREENSHOTS=folder)
	@exec $(ON_NODE) node tests/browser/main.ts

e2e-erasure: install ## Erases a person while events wait, then searches every byte of broker, programs and state files (3 minutes)
	@exec $(ON_NODE) node tests/erasure/main.ts

bench-isolation: install ## Measures what one platform's trouble costs the others: p99 with and without it
	@exec $(ON_NODE) node tests/bench/isolation.ts

bench-accounts: install ## Measures 1 to 1,000 accounts of one platform (CONNECTIONS, EVENTS, INSTANCES; FANOUT=1, TROUBLE=1, IN_MEMORY=1)
	@exec $(ON_NODE) node tests/bench/accounts.ts

bench-trace: install ## Measures ./capi trace's lookups with EVENTS (10000000) events in the index, LOG (200000) of them in the log (ONLY=index: none)
	@exec $(ON_NODE) node --max-old-space-size=1024 tests/bench/trace.ts

bench-console: install ## Measures the console at RESULTS (10000) results a second with CONNECTIONS (200): server, bytes, browser (SECONDS=30)
	@exec $(ON_NODE) node tests/bench/console.ts

bench-idle: install ## Measures what programs and broker cost without events (CONNECTIONS, SECONDS=300, TOGETHER=1)
	@exec $(ON_NODE) node tests/bench/idle.ts

sandbox: install ## Starts the platform sandboxes alone and prints their addresses (infra/sandbox/README.md)
	@exec $(ON_NODE) node infra/sandbox/main.ts

samples: install ## Remakes examples/sample-events/sample-events.jsonl
	@$(ON_NODE) node examples/sample-events/generate.ts

.PHONY: test-examples
test-examples: install ## Runs the examples of each language whose tools are here on a real broker: every event delivered (ONLY=python,node)
	@exec $(ON_NODE) node tests/examples/main.ts

.PHONY: reference
reference: install ## Remakes docs/reference and schemas/connections.schema.json from the code
	@$(ON_NODE) node infra/reference/generate.ts

chart-schemas: install ## Remakes infra/helm/schemas from Go modules of Kubernetes, KEDA and Prometheus' operator
	@$(ON_NODE) node infra/helm/schemas/generate.ts

deploy-files: install ## Remakes the programs in the Compose files and the chart
	@$(ON_NODE) node infra/images/deploy-files.ts

acl: install ## Remakes the rights of each program in infra/acl
	@$(ON_NODE) node infra/acl/generate.ts

e2e-acl: install ## Every program on a broker with ACLs: it works with its rights, and fails with one less (ONLY=mapper)
	@exec $(ON_NODE) node tests/acl/main.ts

e2e-rotation: install ## Credentials and the master key change under load, without a restart or a loss (SECONDS=40)
	@exec $(ON_NODE) node tests/rotation/main.ts

e2e-upgrade: install ## A running system of an earlier commit is upgraded under load (FROM=<commit>, ROLLBACK=1, SECONDS=10)
	@exec $(ON_NODE) node tests/upgrade/main.ts

release: install ## Sets VERSION everywhere, writes CHANGELOG.md, commits and tags (DRY_RUN=1 shows it; CHECK="make check test")
	@exec $(ON_NODE) node infra/release/main.ts

dashboard: install ## Remakes infra/grafana/dashboard.json
	@$(ON_NODE) node infra/grafana/dashboard.ts

bench-normalize: install ## Measures reading, checking, normalizing and hashing on one core
	@exec $(ON_NODE) node processors/normalizer/normalize/normalize.bench.ts

schemas: install ## Remakes the TypeScript types from schemas/*.avsc
	@$(ON_NODE) node schemas/generate.ts

clean: ## Removes the state of local runs (log, schema ids, downloads) and of benchmarks; credentials only with CREDENTIALS=delete
	@node infra/local/clean.mjs
