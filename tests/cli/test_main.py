"""Verbs, help and version: quick, complete, and without torch."""

import subprocess
import sys
from importlib import import_module

import pytest

import mezzotint
from cli.commands import apart, here
from mezzotint.cli.verbs import GROUPS, VERBS
from mezzotint.values.options import OPTIONS

HEAVY = ("torch", "numpy", "PIL", "rich", "tokenizers")


def test_version(capsys):
    done = here(capsys, "--version")
    assert (done.code, done.out) == (0, f"mezzotint {mezzotint.__version__}\n")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_help_names_every_verb_and_every_option(capsys, words):
    done = here(capsys, *words)
    assert done.code == 0
    assert all(f"  {verb} " in done.out for verb in VERBS)
    assert all(
        f"--{option.name.replace('_', '-')} " in done.out for option in OPTIONS if option.name != "prompt"
    )


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_can_be_loaded_and_has_help(capsys, verb):
    assert callable(VERBS[verb].load(VERBS[verb].work))
    done = here(capsys, *verb.split(), "--help")
    assert done.code == 0
    assert f"usage: mezzotint {verb}" in done.out


def test_a_terminal_is_told_that_something_happens(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert here(capsys, "models").err == "starting ...\r\x1b[K"
    monkeypatch.setenv("TERM", "dumb")
    assert here(capsys, "models").err == ""


def test_groups_are_made_of_the_verbs():
    assert set(GROUPS) == {"data", "train"}
    assert GROUPS["train"][:3] == ("autoencoder", "text", "denoiser")
    assert "release" in GROUPS["train"]


@pytest.mark.parametrize("words", ["--help", "--version", "inspect --help", "replay --help"])
def test_help_loads_nothing_heavy(words):
    code = (
        "import sys; from mezzotint.cli.main import main; "
        f"main({words.split()!r}); print(*(m for m in {HEAVY!r} if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_drawing_loads_no_heavy_stranger():
    """Cold start: what torch would load for compiling, and the reference libraries, stay away."""
    code = (
        "import sys; from mezzotint.cli.main import main; "
        "main(['x', '--model', 'toy', '--steps', '1', '--quiet', '-o', '/dev/null/x.png']); "
        "import mezzotint.cli.generate; "
        "bad = ('torch._dynamo', 'torch._inductor', 'sympy', 'scipy', 'diffusers', 'transformers', 'matplotlib'); "
        "print(*(m for m in bad if m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == ""


def test_the_package_runs_as_a_module():
    done = apart("--version")
    assert (done.code, done.err) == (0, "")


def test_the_installed_script_is_main():
    module, name = "mezzotint.cli.main:main".split(":")
    assert callable(vars(import_module(module))[name])
