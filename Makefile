# Everything sets itself up: a virtual environment in .venv, with the project and its tools.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
INSTALLED := $(VENV)/.installed

.PHONY: setup test test-slow lint format demo clean

setup: $(INSTALLED)

# constraints.txt has the versions that were tested, so that what worked goes on working.
$(INSTALLED): setup.cfg pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
		|| { echo "Python 3.11 to 3.13 is needed; name one with make PYTHON=..."; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --disable-pip-version-check --constraint constraints.txt \
		--editable '.[train,onnx,dev]'
	@touch $(INSTALLED)

test: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile

test-slow: $(INSTALLED)
	$(BIN)/python -m pytest -n 2 --dist loadfile -m slow

lint: $(INSTALLED)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy keras_gen export/keras_gen_export

format: $(INSTALLED)
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

# Without TensorFlow's remarks on the machine, so that the demo is what one sees.
demo: $(INSTALLED)
	TF_CPP_MIN_LOG_LEVEL=3 $(BIN)/keras-gen demo --output runs/demo-$$(date +%Y%m%d-%H%M%S)

clean:
	rm -rf $(VENV) build dist *.egg-info
