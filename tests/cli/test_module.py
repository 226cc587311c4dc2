"""`python -m mezzotint` is the command line."""

import runpy
import sys

import pytest

from mezzotint import __version__


def test_the_module_runs_the_command_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["mezzotint", "--version"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("mezzotint", run_name="__main__")
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip() == f"mezzotint {__version__}"
