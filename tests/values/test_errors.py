"""Errors: one line each, a hint, short whatever they are given, and the same after pickling."""

import pickle

import pytest

from mezzotint.values import errors
from mezzotint.values.errors import (
    Ambiguous,
    BadModelFile,
    BadPackage,
    BadPicture,
    BadValue,
    DataProblem,
    MezzotintError,
    MissingExtra,
    ModelNotFound,
    OutputFailed,
    PickleRefused,
    Stopped,
    UnknownName,
    WeightsMismatch,
    listed,
    nearest,
    shorten,
)

EXAMPLES = [
    (BadValue("steps", "0 is out of range", "use 1 to 1000"), "steps: 0 is out of range; use 1 to 1000"),
    (UnknownName("sampler", "eulr", ["ddim", "euler"]),
     "unknown sampler 'eulr'; did you mean euler? known: ddim, euler"),
    (UnknownName("sampler", "zzz", ["ddim", "euler"]), "unknown sampler 'zzz'; known: ddim, euler"),
    (ModelNotFound("sd9", "check the name"), "no model 'sd9'; check the name"),
    (BadModelFile("a.bin", "is cut off"), "a.bin: is cut off; download it again or use another file"),
    (PickleRefused("a.ckpt", "os.system"), "a.ckpt: is a pickle that wants to run os.system, so it was not opened; "
     "use the .safetensors version of this model"),
    (WeightsMismatch("a", missing=["x", "y", "z", "w"], wrong_shape=["v"]),
     "a: the weights do not fit the network: 4 missing (x, y, z, ...), 1 of wrong shape (v); "
     "check that the file is complete and of the model family that was asked for"),
    (WeightsMismatch("a", unexpected=["x"]), "a: the weights do not fit the network: 1 unexpected (x); "
     "check that the file is complete and of the model family that was asked for"),
    (Ambiguous("a", "noise or velocity?"), "a: noise or velocity?; choose explicitly"),
    (BadPicture("a.png", "holds no recipe"), "a.png: holds no recipe; use a PNG, JPEG or WebP picture"),
    (OutputFailed("a.png", "No space left"),
     "a.png: could not be written: No space left; check the folder and the free space"),
    (MissingExtra("train", "webdataset"), "webdataset is not installed; pip install 'mezzotint[train]'"),
    (BadPackage("loud", "its hint 'x' fails"), "the package loud: its hint 'x' fails; update it, or do without it"),
    (Stopped(), "stopped; the same command starts again"),
    (DataProblem("no shards", hint="run data build"), "no shards; run data build"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "text"), EXAMPLES, ids=lambda value: type(value).__name__)
def test_text(error: MezzotintError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("error", [error for error, _ in EXAMPLES], ids=lambda error: type(error).__name__)
def test_pickling_keeps_everything(error: MezzotintError) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))


def test_codes_are_distinct_and_exit_codes_documented() -> None:
    kinds = {type(error) for error, _ in EXAMPLES}
    assert len({kind.code for kind in kinds}) == len(kinds) == 13
    assert {kind.exit_code for kind in kinds} == {1, 2, 130}
    assert Stopped.exit_code == 130


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        ("a\nb\0", r"a\nb\x00"),
        ("\ud800", r"\ud800"),
        ("x" * 99, "x" * 57 + "..."),
        ("\0" * 60, r"\x00" * 14 + r"\..."),
        (1.5, "1.5"),
        pytest.param(10**5000, "a huge int", id="huge"),
        (None, "None"),
    ],
)
def test_shorten(value: object, shown: str) -> None:
    assert shorten(value) == shown
    assert len(shorten(value)) <= errors.SHOWN


def test_a_huge_value_is_shortened_quickly_and_a_deep_one_without_recursion() -> None:
    deep: list[object] = []
    for _ in range(100_000):
        deep = [deep]
    assert shorten(deep).startswith("[[[[")
    assert len(shorten("x" * 5_000_000)) == errors.SHOWN


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("Euler A", "euler_a"),
        ("DPM++ 2M", "dpmpp_2m"),
        ("dpm++2m", "dpmpp_2m"),
        ("x" * 10**6, None),
        ("", None),
    ],
)
def test_nearest(name: str, meant: str | None) -> None:
    assert nearest(name, ["ddim", "plms", "euler", "euler_a", "dpmpp_2m"]) == meant


def test_many_names_are_counted_and_one_more_is_not() -> None:
    names = [f"n{i}" for i in range(40)]
    assert listed(names[:31]) == ", ".join(names[:31])
    assert listed(names[:32]) == f"{', '.join(names[:30])} and 2 more"
    assert listed([]) == ""
    assert str(UnknownName("n", "zzzz", names)).endswith("n29 and 10 more")
