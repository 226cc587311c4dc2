"""ControlNets of SD 3: the complete tables of the published forms, and opening them at reduced widths."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from engine.followers import joint_control_file
from families.reduced import JOINT
from mezzotint.families.control_nets import open_control
from mezzotint.families.fitting import fits
from mezzotint.families.joint_controls import joint_control_for, joint_table
from mezzotint.families.kinds import CONTROLNET, kind_of
from mezzotint.families.layouts import mmdit_control
from mezzotint.families.standing import standing
from mezzotint.families.toy import random_weight
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.mmdit_control import LENT, MMDiTControl, MMDiTControlGeometry
from mezzotint.values.errors import BadModelFile, WeightsMismatch
from mezzotint.weights.files import InMemory, open_tensors, save_tensors

BASE = JOINT["sd3-medium"].denoiser
NET = replace(BASE, layers=1)
FORMS = {
    "joint": MMDiTControlGeometry(NET, 2, zeros=True),
    "joint 3.5": MMDiTControlGeometry(replace(NET, qk_norm=True, dual=1), 2, zeros=True),
    "without text": MMDiTControlGeometry(NET, 2, reads=False),
}


def steered(**changes: object) -> MMDiT:
    net = MMDiT(replace(BASE, **changes))  # pyright: ignore[reportArgumentType]
    net.load_state_dict({n: random_weight(n, tuple(t.shape)) for n, t in net.state_dict().items()})
    return net.eval()


def published(form: str) -> dict[str, tuple[int, ...]]:
    """The names and shapes of a published network, by diffusers: InstantX's for medium, Stability AI's for large."""
    from diffusers import SD3ControlNetModel

    large = {
        "num_layers": 19,
        "num_attention_heads": 38,
        "joint_attention_dim": None,
        "caption_projection_dim": 2048,
        "pos_embed_max_size": None,
        "pos_embed_type": None,
        "use_pos_embed": False,
    }
    medium = {
        "num_layers": 6,
        "num_attention_heads": 24,
        "caption_projection_dim": 1536,
        "pos_embed_max_size": 192,
    }
    with torch.device("meta"):
        net = SD3ControlNetModel(pooled_projection_dim=2048, **(large if form == "large" else medium))
    return {name: tuple(tensor.shape) for name, tensor in net.state_dict().items()}


@pytest.mark.parametrize(("form", "count"), [("medium", 195), ("large", 314)])
def test_every_key_is_taken(form: str, count: int) -> None:
    shapes = published(form)
    table, path = joint_table(shapes), Path(form)
    matched = table.match(shapes)
    assert (len(matched.taken), matched.unknown, matched.dropped) == (count, (), ())
    assert kind_of(shapes) == CONTROLNET
    made = {name: torch.empty(shape, device="meta") for name, shape in shapes.items()}
    assert fits(CONTROLNET, InMemory(path, made))[0] == ("sd3-medium", "sd3.5-medium", "sd3.5-large")
    back = table.export(InMemory(path, table.load(InMemory(path, made))))
    assert {name: tuple(tensor.shape) for name, tensor in back.items()} == shapes


def test_the_original_names_are_those_that_are_converted() -> None:
    """As diffusers' script for them reads them."""
    with torch.device("meta"):
        net = MMDiTControl(MMDiTControlGeometry(replace(BASE, layers=2), 4, reads=False))
    own = {n: t for n, t in net.state_dict().items() if n not in LENT}
    names = set(mmdit_control.ORIGINAL.export(InMemory(Path("a"), own)))
    block = ("attn.qkv", "attn.proj", "mlp.fc1", "mlp.fc2", "adaLN_modulation.1")
    embedded = ("timestep_embedder.linear_1", "timestep_embedder.linear_2")
    texts = ("text_embedder.linear_1", "text_embedder.linear_2")
    modules = [
        "pos_embed_input.proj",
        *(f"time_text_embed.{name}" for name in (*embedded, *texts)),
        *(f"controlnet_blocks.{i}" for i in range(2)),
        *(f"transformer_blocks.{i}.{name}" for i in range(2) for name in block),
    ]
    assert names == {f"{module}.{kind}" for module in modules for kind in ("weight", "bias")}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("original", [False, True])
def test_each_form_opens(form: str, original: bool, tmp_path: Path) -> None:
    if original and FORMS[form].reads:
        return
    path = joint_control_file(tmp_path / "net.safetensors", FORMS[form], original)
    denoiser = steered()
    net = open_control(path, denoiser)
    assert isinstance(net, MMDiTControl) and net.control == FORMS[form]
    lent = not FORMS[form].reads
    assert (net.position is denoiser.position) == lent == (net.patches is denoiser.patches)
    for name, tensor in net.state_dict().items():
        own = random_weight(name, tuple(tensor.shape))
        assert torch.equal(tensor, denoiser.state_dict()[name] if lent and name in LENT else own)


@pytest.mark.parametrize(("number", "kind"), [(0.0, "blur"), (1.0, "canny"), (2.0, "depth"), (9.0, None)])
def test_an_original_file_says_what_its_hints_show(number: float, kind: str | None, tmp_path: Path) -> None:
    path = joint_control_file(
        tmp_path / "a.safetensors", FORMS["without text"], True, control_type=torch.tensor([number])
    )
    assert joint_control_for(standing(path), steered()).control.kind == kind


def folder(path: Path, config: str, form: str = "joint") -> Path:
    path.mkdir()
    joint_control_file(path / "diffusion_pytorch_model.safetensors", FORMS[form])
    (path / "config.json").write_text(config)
    return path


def test_a_folder_says_how_it_is_used(tmp_path: Path) -> None:
    one = folder(tmp_path / "a", '{"force_zeros_for_pooled_projection": false, "num_attention_heads": 2}')
    net = joint_control_for(standing(one), steered())
    assert not net.control.zeros and net.geometry.heads == 2
    for number, config in enumerate(
        ('{"qk_norm": "layer_norm"}', '{"force_zeros_for_pooled_projection": 3}')
    ):
        with pytest.raises(BadModelFile, match="which is not supported"):
            joint_control_for(standing(folder(tmp_path / str(number), config)), steered())


def changed(path: Path, **more: Tensor) -> Path:
    source = open_tensors(path)
    save_tensors({name: source.tensor(name).clone() for name in source} | more, path)
    return path


def test_what_does_not_fit_is_one_typed_error(tmp_path: Path) -> None:
    path = joint_control_file(tmp_path / "net.safetensors", FORMS["joint"])
    with pytest.raises(BadModelFile, match="width 64 and text of 112, this one has 128 and 112"):
        open_control(path, steered(width=128, heads=2))
    with pytest.raises(BadModelFile, match="width 64 and text of 112, this one has 64 and 96"):
        open_control(path, steered(context=96))
    deep = joint_control_file(tmp_path / "deep.safetensors", replace(FORMS["joint"], net=BASE))
    with pytest.raises(BadModelFile, match="sizes no network for this model can have"):
        open_control(deep, steered(layers=1))
    with pytest.raises(WeightsMismatch, match="1 unexpected"):
        open_control(changed(path, what=torch.zeros(1)), steered())
