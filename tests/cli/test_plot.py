"""`mezzotint plot`: its files, going on after a stop, and what it refuses before anything is drawn."""

import signal
import subprocess
import time

import pytest
from PIL import Image

from cli.commands import TOY, apart, command, error_of, files, here
from mezzotint.values.metadata import read

SMALL = (*TOY[:6], *TOY[8:])
"""The toy's flags without --steps."""


def test_a_plot_is_a_sheet_a_page_and_pictures(tmp_path, capsys):
    done = here(
        capsys, "plot", "a red apple", *SMALL, "--x", "steps=1,2", "--y", "prompt-sr=red,blue", "-o", tmp_path / "a.png"
    )  # fmt: skip
    assert done.code == 0, done.err
    assert f"{tmp_path / 'a.png'}, {tmp_path / 'a.html'}  4 pictures; each one is in" in done.out
    pictures = sorted((tmp_path / "a").iterdir())
    recipes = [read(path).recipe for path in pictures]
    assert {(r.passes[0].steps, r.prompt.text, r.seed) for r in recipes if r} == {
        (n, text, 0) for n in (1, 2) for text in ("a red apple", "a blue apple")
    }
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 256 and sheet.height > 256
    before = [path.stat().st_mtime_ns for path in pictures]
    again = here(
        capsys, "plot", "a red apple", *SMALL, "--x", "steps=1-3", "--y", "prompt-sr=red,blue", "-o", tmp_path / "a.png"
    )  # fmt: skip
    assert "4 of 6 pictures are there from before" in again.out
    assert [path.stat().st_mtime_ns for path in pictures] == before
    over = here(
        capsys, "plot", "a red apple", *SMALL, "--x", "steps=1", "-o", tmp_path / "a.png", "--overwrite", "-q"
    )
    assert (over.code, over.out) == (0, "")
    assert [path.stat().st_mtime_ns for path in pictures] != before


def test_convergence_is_printed_and_drawn(tmp_path, capsys):
    done = here(
        capsys, "plot", "a", *SMALL, "--x", "steps=1,2", "--y", "sampler=euler,ddim", "--converge", "4",
        "-o", tmp_path / "c.png",
    )  # fmt: skip
    assert done.code == 0, done.err
    assert "distance from 4 steps (rms, levels of 255)\neuler  1: " in done.out
    assert [name for name in files(tmp_path) if "/" not in name] == ["c-convergence.png", "c.html", "c.png"]
    assert len(files(tmp_path / "c")) == 6


def test_without_a_name_it_is_named_after_the_prompt(tmp_path):
    done = apart("plot", "a red apple", *SMALL, "--x", "steps=1", folder=tmp_path)
    assert done.code == 0, done.err
    assert [name for name in files(tmp_path) if "/" not in name] == [
        "a-red-apple-plot.html",
        "a-red-apple-plot.png",
    ]


def test_ctrl_c_keeps_what_is_drawn(tmp_path):
    words = command("plot", "a", *SMALL, "--x", "steps=1,2,997,998,999,1000", "-o", tmp_path / "a.png")
    with subprocess.Popen(
        words,
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A test run in the background ignores SIGINT, and so would its children.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        while process.poll() is None and len(list(tmp_path.glob("a/*.png"))) < 2:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    kept = len(list((tmp_path / "a").iterdir()))
    assert kept >= 2
    assert f"error: stopped, {kept} of 6 pictures are kept; the same command goes on from there" in said
    assert not (tmp_path / "a.png").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "x: is missing; name what changes, as --x steps=5,10,20"),
        (("--x", "stepz=1"), "unknown axis 'stepz'; did you mean steps?"),
        (("--x", "steps=1,0"), "steps: 0 is out of range; use 1 to 1000"),
        (("--x", "sampler=euler,eulr"), "unknown sampler 'eulr'; did you mean euler"),
        (("--x", "steps=1", "--y", "steps=2"), "axes: two of them change the same option"),
        (("--x", "steps=1-40", "--y", "seed=1-40"), "axes: make 1600 pictures; use at most 1000"),
        (("--x", "seed=1", "--converge", "9"), "converge: needs an axis of steps"),
        (("--x", "steps=1", "--converge", "0"), "converge: 0 is out of range; use 1 to 1000"),
        (("--x", "steps=1", "-o", "a.gif"), "output: 'a.gif' is no kind of picture that can be written"),
        (("--x", "steps=1", "-o", "nowhere/a.png"), "nowhere: could not be written: no such folder"),
        (("--x", "prompt=,a"), "prompt: is empty"),
    ],
)
def test_what_is_wrong_is_said_before_drawing(tmp_path, capsys, monkeypatch, words, said):
    monkeypatch.chdir(tmp_path)
    done = here(capsys, "plot", "a", *SMALL, *words)
    assert done.code in (1, 2)
    assert error_of(done).startswith(f"error: {said}")
    assert files(tmp_path) == []


def test_a_file_of_somebody_else_is_left_alone(tmp_path, capsys):
    (tmp_path / "a.png").write_bytes(b"mine")
    done = here(capsys, "plot", "a", *SMALL, "--x", "steps=1", "-o", tmp_path / "a.png")
    assert "there is such a file already" in error_of(done)
    assert (tmp_path / "a.png").read_bytes() == b"mine"
    (tmp_path / "b").write_bytes(b"mine")
    done = here(capsys, "plot", "a", *SMALL, "--x", "steps=1", "-o", tmp_path / "b.png")
    assert "could not be written" in error_of(done)
