"""What a run shows: lines into a pipe, a bar on a terminal, nothing when quiet."""

import re

import pytest

from mezzotint.cli.progress import showing
from mezzotint.values.events import Drawn, Prepared, Stepped


def run(pictures, group, steps, seconds=0.5):
    for start in range(0, pictures, group):
        yield Prepared(group, steps, "toy")
        for step in range(1, steps + 1):
            yield Stepped(step, steps, 1.0, seconds)
        for index in range(start, start + group):
            yield Drawn(index, None)


def shown(capsys, pictures, group, steps, quiet=False):
    with showing(pictures, quiet) as show:
        for event in run(pictures, group, steps):
            show(event)
    said = capsys.readouterr()
    assert said.out == ""
    return said.err


def test_a_pipe_gets_a_line_for_each_quarter(capsys):
    assert shown(capsys, 1, 1, 20).splitlines() == [
        "drawing a picture with toy, 20 steps",
        "step 5/20, 500 ms/step, 8 s left",
        "step 10/20, 500 ms/step, 5 s left",
        "step 15/20, 500 ms/step, 2 s left",
        "step 20/20, 500 ms/step, 0 s left",
    ]


def test_few_steps_get_a_line_each(capsys):
    assert len(shown(capsys, 1, 1, 3).splitlines()) == 1 + 3


def test_the_time_left_counts_the_pictures_to_come(capsys):
    lines = shown(capsys, 3, 1, 4).splitlines()
    assert lines[0] == "drawing 3 pictures with toy, 4 steps"
    assert lines[1] == "picture 1 of 3, step 1/4, 500 ms/step, 6 s left"
    assert lines[-1] == "picture 3 of 3, step 4/4, 500 ms/step, 0 s left"
    assert len(lines) == 1 + 3 * 4


def test_many_pictures_have_a_line_each(capsys):
    lines = shown(capsys, 6, 1, 4).splitlines()
    assert lines[1] == "picture 1 of 6 drawn, 500 ms/step, 10 s left"
    assert len(lines) == 1 + 6


def test_pictures_of_one_group_share_their_steps(capsys):
    lines = shown(capsys, 4, 2, 4).splitlines()
    assert lines[0] == "drawing 4 pictures with toy, 4 steps"
    assert lines[-1] == "picture 3 of 4, step 4/4, 500 ms/step, 0 s left"
    assert "picture 1 of 4, step 4/4, 500 ms/step, 2 s left" in lines


def passes(pictures, lengths, seconds):
    for index in range(pictures):
        for number, (steps, each) in enumerate(zip(lengths, seconds, strict=True), 1):
            yield Prepared(1, steps, "toy", number, len(lengths))
            for step in range(1, steps + 1):
                yield Stepped(step, steps, 1.0, each)
        yield Drawn(index, None)


def test_passes_are_told_and_each_has_its_pace(capsys):
    with showing(2, False) as show:
        for event in passes(2, (4, 2), (1.0, 10.0)):
            show(event)
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "drawing 2 pictures with toy, 4 steps in the first of 2 passes"
    assert lines[1] == "picture 1 of 2, pass 1 of 2, step 1/4, 1.0 s/step, 15 s left"
    assert lines[5] == "pass 2 of 2 with toy, 2 steps"
    assert lines[6] == "picture 1 of 2, pass 2 of 2, step 1/2, 10.0 s/step, 34 s left"
    assert lines[8] == "picture 2 of 2, pass 1 of 2, step 1/4, 1.0 s/step, 23 s left"
    assert lines[-1] == "picture 2 of 2, pass 2 of 2, step 2/2, 10.0 s/step, 0 s left"


def test_a_pass_without_steps_is_no_trouble(capsys):
    with showing(1, False) as show:
        for event in passes(1, (0, 1), (1.0, 1.0)):
            show(event)
    assert "pass 2 of 2, step 1/1, 1.0 s/step, 0 s left" in capsys.readouterr().err


def test_quiet_is_quiet(capsys):
    assert shown(capsys, 1, 1, 4, quiet=True) == ""


@pytest.mark.parametrize("pictures", [1, 3])
def test_a_terminal_gets_a_bar_that_goes_away(capsys, monkeypatch, pictures):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("FORCE_COLOR", "1")
    text = shown(capsys, pictures, 1, 8)
    assert "opening the model" in text
    assert "8/8" in text
    assert "500 ms/step" in text
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)
    assert max(len(line) for line in re.split(r"[\r\n]", plain)) <= 80


def test_times_are_readable(capsys):
    from mezzotint.cli.progress import _clock, _seconds

    assert [_seconds(s) for s in (0.0421, 1.25, 31)] == ["42 ms", "1.2 s", "31.0 s"]
    assert [_clock(s) for s in (0.4, 59, 61, 3700)] == ["0 s", "59 s", "1:01 min", "1:01 h"]
