"""UNets, a text encoder and ControlNets at their published sizes against diffusers and transformers.

Float32, weights seeded by tensor name, small latents, one process a side.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from families.published import manifest
from mezzotint.families.controls import controlnet_geometry, controlnet_table
from mezzotint.families.geometry import Shapes
from mezzotint.families.layouts import clip_hf, unet_diffusers
from mezzotint.families.sd1 import SD1
from mezzotint.families.sd2 import SD2
from mezzotint.families.sdxl import SDXL
from mezzotint.nets.clip import ClipText
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout
from parity.nets_reference import BOUND
from parity.two_sides import FAR, answers, farthest, main, weight

SHAPE = (1, 4, 16, 24)
"""Of the latents: even on every level, and of no equal sides."""


@dataclass(frozen=True)
class Case:
    """The kind that lists the weights, the folder of the network in it, and the UNet it belongs to."""

    kind: str
    folder: str
    unet: UNetGeometry


CASES = {
    "SD 2.1 768-v, UNet": Case("diffusers_sd21-768-v", "unet/", SD2.unet),
    "SD 2.1 768-v, text encoder": Case("diffusers_sd21-768-v", "text_encoder/", SD2.unet),
    "SDXL, UNet": Case("diffusers_sdxl-base", "unet/", SDXL.unet),
    "SD 1.5, ControlNet": Case("diffusers_controlnet_sd15", "", SD1.unet),
    "SD 2.1, ControlNet": Case("diffusers_controlnet_sd21", "", SD2.unet),
    "SDXL, ControlNet": Case("diffusers_controlnet_sdxl", "", SDXL.unet),
}


def config(case: Case) -> dict[str, Any]:
    known = manifest(case.kind)["config"]
    return json.loads(json.dumps(known[f"{case.folder}config.json"] if case.folder else known))


def weights(case: Case) -> dict[str, Tensor]:
    """The weights of the network without the whole numbers that some files carry."""
    listed = manifest(case.kind)["tensors"].items()
    own = {n.removeprefix(case.folder): shape for n, shape in listed if n.startswith(case.folder)}
    return {n: weight(n, shape) for n, shape in own.items() if not n.endswith("position_ids")}


def inputs(unet: UNetGeometry) -> tuple[Tensor, Tensor, Conditioning, Tensor]:
    """Latents, a time, what steers, and a hint for ControlNets."""
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(SHAPE, generator=generator)
    tokens = torch.randn(1, 77, unet.context, generator=generator)
    hint = torch.rand(1, 3, 8 * SHAPE[2], 8 * SHAPE[3], generator=generator)
    cond = Conditioning(tokens)
    if unet.added is not None:
        pooled = torch.randn(1, unet.added.pooled, generator=generator)
        cond = Conditioning(tokens, pooled, torch.tensor([[1024.0, 768, 8, 0, 1024, 768]]))
    return x, torch.tensor([731]), cond, hint


def ids() -> Tensor:
    return torch.tensor([[49406, 320, 736, 3055, 49407, *[0] * 72]])


@torch.no_grad()
def theirs(name: str, path: Path) -> None:
    case = CASES[name]
    x, t, cond, hint = inputs(case.unet)
    added = None if cond.pooled is None else {"text_embeds": cond.pooled, "time_ids": cond.numbers}
    if case.folder == "text_encoder/":
        from transformers import CLIPTextConfig, CLIPTextModel

        text = CLIPTextModel(CLIPTextConfig(**config(case))).eval()
        named = {
            n if n in text.state_dict() else n.removeprefix("text_model."): w
            for n, w in weights(case).items()
        }
        text.load_state_dict(named)
        torch.save({"tokens": text(input_ids=ids()).last_hidden_state}, path)
        return
    from diffusers import ControlNetModel, UNet2DConditionModel

    with torch.device("meta"):
        net = (UNet2DConditionModel if case.folder else ControlNetModel).from_config(config(case)).eval()
    net.load_state_dict(weights(case), assign=True)
    if case.folder:
        torch.save({"sample": net(x, t, cond.tokens, added_cond_kwargs=added).sample}, path)
        return
    made = net(x, t, cond.tokens, controlnet_cond=hint, conditioning_scale=0.7, added_cond_kwargs=added)
    down = {f"down.{i}": value for i, value in enumerate(made.down_block_res_samples)}
    torch.save({**down, "mid": made.mid_block_res_sample}, path)


def loaded(net: torch.nn.Module, table: Layout, case: Case) -> None:
    net.eval().load_state_dict(table.load(InMemory(Path(case.kind), weights(case))), assign=True)


@torch.no_grad()
def ours(name: str, path: Path) -> None:
    """The same of ours, once as it is and once with something changed: another time, or another word."""
    case = CASES[name]
    x, t, cond, hint = inputs(case.unet)
    if case.folder == "text_encoder/":
        with torch.device("meta"):
            text = ClipText(replace(SD2.text.geometry, layers=23, projection=None))
        loaded(text, clip_hf.LAYOUT, case)
        both = (ids(), ids() + torch.eye(77, dtype=torch.int64)[2])
        torch.save([{"tokens": text(some, eos=49407).tokens} for some in both], path)
        return
    if case.folder:
        with torch.device("meta"):
            unet = UNet(case.unet)
        loaded(unet, unet_diffusers.LAYOUT, case)
        torch.save([{"sample": unet(x, time, cond).sample} for time in (t, t + 20)], path)
        return
    listed = manifest(case.kind)["tensors"]
    table = controlnet_table(listed)
    shapes = {table.match([n]).taken[n][0]: tuple(shape) for n, shape in listed.items()}
    with torch.device("meta"):
        control = ControlNet(controlnet_geometry(Shapes(shapes, "", path)))
    loaded(control, table, case)
    scale = torch.tensor(0.7)
    torch.save([dict(control(x, time, cond, hint, scale).residuals) for time in (t, t + 20)], path)


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_a_network_of_published_size(name: str, tmp_path: Path) -> None:
    expected, (found, other) = answers(__file__, name, tmp_path)
    measured, control = farthest(found, expected), farthest(other, expected)
    spread = min(value.std().item() for value in expected.values())
    print(f"{name}: {measured:.2e}, changed {control:.2e}, spread {spread:.2f}")
    assert spread > 0.1
    assert measured <= BOUND
    assert control > FAR


if __name__ == "__main__":
    main({"theirs": theirs, "ours": ours})
