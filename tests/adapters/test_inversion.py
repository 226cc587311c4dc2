"""Textual inversions in every form of file; other files are told apart from them in words."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters.loras import rand
from families.published import manifest
from mezzotint.adapters.inversion import Inversion, inversion_in, open_inversion
from mezzotint.values.errors import BadModelFile, ModelNotFound, PickleRefused
from mezzotint.weights.files import InMemory, save_tensors

TWO = rand(2, 8)


def read(made: dict[str, Tensor], metadata: dict[str, str] | None = None) -> Inversion:
    return inversion_in(InMemory(Path("folder/cat-toy.pt"), made, metadata))


FORMS: dict[str, tuple[object, str, Tensor]] = {
    "A1111": (
        {
            "string_to_token": {"*": 265},
            "string_to_param": torch.nn.ParameterDict({"*": torch.nn.Parameter(TWO)}),
            "name": "my cat",
            "step": 500,
            "sd_checkpoint": None,
        },
        "my cat",
        TWO,
    ),
    "A1111 with a plain dictionary": ({"string_to_param": {"*": TWO}, "name": "my cat"}, "my cat", TWO),
    "A1111 with tensors for tokens": (
        {"string_to_token": {"*": torch.tensor(265)}, "string_to_param": {"*": TWO}},
        "file",
        TWO,
    ),
    "emb_params": ({"emb_params": TWO.half()}, "file", TWO.half().float()),
    "learned_embeds": ({"<cat-toy>": TWO[0]}, "<cat-toy>", TWO[:1]),
    "learned_embeds of several": ({"<cat-toy>": TWO}, "<cat-toy>", TWO),
    "learned_embeds one by one": (
        {"cat": TWO[0], "cat_2": TWO[0] + 1, "cat_1": TWO[1], "cat_10": TWO[1] + 1},
        "cat",
        torch.stack([TWO[0], TWO[1], TWO[0] + 1, TWO[1] + 1]),
    ),
}


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_its_word_and_vectors(form: str, old: bool, tmp_path: Path) -> None:
    value, word, wanted = FORMS[form]
    torch.save(value, tmp_path / "file.pt", _use_new_zipfile_serialization=not old)
    found = open_inversion(tmp_path / "file.pt")
    assert found.word == word and torch.equal(found.rows("clip_l", 8), wanted)


def test_safetensors_and_pairs(tmp_path: Path) -> None:
    path = tmp_path / "style.safetensors"
    save_tensors({"clip_l": TWO, "clip_g": rand(2, 12)}, path)
    found = open_inversion(path)
    assert found.word == "style" and torch.equal(found.rows("clip_l", 8), TWO)
    assert torch.equal(found.rows("clip_g", 12), rand(2, 12))
    with pytest.raises(BadModelFile, match="no vectors for t5xxl"):
        found.rows("t5xxl", 8)
    with pytest.raises(BadModelFile, match="vectors of width 12 for a text encoder of 8"):
        found.rows("clip_g", 8)


@pytest.mark.parametrize("kind", ["a1111-pt", "diffusers-learned_embeds", "safetensors-emb_params", "sdxl"])
def test_the_published_kinds_are_read(kind: str) -> None:
    listed = manifest(f"embedding_{kind}")["tensors"]
    made = {
        name: torch.zeros([1 if side == "n" else side for side in shape]) for name, shape in listed.items()
    }
    found = read({name.replace('["*"]', ".*"): tensor for name, tensor in made.items()})
    assert found.rows("clip_l", 768).shape == (1, 768)
    if kind == "sdxl":
        assert found.rows("clip_g", 1280).shape == (1, 1280)


BAD: dict[str, tuple[dict[str, Tensor], str]] = {
    "a hypernetwork": ({"320.0.linear.0.weight": TWO, "320.1.linear.0.bias": TWO}, "is a hypernetwork"),
    "a LoRA": ({"x.lora_up.weight": TWO}, "is a LoRA, not a textual inversion"),
    "nothing": ({}, "is no textual inversion"),
    "a network": ({"conv.weight": torch.zeros(2, 2, 3, 3)}, "is no textual inversion"),
    "many things": ({"a.weight": TWO, "b.weight": TWO}, r"holds 1 other tensors \(b.weight\)"),
    "something beside a pair": ({"clip_l": TWO, "x": TWO}, "holds 1 other tensors"),
    "something beside": ({"emb_params": TWO, "x": TWO}, "holds 1 other tensors"),
    "too many vectors": ({"emb_params": rand(76, 8)}, "no list of 1 to 75 vectors"),
    "too many words": ({"a": TWO[0], **{f"a_{n}": TWO[0] for n in range(1, 76)}}, "no list of 1 to 75"),
    "no vectors": ({"emb_params": torch.zeros(0, 8)}, "no list of"),
    "no width": ({"emb_params": torch.zeros(2, 0)}, "no list of"),
    "a cube": ({"emb_params": torch.zeros(2, 2, 2)}, "no list of"),
    "no numbers": ({"emb_params": torch.full((1, 8), float("inf"))}, "values that are no numbers"),
    "two widths": ({"a": torch.zeros(8), "a_1": torch.zeros(9)}, "vectors of different widths"),
}


@pytest.mark.parametrize("case", BAD)
def test_what_is_none_is_said_to_be_none(case: str) -> None:
    made, message = BAD[case]
    with pytest.raises(BadModelFile, match=message):
        read(made)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(ModelNotFound):
        open_inversion(tmp_path / "none.pt")
    torch.save({"string_to_param": {"*": TWO}, "code": open_inversion}, tmp_path / "bad.pt")
    with pytest.raises(PickleRefused, match=r"mezzotint\.adapters\.inversion\.open_inversion"):
        open_inversion(tmp_path / "bad.pt")
    torch.save(
        {768: [{"linear.0.weight": TWO}, {"linear.0.weight": TWO}], "name": "h"}, tmp_path / "hyper.pt"
    )
    with pytest.raises(BadModelFile, match="is a hypernetwork"):
        open_inversion(tmp_path / "hyper.pt")
