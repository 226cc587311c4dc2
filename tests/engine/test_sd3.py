"""Pictures of small SD 3 models: parts in files of their own in recipes and flags, LoRA, and sizes that are refused."""

from pathlib import Path

import pytest
import torch

from adapters.loras import rand
from cli.commands import here
from engine.recipes import Engine, draw, pixels, recipe
from families.reduced import file_without, part_file, saved, single
from mezzotint.engine.api import generate
from mezzotint.engine.replay import Replay, replay
from mezzotint.engine.replay import saved as found
from mezzotint.values.errors import BadValue, WeightsMismatch
from mezzotint.values.recipe import PartUse, Recipe
from mezzotint.weights.files import save_tensors


def autoencoder(times: float) -> dict[str, torch.Tensor]:
    """The autoencoder of SD 3 medium in a file of its own, with its weights so many times as large."""
    prefix, whole = "first_stage_model.", single("sd3-medium")
    return {n.removeprefix(prefix): t * times for n, t in whole.items() if n.startswith(prefix)}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model without T5 and CLIP-G, both CLIP encoders in files of their own, and another autoencoder."""
    folder = tmp_path_factory.mktemp("sd3")
    file_without(folder / "a.safetensors", "t5", "clip_g")
    for text in ("clip_l", "clip_g"):
        part_file(folder / f"{text}.safetensors", text)
    save_tensors(autoencoder(1.1), folder / "vae.safetensors")
    return folder


def asked(place: Path, **wishes: object) -> Recipe:
    return recipe(
        model=str(place / "a.safetensors"), **({"sampler": "euler", "spacing": "linspace"} | wishes)
    )


def test_parts_belong_to_the_recipe(place: Path, tmp_path: Path) -> None:
    texts, vae = [str(place / "clip_g.safetensors")], str(place / "vae.safetensors")
    plain, text, both = (
        asked(place),
        asked(place, parts=texts),
        asked(place, parts=[vae, *texts]),
    )
    assert both.passes[0].model.parts == (PartUse(file=vae), PartUse(file=texts[0]))
    assert Recipe.from_json(both.to_json()) == both and len({r.digest() for r in (plain, text, both)}) == 3
    engine = Engine("cpu", 1)
    first = pixels(engine, [plain, text, both])
    assert len(set(first)) == 3 and pixels(engine, [both, plain]) == [first[2], first[0]]
    picture = draw(engine, both)
    picture.save(tmp_path / "a.png")
    *_, outcome = replay(found(tmp_path / "a.png"), Engine("cpu", 1))
    assert isinstance(outcome, Replay) and outcome.equal


def test_a_part_that_changed_is_opened_again(place: Path, tmp_path: Path) -> None:
    part = tmp_path / "vae.safetensors"
    part.write_bytes((place / "vae.safetensors").read_bytes())
    engine, wanted = Engine("cpu", 1), asked(place, parts=[str(part)])
    before = pixels(engine, [wanted])
    save_tensors(
        {
            n.removeprefix("first_stage_model."): t
            for n, t in single("sd3-medium").items()
            if n.startswith("first_stage_model.")
        },
        part,
    )
    assert pixels(engine, [wanted]) != before


def test_flags_and_the_library_take_parts(
    place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    flags = (
        "--model",
        place / "a.safetensors",
        "--width",
        32,
        "--height",
        32,
        "--steps",
        2,
        "--seed",
        5,
        "--threads",
        1,
    )
    parts = ("--vae", place / "vae.safetensors", "--text-encoder", place / "clip_g.safetensors")
    done = here(
        capsys,
        "a boat",
        *flags,
        *parts,
        "--text-encoder",
        place / "clip_l.safetensors",
        "-o",
        tmp_path / "a.png",
    )
    assert done.code == 0 and "seed 5" in done.out
    saved_recipe = found(tmp_path / "a.png").recipe
    assert [Path(part.file).stem for part in saved_recipe.passes[0].model.parts] == [
        "vae",
        "clip_g",
        "clip_l",
    ]
    assert saved_recipe.passes[0].spacing == "linspace" and saved_recipe.passes[0].guides[0].scale == 7
    shown = here(capsys, "inspect", tmp_path / "a.png")
    assert "clip_g.safetensors" in shown.out
    wrong = here(
        capsys,
        "a boat",
        *flags,
        "--vae",
        place / "clip_l.safetensors",
        "--vae",
        place,
        "-o",
        tmp_path / "b.png",
    )
    assert wrong.code != 0 and "Traceback" not in wrong.err
    picture = generate(
        "a boat", model=str(place / "a.safetensors"),
        parts=[str(place / f"{x}.safetensors") for x in ("vae", "clip_g", "clip_l")],
        width=32, height=32, steps=2, seed=5, device="cpu", threads=1,
    )  # fmt: skip
    assert picture.recipe == saved_recipe


@pytest.mark.parametrize(("size", "says"), [(40, "use multiples of 16"), (208, "use at most 192")])
def test_sizes_that_the_transformer_does_not_take(size: int, says: str, place: Path) -> None:
    with pytest.raises(BadValue, match=says):
        draw(Engine("cpu", 1), asked(place, width=size))


DIALECTS = {
    "kohya": ("lora_unet_joint_blocks_0_x_block_attn_qkv", 3),
    "diffusers": ("transformer.transformer_blocks.0.attn.to_q", 1),
    "flat diffusers": ("lora_transformer_transformer_blocks_0_attn_to_q", 1),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_lora_is_merged_and_taken_out_again(dialect: str, place: Path, tmp_path: Path) -> None:
    layer, parts = DIALECTS[dialect]
    made = {f"{layer}.lora_up.weight": rand(64 * parts, 2), f"{layer}.lora_down.weight": rand(2, 64)}
    save_tensors(made, tmp_path / "l.safetensors")
    engine = Engine("cpu", 1)
    plain, styled = asked(place), asked(place, lora=[str(tmp_path / "l.safetensors")])
    first = pixels(engine, [plain, styled])
    assert first[0] != first[1] and pixels(engine, [styled, plain]) == first[::-1]


def test_a_lora_of_another_model_is_refused(place: Path, tmp_path: Path) -> None:
    layer = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn1_to_q"
    made = {f"{layer}.lora_up.weight": torch.zeros(4, 2), f"{layer}.lora_down.weight": torch.zeros(2, 4)}
    save_tensors(made, tmp_path / "l.safetensors")
    with pytest.raises(WeightsMismatch, match="1 unexpected"):
        draw(Engine("cpu", 1), asked(place, lora=[str(tmp_path / "l.safetensors")]))


def test_a_whole_file_draws(tmp_path: Path) -> None:
    drawn = draw(Engine("cpu", 1), recipe(model=str(saved("sd3.5-medium", tmp_path))))
    assert drawn.recipe.passes[0].guides[0].scale == 4.5 and drawn.image.size == (32, 32)
