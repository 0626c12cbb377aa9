# Every target makes the virtual environment it needs. Only git, make and Python 3.11 are asked for.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
PIP_FLAGS ?= --quiet --disable-pip-version-check
BIN := .venv/bin
# One thread a process: pytest already runs one worker a core.
export OMP_NUM_THREADS ?= 1

.PHONY: venv demo test lint types contracts tests blenders real bench quick paper-smoke zip clean

venv: .venv/.done
demo: .venv-demo/.done
	.venv-demo/bin/python blender_addon/batch.py -- assets/demo/clip.mp4 -o out --name demo

test: lint tests blenders  ## what a visitor runs, and what CI runs

lint: .venv/.done
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

tests: .venv/.done
	$(BIN)/python -m pytest -n 2 --dist loadfile tests

quick: .venv/.done
	$(BIN)/python -m pytest -n 2 --dist loadfile -m "not slow" tests

blenders: .venv-bpy42/.done .venv-bpy45/.done  ## the add-on's tests again, on the two long-term Blenders
	.venv-bpy42/bin/python -m pytest tests/addon
	.venv-bpy45/bin/python -m pytest tests/addon

real: .venv/.done  ## the zip in a Blender with its window, clicked through; needs root and MOCAP_SHARED
	$(BIN)/python -m tests.real

bench: .venv/.done
	$(BIN)/python -m tests.bench

N ?= 2000
ROUNDS ?= 1
paper-smoke: .venv/.done  ## the paper's protocol on N rendered people in the published formats
	$(BIN)/python -m training.studies.paper_smoke -o out/paper-smoke --people $(N) --rounds $(ROUNDS)

PLATFORM ?= linux-x64
zip: .venv/.done  ## the extension for one platform, in dist/
	$(BIN)/python build_addon.py --platform $(PLATFORM)

.venv/.done: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed (bpy 5.0 has no other): make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt torch==2.13.0
	$(BIN)/pip install $(PIP_FLAGS) -c constraints.txt -e '.[cpu,train,smpl,blender,dev]'
	touch $@

.venv-demo/.done: pyproject.toml constraints.txt
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and "Python 3.11 is needed (bpy 5.0 has no other): make PYTHON=/path/to/python3.11")'
	$(PYTHON) -m venv .venv-demo
	.venv-demo/bin/pip install $(PIP_FLAGS) -c constraints.txt -e '.[cpu,blender]'
	touch $@

.venv-bpy42/.done: BPY = 4.2.23
.venv-bpy45/.done: BPY = 4.5.14
.venv-bpy42/.done .venv-bpy45/.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(@D)
	grep -v '^bpy==' constraints.txt > $(@D)/constraints.txt
	$(@D)/bin/pip install $(PIP_FLAGS) -c $(@D)/constraints.txt bpy==$(BPY) pytest hypothesis onnx -e '.[cpu]'
	touch $@

clean:
	rm -rf .venv .venv-demo .venv-bpy42 .venv-bpy45 out build dist
