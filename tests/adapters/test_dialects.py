"""Every dialect of adapter files gives the same change at the same place; what is none of them is listed."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters.loras import change, names_of, opened, published, rand
from families.reduced import small
from mezzotint.adapters.lora import bound, open_adapter, their_shape
from mezzotint.adapters.names import Names, spellings
from mezzotint.families.assemble import empty_model, weights_of
from mezzotint.families.family import Model
from mezzotint.families.sd1 import SD1
from mezzotint.families.sdxl import SDXL
from mezzotint.values.errors import BadModelFile, ModelNotFound, PickleRefused, WeightsMismatch
from mezzotint.weights.files import InMemory, save_tensors

OURS = "unet.down.0.attentions.0.blocks.0.attn1.out.weight"
DIFFUSERS = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.to_out.0"
SINGLE = "input_blocks.1.1.transformer_blocks.0.attn1.to_out.0"
OLD = "down_blocks.0.attentions.0.transformer_blocks.0.attn1.processor.to_out_lora"
TEXT = "text.blocks.1.attention.v.weight"
UP, DOWN = rand(32, 3), rand(3, 32, seed=1)


@cache
def model() -> Model:
    return small("sd1")


def weight(name: str = OURS) -> Tensor:
    return weights_of(model().networks)[name]


def pair(up: str, down: str) -> dict[str, Tensor]:
    return {up: UP, down: DOWN}


KOHYA = "lora_unet_" + DIFFUSERS.replace(".", "_")
DIALECTS = {
    "kohya": pair(f"{KOHYA}.lora_up.weight", f"{KOHYA}.lora_down.weight"),
    "kohya, single file names": pair(
        *(f"lora_unet_{SINGLE.replace('.', '_')}.lora_{x}.weight" for x in ("up", "down"))
    ),
    "peft in diffusers": pair(*(f"unet.{DIFFUSERS}.lora_{x}.weight" for x in "BA")),
    "peft of one network": pair(*(f"{DIFFUSERS}.lora_{x}.default.weight" for x in "BA")),
    "names of the single file": pair(*(f"diffusion_model.{SINGLE}.lora_{x}.weight" for x in "BA")),
    "attention processors": pair(*(f"unet.{OLD}.{x}.weight" for x in ("up", "down"))),
    "attention processors without a part": pair(*(f"{OLD}.{x}.weight" for x in ("up", "down"))),
    "linear layers of diffusers": pair(*(f"unet.{DIFFUSERS}.lora.{x}.weight" for x in ("up", "down"))),
    "numbers of cloneofsimo": pair("unet:3:up", "unet:3:down"),
}


@pytest.mark.parametrize("dialect", DIALECTS)
def test_every_dialect_changes_the_same_weight_alike(dialect: str) -> None:
    adapter = opened(model(), DIALECTS[dialect])
    assert [place.ours for place, _ in adapter.changes] == [(OURS,)]
    assert torch.equal(change(adapter, OURS, weight()), UP @ DOWN)


TEXTS = {
    "kohya": "lora_te_text_model_encoder_layers_1_self_attn_v_proj.lora_{}.weight",
    "kohya, first of two": "lora_te1_text_model_encoder_layers_1_self_attn_v_proj.lora_{}.weight",
    "diffusers": "text_encoder.text_model.encoder.layers.1.self_attn.v_proj.lora_linear_layer.{}.weight",
    "transformers 5": "text_encoder.encoder.layers.1.self_attn.v_proj.lora.{}.weight",
    "attention processors": "text_encoder.text_model.encoder.layers.1.self_attn.to_v_lora.{}.weight",
    "cloneofsimo": "text_encoder:5:{}",
}


@pytest.mark.parametrize("dialect", TEXTS)
def test_text_encoders_are_found_in_every_dialect(dialect: str) -> None:
    adapter = opened(model(), {TEXTS[dialect].format("up"): UP, TEXTS[dialect].format("down"): DOWN})
    assert torch.equal(change(adapter, TEXT, weight(TEXT)), UP @ DOWN)
    out = {
        TEXTS["attention processors"].replace("to_v", "to_out").format(x): t
        for x, t in (("up", UP), ("down", DOWN))
    }
    assert opened(model(), out).changes[0][0].ours == ("text.blocks.1.attention.out.weight",)


@pytest.mark.parametrize("alpha", [torch.tensor(6.0), torch.tensor([6.0]), torch.tensor(6)])
def test_alpha_over_rank_is_the_scale_of_a_layer(alpha: Tensor) -> None:
    adapter = opened(model(), DIALECTS["kohya"] | {f"{KOHYA}.alpha": alpha})
    assert torch.allclose(change(adapter, OURS, weight()), 2 * UP @ DOWN)


def test_a_layer_of_another_rank_has_a_scale_of_its_own() -> None:
    second = KOHYA.replace("to_out_0", "to_q")
    made = DIALECTS["kohya"] | {
        f"{KOHYA}.alpha": torch.tensor(1.0),
        f"{second}.alpha": torch.tensor(1.0),
        f"{second}.lora_up.weight": rand(32, 8),
        f"{second}.lora_down.weight": rand(8, 32),
    }
    adapter = opened(model(), made)
    query = OURS.replace("out", "q")
    assert torch.allclose(change(adapter, OURS, weight()), UP @ DOWN / 3)
    assert torch.allclose(change(adapter, query, weight(query)), rand(32, 8) @ rand(8, 32) / 8)


FIRST, SECOND = (rand(32, 2, seed=3), rand(2, 32, seed=4)), (rand(32, 2, seed=5), rand(2, 32, seed=6))
FORMS: dict[str, tuple[dict[str, Tensor], Callable[[Tensor], Tensor]]] = {
    "loha": (
        {"hada_w1_a": FIRST[0], "hada_w1_b": FIRST[1], "hada_w2_a": SECOND[0], "hada_w2_b": SECOND[1]},
        lambda w: (FIRST[0] @ FIRST[1]) * (SECOND[0] @ SECOND[1]),
    ),
    "lokr": (
        {"lokr_w1": rand(4, 8), "lokr_w2": rand(8, 4), "alpha": torch.tensor(5.0)},
        lambda w: torch.kron(rand(4, 8), rand(8, 4)),
    ),
    "lokr, second low": (
        {"lokr_w1": rand(4, 8), "lokr_w2_a": rand(8, 2), "lokr_w2_b": rand(2, 4), "alpha": torch.tensor(1.0)},
        lambda w: torch.kron(rand(4, 8), rand(8, 2) @ rand(2, 4)) / 2,
    ),
    "lokr, first low": (
        {"lokr_w1_a": rand(4, 2), "lokr_w1_b": rand(2, 8), "lokr_w2": rand(8, 4)},
        lambda w: torch.kron(rand(4, 2) @ rand(2, 8), rand(8, 4)),
    ),
    "lokr, both low": (
        {"lokr_w1_a": rand(4, 2), "lokr_w1_b": rand(2, 8), "lokr_w2_a": rand(8, 2), "lokr_w2_b": rand(2, 4)},
        lambda w: torch.kron(rand(4, 2) @ rand(2, 8), rand(8, 2) @ rand(2, 4)),
    ),
    "glora": (
        {"a1.weight": FIRST[0], "a2.weight": FIRST[1], "b1.weight": SECOND[0], "b2.weight": SECOND[1]},
        lambda w: w @ FIRST[0] @ FIRST[1] + SECOND[0] @ SECOND[1],
    ),
    "full": ({"diff": rand(32, 32)}, lambda w: rand(32, 32)),
    "oft": (
        {
            "oft_blocks": torch.stack([torch.zeros(16, 16), torch.ones(16, 16)]),
            "rescale": torch.full((32, 1), 3.0),
        },
        lambda w: 2 * w,
    ),
    "oft of lycoris 2.0": (
        {"oft_diag": torch.stack([torch.eye(16), rand(16, 16)])},
        lambda w: torch.cat([torch.zeros(16, 32), rand(16, 16).T @ w[16:] - w[16:]]),
    ),
    "ia3 on the input": ({"weight": rand(32), "on_input": torch.tensor(1)}, lambda w: w * rand(32)),
    "ia3 on the output": ({"weight": rand(32), "on_input": torch.tensor(0)}, lambda w: w * rand(32)[:, None]),
    "ia3 of peft on the input": ({"ia3_l": rand(1, 32)}, lambda w: w * (rand(1, 32) - 1)),
    "dora": (
        {"lora_up.weight": UP, "lora_down.weight": DOWN, "dora_scale": torch.ones(32, 1)},
        lambda w: torch.nn.functional.normalize(w + UP @ DOWN) - w,
    ),
    "dora of peft": (
        {"lora_B.weight": UP, "lora_A.weight": DOWN, "lora_magnitude_vector": torch.ones(32)},
        lambda w: torch.nn.functional.normalize(w + UP @ DOWN) - w,
    ),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(form: str) -> None:
    parts, wanted = FORMS[form]
    adapter = opened(model(), {f"{KOHYA}.{part}": tensor for part, tensor in parts.items()})
    expected = wanted(weight())
    got = change(adapter, OURS, weight())
    assert (got - expected).abs().max() <= 2e-5 * expected.abs().max()


def test_factors_with_a_core_are_read() -> None:
    name, layer = "unet.down.0.resnets.0.conv1.weight", "lora_unet_down_blocks_0_resnets_0_conv1"
    core, left, right = rand(2, 3, 3, 3), rand(2, 32), rand(3, 32)
    wanted = torch.einsum("ao,abkl,bi->oikl", left, core, right)
    loha = {f"hada_w{n}_{x}": t for n in (1, 2) for x, t in (("a", left), ("b", right))}
    loha |= {"hada_t1": core, "hada_t2": core}
    lokr = {"lokr_w1": torch.eye(1), "lokr_w2_a": left, "lokr_w2_b": right, "lokr_t2": core}
    locon = {"lora_up.weight": left.t()[:, :, None, None], "lora_mid.weight": core}
    locon |= {"lora_down.weight": right[:, :, None, None]}
    for parts, expected in ((loha, wanted**2), (lokr, wanted), (locon, wanted)):
        adapter = opened(model(), {f"{layer}.{part}": tensor for part, tensor in parts.items()})
        assert torch.allclose(change(adapter, name, weight(name)), expected, rtol=1e-4, atol=1e-4)


def test_ia3_of_convolutions_and_biases() -> None:
    layer, ours = "unet.down_blocks.0.resnets.0.conv1", "unet.down.0.resnets.0.conv1"
    gain = rand(1, 32, 1, 1)
    lycoris = {f"{layer}.weight": gain, f"{layer}.on_input": torch.tensor([1])}
    adapter = opened(model(), lycoris)
    assert [place.ours for place, _ in adapter.changes] == [(f"{ours}.weight",)]
    weights = {leaf: weight(f"{ours}.{leaf}") for leaf in ("weight", "bias")}
    assert torch.equal(change(adapter, f"{ours}.weight", weights["weight"]), weights["weight"] * gain)
    # peft multiplies what comes out of a layer, its bias too; a layer without one has nothing there.
    adapter = opened(model(), {f"{layer}.ia3_l": gain, f"{DIFFUSERS}.ia3_l": torch.ones(32, 1)})
    moved = change(adapter, f"{ours}.weight", weights["weight"])
    assert torch.equal(moved, weights["weight"] * (gain.view(-1, 1, 1, 1) - 1))
    assert torch.equal(
        change(adapter, f"{ours}.bias", weights["bias"]), weights["bias"] * (gain.flatten() - 1)
    )
    query = DIFFUSERS.replace("to_out.0", "to_q")
    assert len(opened(model(), {f"{query}.ia3_l": torch.ones(32, 1)}).changes) == 1


def test_biases_and_norms_are_changed_too() -> None:
    layer = "lora_unet_down_blocks_0_resnets_0_"
    made = {
        f"{layer}norm1.w_norm": rand(32),
        f"{layer}norm1.b_norm": rand(32),
        f"{layer}conv1.diff_b": rand(32),
    }
    adapter = opened(model(), made)
    names = ["norm1.weight", "norm1.bias", "conv1.bias"]
    assert sorted(place.ours[0] for place, _ in adapter.changes) == sorted(
        f"unet.down.0.resnets.0.{name}" for name in names
    )
    assert torch.equal(change(adapter, "unet.down.0.resnets.0.conv1.bias", torch.zeros(32)), rand(32))


def test_peft_keeps_alpha_in_the_metadata() -> None:
    made = DIALECTS["peft in diffusers"]
    plain = {"unet.r": 3, "unet.lora_alpha": 6}
    for extra, scale in (
        ({}, 2.0),
        ({"unet.use_rslora": True}, 6 / 3**0.5),
        ({"unet.alpha_pattern": {"attn1.to_out.0": 12}}, 4.0),
        ({"unet.lora_alpha": None}, 1.0),
    ):
        metadata = {"lora_adapter_metadata": json.dumps(plain | extra)}
        got = change(opened(model(), made, metadata), OURS, weight())
        assert torch.allclose(got, scale * (UP @ DOWN), atol=1e-5)
    for broken in ("[", "[1]"):
        with pytest.raises(BadModelFile, match="metadata about its scales"):
            opened(model(), made, {"lora_adapter_metadata": broken})


def test_peft_of_its_own_keeps_alpha_in_a_file_beside(tmp_path: Path) -> None:
    file = tmp_path / "adapter_model.safetensors"
    save_tensors(pair(*(f"base_model.model.{DIFFUSERS}.lora_{x}.weight" for x in "BA")), file)
    names = names_of(model())
    with pytest.raises(BadModelFile, match=r"adapter_config\.json is missing"):
        open_adapter(file, *names)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"r": 3, "lora_alpha": 9}))
    assert torch.allclose(change(open_adapter(file, *names), OURS, weight()), 3 * (UP @ DOWN), atol=1e-5)
    pattern = {"peft_type": "IA3", "feedforward_modules": ".*conv1"}
    (tmp_path / "adapter_config.json").write_text(json.dumps(pattern))
    assert open_adapter(file, *names).changes
    convolution = tmp_path / "convolution.safetensors"
    save_tensors({f"base_model.model.{DIFFUSERS}.ia3_l": torch.ones(1, 32, 1, 1)}, convolution)
    with pytest.raises(BadModelFile, match="feedforward_modules is a pattern"):
        open_adapter(convolution, *names)
    (tmp_path / "adapter_config.json").write_text(json.dumps({"peft_type": "VERA"}))
    with pytest.raises(BadModelFile, match="adapter of peft's kind VERA"):
        open_adapter(file, *names)


def test_what_no_dialect_knows_is_listed() -> None:
    made = DIALECTS["kohya"] | {"strange": UP, f"{KOHYA}.what": UP}
    with pytest.raises(WeightsMismatch, match=r"2 unexpected \(strange, .*what\)"):
        opened(model(), made)
    twice = DIALECTS["kohya"] | {f"{KOHYA}.lora_A.weight": DOWN, ".alpha": torch.tensor(1.0)}
    with pytest.raises(WeightsMismatch, match="2 unexpected"):
        opened(model(), twice)


def test_an_adapter_of_another_model_is_refused_with_a_list() -> None:
    other = {
        "lora_unet_joint_blocks_0_x.lora_up.weight": UP,
        "lora_unet_joint_blocks_0_x.lora_down.weight": DOWN,
    }
    with pytest.raises(WeightsMismatch, match=r"1 unexpected \(lora_unet_joint_blocks_0_x.weight\)"):
        opened(model(), other)
    wide = {f"{KOHYA}.lora_up.weight": rand(64, 2), f"{KOHYA}.lora_down.weight": rand(2, 32)}
    with pytest.raises(WeightsMismatch, match="1 of wrong shape"):
        opened(model(), wide)


BAD: dict[str, tuple[dict[str, Tensor], str]] = {
    "nothing": ({}, "holds no tensors"),
    "hypernetwork": (
        {"768.0.linear.0.weight": UP},
        "is a hypernetwork, not a LoRA; use a LoRA or a textual inversion",
    ),
    "half a pair": ({f"{KOHYA}.lora_up.weight": UP}, r"parts that make no change \(up\)"),
    "an alpha alone": ({f"{KOHYA}.alpha": torch.tensor(1.0)}, r"make no change \(alpha\)"),
    "many alphas": (DIALECTS["kohya"] | {f"{KOHYA}.alpha": rand(2)}, "make no change"),
    "factors for two sides": (
        {f"{KOHYA}.weight": rand(32), f"{KOHYA}.on_input": torch.ones(2)},
        "make no change",
    ),
    "a side without factors": ({f"{KOHYA}.on_input": torch.tensor(1)}, r"make no change \(on_input\)"),
    "two biases": ({f"{KOHYA}.diff_b": rand(32), f"{KOHYA}.b_norm": rand(32)}, "two changes of its bias"),
    "not numbers": ({f"{KOHYA}.diff": torch.full((32, 32), float("nan"))}, "values that are no numbers"),
    "integers": ({f"{KOHYA}.diff": torch.ones(32, 32, dtype=torch.int8)}, "not stored as floating point"),
}


@pytest.mark.parametrize("case", BAD)
def test_a_broken_adapter_is_a_typed_error(case: str) -> None:
    made, message = BAD[case]
    with pytest.raises(BadModelFile, match=message):
        opened(model(), made)


@pytest.mark.parametrize(
    "parts", [("hada_w1_a", "hada_w1_b", "hada_w2_a", "hada_w2_b", "hada_t1", "hada_t2")]
)
def test_factors_of_one_axis_do_not_fit(parts: tuple[str, ...]) -> None:
    with pytest.raises(WeightsMismatch, match="1 of wrong shape"):
        opened(model(), {f"{KOHYA}.{part}": rand(32) for part in parts})


def test_files_are_opened_as_any_other(tmp_path: Path) -> None:
    file = tmp_path / "lora.safetensors"
    save_tensors({name: t.half() for name, t in DIALECTS["kohya"].items()}, file)
    adapter = open_adapter(file, *names_of(model()))
    assert torch.equal(change(adapter, OURS, weight()), UP.half().float() @ DOWN.half().float())
    with pytest.raises(ModelNotFound):
        open_adapter(tmp_path / "none.safetensors", *names_of(model()))
    torch.save(DIALECTS["kohya"], file)
    assert torch.equal(change(open_adapter(file, *names_of(model())), OURS, weight()), UP @ DOWN)
    torch.save({"a": open_adapter}, file)
    with pytest.raises(PickleRefused):
        open_adapter(file, *names_of(model()))


@cache
def whole(family: str) -> tuple[Names, dict[str, tuple[int, ...]]]:
    known = {"sd1": SD1, "sdxl": SDXL}[family]
    live = weights_of(empty_model(known).networks)
    return Names(spellings(known), live), {name: tuple(t.shape) for name, t in live.items()}


@pytest.mark.parametrize(
    ("kind", "unet", "text"),
    [
        ("lora_kohya-sd15", 192, 72),
        ("lora_kohya-sdxl", 722, 264),
        ("lora_diffusers-old-attnprocs-sd15", 128, 0),
        ("lora_diffusers-peft-sd15-attn", 128, 48),
        ("lora_cloneofsimo-sd15", 144, 48),
    ],
)
def test_every_key_of_the_published_kinds_is_taken_and_fits(kind: str, unet: int, text: int) -> None:
    names, shapes = whole("sdxl" if kind.endswith("sdxl") else "sd1")
    metadata = {"unet": '["CrossAttention", "Attention", "GEGLU"]'}
    adapter = bound(InMemory(Path(kind), published(kind), metadata), names, shapes)
    ours = [place.ours[0] for place, _ in adapter.changes]
    assert len(set(ours)) == len(ours) == unet + text
    assert sum(name.startswith("unet.") for name in ours) == unet
    assert sum(name.startswith("text") for name in ours) == text
    assert all(delta.fits(their_shape(place, shapes)) for place, delta in adapter.changes)


def test_cloneofsimo_counts_only_what_it_trained() -> None:
    names, _ = whole("sd1")
    for metadata, number in (({"unet": '["CrossAttention"]'}, 4), ({}, 4), ({"unet": '["GEGLU"]'}, 5)):
        assert (
            names.numbered(metadata)[f"unet:{number}"]
            .ours[0]
            .endswith("down.0.attentions.0.blocks.0.attn2.q.weight")
        )
    for broken in ("[", "3"):
        assert len(names.numbered({"unet": broken})) == 128 + 48


def test_every_weight_has_names_and_no_name_has_two_weights() -> None:
    names, shapes = whole("sd1")
    reached: dict[tuple[str, str], set[str]] = {}
    for spelling in spellings(SD1):
        for name in shapes:
            if name.startswith(spelling.ours):
                for found in spelling.layout.spellings(name.removeprefix(spelling.ours)):
                    module, _, leaf = found.theirs.rpartition(".")
                    for before in spelling.before:
                        reached.setdefault(((before + module).replace(".", "_"), leaf), set()).add(name)
                        assert names.find(before + module, leaf) is not None
    assert max(len(ours) for ours in reached.values()) == 1
    assert {name for ours in reached.values() for name in ours} == {
        name for name in shapes if not name.startswith("autoencoder.")
    }
    assert names.find("lora_unet_what", "weight") is None
