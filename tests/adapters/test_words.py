"""What inversions teach the encoders of families with one, two and three of them, and without some of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from adapters.loras import rand
from families.reduced import SMALL_XL
from mezzotint.adapters.inversion import inversion_in
from mezzotint.adapters.words import ModelWords, rows_for
from mezzotint.families.t5_part import T5Part
from mezzotint.families.toy import TOY
from mezzotint.nets.t5 import T5Geometry
from mezzotint.text.pieces import t5_pieces
from mezzotint.values.errors import BadModelFile
from mezzotint.weights.files import InMemory, save_tensors

T5 = T5Part("t5", T5Geometry(32128, 16, 1, 2, 8, 16, 32, 128), t5_pieces, 20)
THREE = replace(SMALL_XL, texts=(*SMALL_XL.texts, T5))


def pair(**more: int) -> InMemory:
    widths = {"clip_l": 32, "clip_g": 64, **more}
    return InMemory(Path("x/pair.pt"), {name: rand(2, width) for name, width in widths.items()})


def test_each_encoder_gets_its_own() -> None:
    made = rows_for(SMALL_XL, inversion_in(pair()))
    assert {name: tuple(rows.shape) for name, rows in made.items()} == {"text_l": (2, 32), "text_g": (2, 64)}
    whole, without = (rows_for(THREE, inversion_in(file)) for file in (pair(t5xxl=16), pair()))
    assert (whole["t5"].shape, without["t5"].shape) == ((2, 16), (0, 16))
    assert set(rows_for(replace(THREE, missing=frozenset({"t5"})), inversion_in(pair()))) == {
        "text_l",
        "text_g",
    }


@pytest.mark.parametrize(
    ("family", "source", "message"),
    [
        (TOY, pair(), "was taught to clip_l and clip_g"),
        (SMALL_XL, InMemory(Path("x"), {"emb_params": rand(1, 32)}), "of width 32 for a text encoder of 64"),
        (SMALL_XL, InMemory(Path("x"), {"clip_l": rand(1, 32)}), "no vectors for clip_g, only for clip_l"),
        (THREE, pair(t5xxl=24), "of width 24 for a text encoder of 16"),
    ],
)
def test_a_file_for_another_family_is_refused(family: object, source: InMemory, message: str) -> None:
    with pytest.raises(BadModelFile, match=message):
        rows_for(family, inversion_in(source))  # pyright: ignore[reportArgumentType]


def test_ids_go_on_behind_those_of_the_table(tmp_path: Path) -> None:
    for name, count in (("one", 1), ("two", 2)):
        save_tensors({"clip_l": rand(count, 32), "clip_g": rand(count, 64)}, tmp_path / f"{name}.safetensors")
    words = ModelWords(THREE)
    assert words.taught(()) == {}
    made = words.taught([(name, tmp_path / f"{name}.safetensors") for name in ("two", "one")])
    assert made["text_l"].ids == {"two": (49408, 49409), "one": (49410,)}
    assert made["text_g"].vectors.shape == (3, 64)
    assert made["t5"].ids == {"two": (), "one": ()} and made["t5"].vectors.shape == (0, 16)
    encoder = T5.encoder()
    plain, left_out = encoder.read("a red boat"), encoder.read("a red two boat", made["t5"])
    assert plain == left_out
    states = [
        encoder.states(read[0], None, next(encoder.network.parameters()).device, w).tokens
        for read, w in ((plain, None), (left_out, made["t5"]))
    ]
    assert states[0].equal(states[1])
