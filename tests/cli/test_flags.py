"""The table of flags: conversion, suggestions, help, and flags made from options and dataclasses."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from mezzotint.cli.drawing import FLAGS
from mezzotint.cli.flags import Flag, Help, WrongUse, parse, word
from mezzotint.cli.settings import flags_of, made
from mezzotint.values.errors import BadValue, UnknownName
from mezzotint.values.options import OPTIONS

HELP = Help("mezzotint try", "Tries.", "The end.")


@dataclass(frozen=True)
class Shape:
    """A nested part."""

    channels: tuple[int, ...]
    attention: tuple[bool, ...] = (True, False)


@dataclass(frozen=True)
class Settings:
    """Settings of a trainer, as an example."""

    shape: Shape
    out: Path = field(metadata={"help": "folder"})
    betas: tuple[float, float] = (0.9, 0.99)
    precision: Literal["float32", "bfloat16"] = "float32"
    steps: int = field(default=100, metadata={"help": "how many"})
    rate: float | None = None
    sizes: tuple[int, ...] = (64, 128)
    compile: bool = False
    resume: bool = True
    own: int = 0


FLAGS_OF_SETTINGS = flags_of(Settings, "settings", {"channels": (8, 16)}, without={"own"})


def settings(*words):
    return parse(HELP, FLAGS_OF_SETTINGS, ["--out", "runs", *words])


def test_defaults_and_types_come_from_the_dataclass():
    assert settings() == {
        "channels": (8, 16),
        "attention": (True, False),
        "betas": (0.9, 0.99),
        "precision": "float32",
        "out": Path("runs"),
        "steps": 100,
        "rate": None,
        "sizes": (64, 128),
        "compile": False,
        "resume": True,
    }


def test_words_are_converted():
    given = settings("--steps", "7", "--rate=1e-3", "--sizes", "8", "16", "--compile", "--no-resume")
    assert (given["steps"], given["rate"], given["sizes"]) == (7, 1e-3, (8, 16))
    assert given["compile"] is True
    assert given["resume"] is False


def test_flags_become_the_settings_again():
    given = settings("--channels", "4", "--attention", "no", "yes", "--rate", "none", "--betas", "0.5", "1")
    assert made(Settings, given, {"own": 7}) == Settings(
        Shape((4,), (False, True)), Path("runs"), (0.5, 1.0), rate=None, own=7
    )


def test_a_part_can_be_given_whole():
    assert made(Settings, settings(), {"shape": Shape((1,))}).shape == Shape((1,))


def test_a_leaf_without_a_default_must_be_given():
    with pytest.raises(WrongUse, match="--channels is missing"):
        parse(HELP, flags_of(Settings, "settings"), ["--out", "x"])


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (["--precision", "fp8"], UnknownName),
        (["--attention", "maybe"], BadValue),
        (["--betas", "1"], WrongUse),
        (["--steps", "none"], BadValue),
    ],
)
def test_wrong_settings_are_refused(words, error):
    with pytest.raises(error):
        settings(*words)


def test_every_option_of_a_recipe_has_its_flag():
    assert {option.name for option in OPTIONS} <= {flag.name for flag in FLAGS}
    flags = {flag.name: flag for flag in FLAGS}
    assert all(flags[option.name].kind is option.type for option in OPTIONS)
    assert flags["clip_skip"].spelled == "--clip-skip"


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["--stps", "3"], "unknown flag --stps", "did you mean --steps?"),
        (["--qqqqqq"], "unknown flag --qqqqqq", "see `mezzotint try --help`"),
        (["--steps"], "--steps: expected one argument", "see `mezzotint try --help`"),
        (["a", "b"], "'a' is one word too many", "in quotes"),
    ],
)
def test_wrong_words_are_named(words, message, hint):
    with pytest.raises(WrongUse) as caught:
        settings(*words)
    assert message in caught.value.message
    assert hint in caught.value.hint


def test_a_flag_that_must_be_there_is_missed():
    with pytest.raises(WrongUse, match="--out is missing"):
        parse(HELP, FLAGS_OF_SETTINGS, [])
    with pytest.raises(WrongUse, match="FILE is missing"):
        parse(HELP, (word("file", Path, "a file"),), [])


@pytest.mark.parametrize("text", ["x", "1.5", "", "9" * 5000, "0x10"])
def test_a_number_that_is_none_is_refused_by_name(text):
    with pytest.raises(BadValue, match="steps: must be a whole number"):
        settings("--steps", text)


def test_negative_numbers_are_values_and_not_flags():
    assert settings("--steps", "-3")["steps"] == -3


def test_help_lists_flags_defaults_and_the_end(capsys):
    assert parse(HELP, FLAGS_OF_SETTINGS, ["--help"]) is None
    shown = capsys.readouterr().out
    assert "usage: mezzotint try [flags]" in shown
    assert "--steps INT" in shown
    assert "how many [100]" in shown
    assert "The end." in shown


def test_help_after_the_separator_is_a_word():
    assert parse(HELP, (word("prompt", str, "words"),), ["--", "--help"]) == {"prompt": "--help"}


def test_help_fits_eighty_columns(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    parse(Help("mezzotint", "Draws."), FLAGS, ["-h"])
    assert max(map(len, capsys.readouterr().out.splitlines())) <= 80


def test_percent_signs_are_only_text(capsys):
    parse(HELP, (Flag("share", float, "0 % to 100 %"),), ["--help"])
    assert "0 % to 100 %" in capsys.readouterr().out
