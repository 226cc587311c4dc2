"""Pictures with adapters: a recipe's own, whatever was drawn before, and the same again on replay."""

import hashlib
from pathlib import Path

import pytest

from adapters.loras import low_rank
from cli.commands import TOY, error_of, here
from engine.recipes import Engine, draw, pixels, recipe
from mezzotint.engine.telling.inspect import inspect
from mezzotint.values.errors import BadModelFile, BadValue, ModelNotFound, WeightsMismatch
from mezzotint.values.events import Stepped
from mezzotint.values.metadata import read
from mezzotint.values.recipe import AdapterUse
from mezzotint.weights.files import save_tensors

LAYERS = {
    "lora_unet_mid_block_attentions_0_transformer_blocks_0_attn1_to_q": (32, 32),
    "lora_unet_up_blocks_1_attentions_0_transformer_blocks_0_attn2_to_v": (16, 32),
    "lora_te_text_model_encoder_layers_0_mlp_fc1": (64, 32),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MEZZOTINT_MODELS", str(tmp_path / "models"))
    (tmp_path / "models/styles").mkdir(parents=True)
    save_tensors(low_rank(LAYERS, LAYERS), tmp_path / "models/styles/one.safetensors")
    save_tensors(low_rank(list(LAYERS)[1:], LAYERS, rank=3), tmp_path / "models/two.safetensors")
    return tmp_path


ONE, TWO = "models/styles/one.safetensors", "models/two.safetensors"


def test_a_picture_depends_on_its_own_adapters_alone(place: Path) -> None:
    plain, one, both = recipe(), recipe(lora=[ONE]), recipe(lora=[f"{ONE}:0.5", f"{TWO}:-1"])
    engine = Engine("cpu", 1)
    first = pixels(engine, [plain, one, both])
    assert len(set(first)) == 3
    assert pixels(engine, [both, plain, one, plain, both]) == [
        first[2],
        first[0],
        first[1],
        first[0],
        first[2],
    ]
    assert [pixels(Engine("cpu", 1), [r])[0] for r in (one, both)] == first[1:]
    assert pixels(engine, [recipe(lora=[f"{ONE}:0"])]) == first[:1]


def test_text_encoder_and_denoiser_may_follow_by_unlike_strengths(place: Path) -> None:
    engine = Engine("cpu", 1)
    both, text, rest, none = pixels(
        engine,
        [
            recipe(lora=[ONE]),
            recipe("a red apple <lora:one:1:0>"),
            recipe(lora=[f"{ONE}:0:1"]),
            recipe(lora=[f"{ONE}:0:0"]),
        ],
    )
    assert len({both, text, rest, none}) == 4
    assert pixels(engine, [recipe(lora=[f"{ONE}:1:1"]), recipe()]) == [both, none]
    save_tensors(low_rank(list(LAYERS)[2:], LAYERS), place / "text.safetensors")
    assert pixels(engine, [recipe(lora=["text.safetensors:0:1"])]) == [none]


def test_runs_that_take_turns_do_not_mix(place: Path) -> None:
    engine = Engine("cpu", 1)
    plain, one = recipe(), recipe(lora=[ONE])
    alone = pixels(engine, [plain, one])
    runs = [engine.run(r) for r in (plain, one)]
    drawn: list[bytes] = []
    for events in zip(*runs, strict=True):
        drawn += [e.picture.image.tobytes() for e in events if type(e).__name__ == "Drawn"]
        assert all(isinstance(e, Stepped) == isinstance(events[0], Stepped) for e in events)
    assert drawn == alone


def test_names_in_the_prompt_are_files_of_the_model_folders(place: Path) -> None:
    tagged = recipe("a red <lora:one:0.5> apple <lora:two>")
    assert tagged.prompt.text == "a red apple"
    assert [(Path(a.file).name, a.weight) for a in tagged.adapters] == [
        ("one.safetensors", 0.5),
        ("two.safetensors", 1.0),
    ]
    engine = Engine("cpu", 1)
    assert pixels(engine, [tagged]) == pixels(engine, [recipe(lora=[f"{ONE}:0.5", TWO])])
    for bad in ("../models/two", "styles", "../../etc/passwd"):
        with pytest.raises(ModelNotFound, match="use --lora FILE"):
            recipe(f"a red apple <lora:{bad}:1>")


def test_a_saved_picture_is_drawn_again_with_its_adapters(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = here(
        capsys, "a red apple", *TOY, "--seed", "5", "--lora", f"{ONE}:0.8", "--lora", TWO, "-o", "a.png"
    )
    assert done.code == 0
    held = read(place / "a.png").recipe
    assert held is not None and held.adapters == (AdapterUse(file=ONE, weight=0.8), AdapterUse(file=TWO))
    assert here(capsys, "replay", "a.png").out == "a.png: bit-equal\n"
    here(capsys, "a red apple", *TOY, "--seed", "5", "-o", "b.png")
    assert (place / "a.png").read_bytes() != (place / "b.png").read_bytes()
    assert "one.safetensors:0.8" in here(capsys, "inspect", "a.png").out and inspect(Path("a.png"))


def test_what_does_not_fit_is_said_before_anything_is_drawn(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    engine = Engine("cpu", 1)
    before = pixels(engine, [recipe()])
    for wrong, error in (
        ("none.safetensors", ModelNotFound),
        ("~no-such-user/x", ModelNotFound),
        ("a\0", BadValue),
    ):
        with pytest.raises(error):
            draw(engine, recipe(lora=[wrong]))
    save_tensors(low_rank(["lora_unet_x"], {"lora_unet_x": (2, 2)}), place / "other.safetensors")
    with pytest.raises(WeightsMismatch, match="1 unexpected"):
        draw(engine, recipe(lora=[ONE, "other.safetensors"]))
    assert pixels(engine, [recipe()]) == before
    done = here(capsys, "a red apple", *TOY, "--lora", "none.safetensors")
    assert done.code == 2 and "no model 'none.safetensors'" in error_of(done)


def test_a_hash_is_verified(place: Path) -> None:
    right = hashlib.sha256(Path(ONE).read_bytes()).hexdigest()
    engine, known = Engine("cpu", 1), recipe(lora=[ONE])
    good = known.model_copy(update={"adapters": (AdapterUse(file=ONE, sha256=right),)})
    assert pixels(engine, [good]) == pixels(engine, [known])
    for file, error in ((TWO, BadModelFile), ("none", ModelNotFound)):
        use = AdapterUse(file=file, sha256=right)
        with pytest.raises(error):
            draw(engine, known.model_copy(update={"adapters": (use,)}))
