# Needs Python >= 3.11, git and make. `make` alone lists the commands.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
MAKEFLAGS += --no-print-directory

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python

# The environment is made again only when the lock changes: its checksum names the stamp.
LOCK_SUM := $(shell cat requirements/lock.txt requirements/torch.txt | cksum | tr ' ' '-')
READY := $(VENV)/.ready-$(LOCK_SUM)
# Other people's libraries that benchmarks and oracle tests compare with, kept out of ours.
PEERS := .venv-peers
PEERS_SUM := $(shell cat requirements/peers.txt | cksum | tr ' ' '-')
PEERS_READY := $(PEERS)/.ready-$(PEERS_SUM)
# What leaving one machine needs (docs/deploy/), on top of the environment; servers that tests start.
DEPLOY_SUM := $(shell cat requirements/lock.txt requirements/torch.txt requirements/deploy.txt | cksum | tr ' ' '-')
DEPLOY_READY := $(VENV)/.deploy-$(DEPLOY_SUM)
SERVERS := .venv-servers
SERVERS_SUM := $(shell cat requirements/servers.txt | cksum | tr ' ' '-')
SERVERS_READY := $(SERVERS)/.ready-$(SERVERS_SUM)
PIP := -m pip install --quiet --no-input --disable-pip-version-check

# Where things live; each can be set from outside.
export FINTS_LAKE ?= $(CURDIR)/data_lake
# An inbox is a folder of this machine, also when the lake is in a bucket.
export FINTS_INBOX ?= $(if $(filter s3://%,$(FINTS_LAKE)),$(CURDIR)/inbox,$(FINTS_LAKE)/inbox)
export FINTS_CONFIGS ?= $(CURDIR)/configs
export DAGSTER_HOME ?= $(CURDIR)/.dagster
export MLFLOW_TRACKING_URI ?= sqlite:///$(CURDIR)/.mlflow/mlflow.db
# Nothing phones home.
export DO_NOT_TRACK := 1
export MLFLOW_DISABLE_TELEMETRY := true
export HF_HUB_DISABLE_TELEMETRY := 1
export HF_HUB_OFFLINE ?= 1
# MLflow's server would keep eight processes for jobs that nothing here has.
export MLFLOW_SERVER_ENABLE_JOB_EXECUTION := false

FAST := not slow and not gpu and not shared_data and not browser and not server

.PHONY: help venv peers deploy servers home demo test test-full check ci ci-jobs ui mlflow bench lock format clean

help: ## list the commands
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-9s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(READY) ## make the environment in .venv from the lock

$(READY):
	@$(PYTHON) tools/environment.py $(VENV)
	@rm -f $(VENV)/.ready-* && touch $@

peers: $(PEERS_READY) ## make the environment of what we compare with, in .venv-peers

$(PEERS_READY):
	@$(PYTHON) -m venv --clear $(PEERS)
	@$(PEERS)/bin/python $(PIP) --require-hashes --no-deps -r requirements/peers.txt
	@$(PEERS)/bin/python $(PIP) -r requirements/torch.txt
	@touch $@

deploy: $(DEPLOY_READY) ## add what leaving one machine needs: PostgreSQL, S3, Dask, Ray

$(DEPLOY_READY): $(READY)
	@$(PY) $(PIP) --require-hashes --no-deps -r requirements/deploy.txt
	@rm -f $(VENV)/.deploy-* && touch $@

servers: $(SERVERS_READY) ## make the environment of the servers that tests start, in .venv-servers

$(SERVERS_READY):
	@$(PYTHON) tools/system_packages.py
	@$(PYTHON) -m venv --clear $(SERVERS)
	@$(SERVERS)/bin/python $(PIP) --require-hashes --no-deps -r requirements/servers.txt
	@touch $@

home: venv ## initialise Dagster's home and MLflow's store, once, before anything concurrent
	@mkdir -p .mlflow "$(DAGSTER_HOME)"
	@test -e "$(DAGSTER_HOME)/dagster.yaml" || ln -sf "$(CURDIR)/dagster.yaml" "$(DAGSTER_HOME)/"
	@$(PY) -m fints_pipeline.defs.home

demo: home ## run the whole pipeline on a synthetic market, or on DATA=folder of your own archives
	@$(PY) -m fints_pipeline.demo $(if $(DATA),--data "$(DATA)")

test: venv ## run the fast tests
	@$(PY) -m pytest -q -m "$(FAST)" $(ARGS)

test-full: deploy peers servers ## run every test, slow ones and real data included
	@$(PY) -m pytest -q $(ARGS)

check: venv ## check format, lint, types and who imports whom
	@$(VENV)/bin/ruff format --check --quiet .
	@$(VENV)/bin/ruff check --quiet .
	@$(VENV)/bin/mypy
	@$(VENV)/bin/lint-imports --no-logo

ci: ## what a change has to pass: the environment, check, test, and the jobs for real
	@.ci/run

ci-jobs: venv ## the jobs through `dagster job execute`, in a scratch folder
	@.ci/jobs

ui: home ## serve Dagster's page, guarded, and its daemon on 127.0.0.1:3000
	@$(PY) -m fints_pipeline.service --port $(or $(PORT),3000)

mlflow: home ## serve MLflow's page, guarded, on 127.0.0.1:5000
	@$(PY) -m fints_pipeline.service.mlflow_page --port $(or $(PORT),5000)

bench: venv ## list the benchmarks, or run one: make bench ENTRY=oracle
	@$(PY) -m benchmarks $(ENTRY)

lock: venv ## resolve pyproject.toml into requirements/lock.txt anew
	@$(PY) -m pip install --quiet --disable-pip-version-check uv
	@$(PY) tools/lock.py $(ARGS)

format: venv ## let ruff format the code and fix what it can
	@$(VENV)/bin/ruff format --quiet .
	@$(VENV)/bin/ruff check --fix --quiet .

clean: ## remove the caches (the environment, the lake and Dagster's home stay)
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis build *.egg-info
	@find fints_pipeline fints_pipeline_tests benchmarks tools -name __pycache__ -prune -exec rm -rf {} +
