# Everything a person or CI runs. Needs Python ≥ 3.10, git and make; the rest is installed into $(VENV).
PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
WORKERS ?= 2
# Without cached byte code the threads of a prediction parse modules while pytest parses others, and CPython 3.11
# cannot parse in two threads at once ("AST constructor recursion depth mismatch").
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help install eval eval-again test check static ts bench docs clean
help:
	@echo "make eval    compile, judge and report the evals on the embedded store"
	@echo "make test    run the tests"
	@echo "make check   format, lint, types, import floors, the TypeScript client, then the tests with branch coverage"
	@echo "make ts      types and tests of clients/typescript; Node comes from PATH or the package index"
	@echo "make bench   run the benchmarks side by side with their floors; results go to the terminal"
	@echo "make docs    write docs/options.md anew"

install: $(VENV)/.installed
$(VENV)/.installed: pyproject.toml constraints.txt
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[dev]'
	touch $@

eval: install
	$(BIN)/pytest evals/ --compile

eval-again: install
	$(BIN)/pytest evals/

test: install
	tools/dolt >/dev/null # says on stderr what it does; a build of minutes is no test's business
	$(BIN)/coverage erase
	# What fails is run once more by itself: some tests hold a clock against a loaded machine. Twice is a failure.
	$(BIN)/coverage run -m pytest tests/ -q -n $(WORKERS) --dist loadfile || \
		$(BIN)/coverage run -m pytest tests/ -q --last-failed --last-failed-no-failures none
	$(BIN)/coverage combine --quiet
	$(BIN)/coverage report --skip-covered --show-missing
	$(BIN)/coverage report --include='$(NOUNS)' --fail-under=100 --skip-covered

# The nouns: every branch is tested.
comma = ,
empty =
space = $(empty) $(empty)
NOUNS = $(subst $(space),$(comma),$(foreach noun,artifact bound budget claim constraint dataset errors eval gate metric optimizer run score,*/g6o_eval/$(noun).py))

static: install
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

# The client's tests against a real server are part of `make test`.
CLIENT = clients/typescript
IN_CLIENT = PATH="$$(tools/node):$$PATH" && export PATH && cd $(CLIENT)
ts: $(CLIENT)/node_modules/.package-lock.json
	$(IN_CLIENT) && npm run --silent check && npm test --silent

$(CLIENT)/node_modules/.package-lock.json: $(CLIENT)/package-lock.json $(CLIENT)/.npmrc
	$(IN_CLIENT) && npm ci --silent --ignore-scripts
	touch $@

check: static ts test

bench: install
	@for script in benchmarks/*.py; do echo "== $$script"; $(BIN)/python $$script || exit 1; done

docs: install
	$(BIN)/python tools/options.py

clean:
	rm -rf $(CLIENT)/node_modules $(VENV) .g6o .coverage* .mypy_cache .ruff_cache .pytest_cache .hypothesis
