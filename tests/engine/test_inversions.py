"""Pictures with textual inversions: named in a prompt, kept in the recipe, and nothing changed in the model."""

import hashlib
from pathlib import Path

import pytest
import torch

from adapters.loras import low_rank, rand
from cli.commands import TOY, error_of, here
from engine.recipes import Engine, draw, pixels, recipe
from mezzotint.engine.model import Models
from mezzotint.families.assemble import weights_of
from mezzotint.values.errors import Ambiguous, BadModelFile, BadValue, ModelNotFound
from mezzotint.values.metadata import read
from mezzotint.values.recipe import InversionUse, Prompt
from mezzotint.weights.digest import digest
from mezzotint.weights.files import save_tensors

ONE, PAIR = "models/sub/xyz.safetensors", "models/pair.safetensors"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEZZOTINT_MODELS", str(tmp_path / "models"))
    (tmp_path / "models/sub").mkdir(parents=True)
    save_tensors({"emb_params": rand(2, 32)}, tmp_path / ONE)
    torch.save({"string_to_param": {"*": rand(3, 32) * 2}, "name": "other"}, tmp_path / "models/three.pt")
    save_tensors({"clip_l": rand(2, 32), "clip_g": rand(2, 64)}, tmp_path / PAIR)
    layer = "lora_te_text_model_encoder_layers_0_mlp_fc1"
    save_tensors(low_rank([layer], {layer: (64, 32)}), tmp_path / "models/apple.safetensors")
    return tmp_path


def test_a_picture_depends_on_its_own_inversions_alone(place: Path) -> None:
    text = "a red qqq apple"
    plain, one = recipe(text), recipe(text, embedding=[f"qqq={ONE}"])
    other = recipe(text, embedding=["qqq=models/three.pt"])
    negative = recipe("a red apple", negative="qqq", embedding=[f"qqq={ONE}"])
    engine = Engine("cpu", 1)
    drawn = pixels(engine, [plain, one, other, negative, recipe("a red apple", negative="qqq")])
    assert len(set(drawn)) == 5
    assert pixels(engine, [other, one, plain]) == [drawn[2], drawn[1], drawn[0]]
    marked = recipe("a red embedding:qqq apple", embedding=[f"qqq={ONE}"])
    assert pixels(Engine("cpu", 1), [marked]) == [drawn[1]]


def test_the_weights_stay_as_they_are(place: Path) -> None:
    engine = Engine("cpu", 1)
    wanted = recipe("a qqq", embedding=[f"qqq={ONE}"])
    opened = Models(engine.placement).get(wanted.passes[0].model, "float32")
    before = digest(weights_of(opened.model.networks))
    words = opened.taught(wanted.inversions)
    assert words["text"].vectors.shape == (2, 32)
    plain, taught = (
        opened.model.text.states(opened.model.text.read("a qqq", w)[0], None, torch.device("cpu"), w).tokens
        for w in (None, words["text"])
    )
    assert (plain - taught).abs().max() > 1e-3
    assert digest(weights_of(opened.model.networks)) == before


def test_names_in_the_prompt_are_files_of_the_model_folders(place: Path) -> None:
    found = recipe("a red XYZ apple, pair", negative="(three:1.2), redthree")
    assert [(use.name, Path(use.file).name) for use in found.inversions] == [
        ("xyz", "xyz.safetensors"),
        ("three", "three.pt"),
    ]  # the LoRA "apple" and the inversion "pair", for two encoders, leave their names ordinary words
    engine = Engine("cpu", 1)
    given = recipe(
        "a red XYZ apple, pair", negative="(three:1.2), redthree", embedding=[f"xyz={ONE}", "models/three.pt"]
    )
    assert [use.name for use in given.inversions] == ["xyz", "three"]
    assert pixels(engine, [found]) == pixels(engine, [given])
    Path(ONE).rename("moved.safetensors")
    with pytest.raises(ModelNotFound):
        draw(engine, found)


def test_marked_names_must_be_there(place: Path) -> None:
    found = recipe("a embedding:sub/xyz.safetensors, embedding:XYZ.pt", embedding=[f"xyz.pt={ONE}"])
    assert [use.name for use in found.inversions] == ["xyz.pt", "sub/xyz.safetensors"]
    for bad in ("nothing", "../models/three", "../../etc/passwd"):
        with pytest.raises(ModelNotFound, match="use --embedding FILE"):
            recipe(f"a red embedding:{bad}")
    with pytest.raises(BadModelFile, match="was taught to clip_l and clip_g"):
        draw(Engine("cpu", 1), recipe("embedding:pair"))
    with pytest.raises(BadModelFile, match="is a LoRA, not a textual inversion"):
        draw(Engine("cpu", 1), recipe("embedding:apple"))


def test_a_name_of_two_files_is_a_question(place: Path) -> None:
    save_tensors({"emb_params": rand(1, 32)}, place / "models/XYZ.safetensors")
    with pytest.raises(Ambiguous, match="is the name of 2 embeddings"):
        recipe("a xyz")
    assert len(recipe("a xyz", embedding=[ONE]).inversions) == 1


def test_what_does_not_fit_is_said(place: Path) -> None:
    with pytest.raises(BadValue, match="'xyz' is in neither prompt nor negative prompt"):
        recipe("a red apple", embedding=[ONE])
    save_tensors({"emb_params": rand(2, 48)}, place / "wide.safetensors")
    with pytest.raises(BadModelFile, match="vectors of width 48 for a text encoder of 32"):
        draw(Engine("cpu", 1), recipe("a wide", embedding=["wide.safetensors"]))
    with pytest.raises(ModelNotFound):
        draw(Engine("cpu", 1), recipe("a none", embedding=["none.pt"]))


def test_an_inversion_is_cut_off_whole_and_counted(place: Path) -> None:
    engine = Engine("cpu", 1)
    fits, cut = (recipe("b" * n + " qqq b", embedding=[f"qqq={ONE}"], dialect="plain") for n in (73, 74))
    assert (engine.unread(fits), engine.unread(cut)) == (1, 3)
    assert pixels(engine, [fits]) != pixels(engine, [recipe("b" * 73, dialect="plain")])
    assert pixels(engine, [cut]) == pixels(engine, [recipe("b" * 74, dialect="plain")])


def test_a_hash_is_verified(place: Path) -> None:
    engine, known = Engine("cpu", 1), recipe("a xyz")
    right = hashlib.sha256(Path(ONE).read_bytes()).hexdigest()
    good = known.model_copy(update={"inversions": (InversionUse(file=ONE, name="xyz", sha256=right),)})
    assert pixels(engine, [good]) == pixels(engine, [known])
    bad = InversionUse(file="models/three.pt", name="xyz", sha256=right)
    with pytest.raises(BadModelFile, match="hash"):
        draw(engine, known.model_copy(update={"inversions": (bad,)}))


def test_a_saved_picture_is_drawn_again_with_its_inversions(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = ("a red qqq", *TOY, "--seed", "5")
    done = here(capsys, *asked, "--embedding", f"qqq={ONE}", "-o", "a.png")
    assert done.code == 0
    held = read(place / "a.png").recipe
    assert held is not None and held.inversions == (InversionUse(file=ONE, name="qqq"),)
    assert here(capsys, "replay", "a.png").out == "a.png: bit-equal\n"
    assert f"qqq={ONE}" in here(capsys, "inspect", "a.png").out
    bad = here(capsys, *asked, "--embedding", " =x")
    assert bad.code == 2 and "is no name" in error_of(bad)
    assert Prompt(text="qqq").text in held.prompt.text
