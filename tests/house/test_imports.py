"""Who may import whom, and what importing the package costs."""

import json
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest
from importlinter.cli import lint_imports

from house.sources import ROOT

HEAVY = ("torch", "pydantic", "numpy", "PIL", "rich", "tokenizers", "safetensors")


def test_the_layers_hold():
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True) == 0


def test_no_module_imports_itself_in_a_circle():
    graph = grimp.build_graph("mezzotint", exclude_type_checking_imports=True, cache_dir=None)
    imports = {m: graph.find_modules_directly_imported_by(m) for m in graph.modules}
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def loaded_by(statement):
    """The names of all modules that a fresh interpreter has loaded after one statement."""
    code = f"import sys, json; {statement}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout.splitlines()[-1]))


def test_importing_the_package_is_light():
    assert loaded_by("import mezzotint").isdisjoint(HEAVY)


def test_the_values_do_without_torch():
    modules = loaded_by("import mezzotint.values.recipe, mezzotint.values.options, mezzotint.values.errors")
    assert "torch" not in modules


def test_the_lightness_test_sees_what_is_loaded():
    assert "numpy" in loaded_by("import numpy")
