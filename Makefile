# Short verbs. Everything assumes that the virtual environment you work in is active.
.PHONY: setup test check check-all bench bench-samplers tree matrix format

setup:      ## install the package to work on it
	pip install -c constraints.txt -e ".[dev]"

test:       ## the tests of every day, with the coverage gate
	python -m pytest -n 2 --dist worksteal --cov --cov-report=json
	python tools/coverage_gate.py

check:      ## everything that is not a test of behaviour
	bash tools/check

check-all:  ## check, then all tests, the slow ones too
	$(MAKE) check
	python -m pytest -n 2 --dist worksteal -m "slow or not slow"

bench:      ## speed beside diffusers, printed as the README's table
	python bench/first_picture.py
	python bench/opening.py
	python bench/switching.py
	python bench/bad_files.py
	python bench/large.py

bench-samplers: ## samplers and steps on the embedded model; DATA names the folder of `mezzotint data build`
	python bench/samplers.py --data $(or $(DATA),data/mini)
	python bench/samplers.py --data $(or $(DATA),data/mini) --show

tree:       ## write the annotated tree of the README anew
	python tools/readme.py tree

matrix:     ## write docs/checkpoints.md, what is done with each published kind of file
	PYTHONPATH=tests:$$PYTHONPATH python -m families.matrix_page

format:     ## lay out the code, mend what a script can mend
	ruff format
	ruff check --fix
