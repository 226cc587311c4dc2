"""Every exception becomes one line and an exit code."""

import re
from pathlib import Path

import pytest

from mezzotint.cli.errors import guarded
from mezzotint.values.errors import BadValue, OutputFailed


def raising(error):
    def work():
        raise error

    return work


def told(capsys):
    shown = capsys.readouterr()
    assert shown.out == ""
    (line,) = shown.err.splitlines()
    assert "Traceback" not in line
    return line


def test_the_exit_code_of_the_work_is_kept():
    assert guarded(lambda: 0, debug=False) == 0
    assert guarded(lambda: 1, debug=False) == 1


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (BadValue("steps", "0 is out of range", "use 1"), 2, "error: steps: 0 is out of range; use 1"),
        (OutputFailed("a.png", "disk full"), 1, "error: a.png: could not be written: disk full; check"),
        (FileNotFoundError(2, "No such file", "a.txt"), 1, "error: a.txt: No such file; check the file"),
        (KeyboardInterrupt(), 130, "error: stopped"),
    ],
)
def test_errors_for_users_are_one_line(capsys, error, code, line):
    assert guarded(raising(error), debug=False) == code
    assert told(capsys).startswith(line)


def test_a_fault_of_the_program_is_saved_and_named(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    assert guarded(raising(ZeroDivisionError("by\nnothing")), debug=False, arguments=["a cat"]) == 1
    line = told(capsys)
    assert line.startswith("error: unexpected ZeroDivisionError: by nothing; this is a fault of the program")
    report = Path(re.search(r"report is in (\S+),", line)[1])
    assert report.parent == tmp_path
    assert "Traceback" in report.read_text()
    assert "a cat" in report.read_text()


def test_where_no_report_can_be_saved_debug_is_offered(capsys, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", "/nowhere")
    guarded(raising(ZeroDivisionError()), debug=False)
    assert told(capsys).endswith("add --debug to see where")


@pytest.mark.parametrize("error", [ZeroDivisionError("x"), BadValue("a", "b", "c")])
def test_debug_shows_the_traceback(capsys, error):
    assert guarded(raising(error), debug=True) == (2 if isinstance(error, BadValue) else 1)
    assert "Traceback" in capsys.readouterr().err


def test_colour_only_on_a_terminal(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.delenv("NO_COLOR", raising=False)
    guarded(raising(BadValue("a", "b", "c")), debug=False)
    assert capsys.readouterr().err == "\x1b[31merror: a: b\x1b[0m; c\n"
    monkeypatch.setenv("NO_COLOR", "1")
    guarded(raising(BadValue("a", "b", "c")), debug=False)
    assert capsys.readouterr().err == "error: a: b; c\n"
