# Each target is one line that a person could type. `make help` lists them.
SHELL       := bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

FUZZTIME    ?= 20s
SIZES       ?= S M
BENCHTIME   ?= 1s
SEED        ?= 1
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

VERSITYGW_VERSION := v1.8.0
VERSITYGW         := .cache/versitygw-$(VERSITYGW_VERSION)/versitygw

.PHONY: build test race soak bench bench-peers bench-scale bench-stream fuzz platforms lint fixtures integration integration-all integration-feast integration-kafka integration-prometheus integration-s3 clean help

build: ## the program, one static file: bin/timeseam
	CGO_ENABLED=0 go build -trimpath -ldflags='-s -w' -o bin/timeseam ./cmd/timeseam

test: ## all tests, without network or servers
	go vet ./... && go test ./...

race: ## the tests of meaning and of the driver under the race detector
	go test -race -short -timeout 20m ./features/... ./kafka ./live ./serve ./shelf ./store/... ./timetravel/...

soak: ## random cases and cuts from SEED on, and runs and daemons killed at random instants: some hours of them
	go test ./timetravel -run 'TestRandom$$' -timeout 2h -seed $(SEED) -runs 10000 && go test ./cmd/timeseam -run 'TestProcess(KilledAnywhere|SpoolKilled)' -timeout 30m -kill-seed $(SEED) -kills 500 && go test ./cmd/timeseam -run 'TestProcessFollowKilled' -timeout 30m -kill-seed $(SEED) -kills 200 && go test ./cmd/timeseam -run '^TestCutInvariance$$' -timeout 120m -cut-seed $(SEED) -cuts 10000

bench: ## Go benchmarks of the hot packages, then workloads A, B and C on SIZES
	go test -run '^$$' -bench . -benchtime $(BENCHTIME) -benchmem ./features/... ./kafka ./live ./payload ./serve ./shelf ./timetravel/... ./sources/... ./sink/... ./cmd/timeseam && python3 fixtures/peers/bench.py --ours-only $(SIZES)

bench-peers: ## A, B and C on SIZES side by side with pinned DuckDB and Polars
	python3 fixtures/peers/bench.py $(SIZES)

bench-scale: ## how B grows with events, windows, their length, hot keys, threads, ids; in pairs of runs
	python3 fixtures/peers/scale.py

bench-stream: ## a topic followed, all values read at each event, beside the library's own consumer
	go test ./cmd/timeseam -run '^$$' -bench '^BenchmarkStream$$' -benchtime 3x

fuzz: ## each fuzzer for FUZZTIME
	.ci/fuzz $(FUZZTIME)

platforms: ## the golden values on amd64, amd64 v3 and arm64 (qemu-user), and no fused instruction
	.ci/platforms

lint: ## gofmt, go vet, staticcheck and the house tests
	wrong="$$(gofmt -l checkpoint cmd cutover features fixtures kafka ledger live payload serve shelf sink sources store timetravel)" && test -z "$$wrong" || { echo "gofmt: $$wrong" >&2; exit 1; } && go vet -tags integration ./... && go run $(STATICCHECK) -tags integration ./... && go test -count=1 -run '^TestHouse' ./cmd/timeseam

fixtures: ## the data of the reference workload, by size, under .cache/bench
	for size in $(SIZES); do go run ./fixtures/generate -size $$size -out .cache/bench/$$size; done

integration: integration-s3 integration-kafka integration-feast integration-prometheus ## the real servers, one after the other, which these targets start themselves

integration-all: integration ## and the notebook and the Airflow DAGs of the pages, in real Jupyter and Airflow, installed under .cache
	python3 fixtures/notebook/run.py && python3 fixtures/airflow/run.py

integration-feast: ## the answers of package serve beside those of Feast's own server, installed under .cache
	go vet -tags integration ./serve && python3 fixtures/feast/run.py

integration-kafka: $(VERSITYGW) ## topics of three real brokers of Kafka, which are killed, secured and emptied, fetched under .cache
	go vet -tags integration ./kafka/... ./cmd/timeseam && TIMESEAM_VERSITYGW=$(CURDIR)/$(VERSITYGW) python3 fixtures/kafka/run.py

integration-prometheus: ## a real Prometheus scrapes a daemon, and its tool checks the alerts, fetched under .cache
	python3 fixtures/prometheus/run.py

integration-s3: $(VERSITYGW) ## histories, spines and outputs in a real S3 server, built under .cache
	go vet -tags integration ./store/... ./checkpoint ./sink ./sources ./cmd/timeseam && TIMESEAM_VERSITYGW=$(CURDIR)/$(VERSITYGW) go test -tags integration -count=1 -timeout 20m -run Integration -skip IntegrationCutover ./store/... ./checkpoint ./sink ./sources ./cmd/timeseam && go test -count=1 -run TestRemoteFaults ./sources -schedules 500

$(VERSITYGW):
	GOBIN=$(CURDIR)/$(@D) CGO_ENABLED=0 go install github.com/versity/versitygw/cmd/versitygw@$(VERSITYGW_VERSION)

clean: ## remove what was built and made here
	rm -rf bin .cache

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)
