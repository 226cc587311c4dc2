"""Stable Diffusion 3.5 medium's transformer at its published size against diffusers, weights seeded by tensor name."""

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

from families.published import manifest
from mezzotint.families.layouts import mmdit_diffusers
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.mmdit import SD35_MEDIUM, MMDiT
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND
from parity.two_sides import FAR, answers, farthest, main, weight

KIND = "diffusers_transformer_sd3.5-medium"


def weights(kind: str) -> dict[str, Tensor]:
    return {name: weight(name, shape) for name, shape in manifest(kind)["tensors"].items()}


def inputs() -> tuple[Tensor, Tensor, Conditioning]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, 16, 16, 24, generator=generator)
    tokens = torch.randn(1, 20, 4096, generator=generator)
    return x, torch.tensor([731.0]), Conditioning(tokens, torch.randn(1, 2048, generator=generator))


@torch.no_grad()
def theirs(kind: str, path: Path) -> None:
    from diffusers import SD3Transformer2DModel

    config = manifest(kind)["config"]
    with torch.device("meta"):
        net = SD3Transformer2DModel.from_config(json.loads(json.dumps(config))).eval()
    net.load_state_dict(weights(kind), assign=True)
    x, t, cond = inputs()
    torch.save({"sample": net(x, cond.tokens, cond.pooled, t).sample}, path)


@torch.no_grad()
def ours(kind: str, path: Path) -> None:
    """The same of ours, once as it is and once at another time."""
    with torch.device("meta"):
        net = MMDiT(SD35_MEDIUM).eval()
    layout = mmdit_diffusers.layout(SD35_MEDIUM.layers)
    net.load_state_dict(layout.load(InMemory(Path(kind), weights(kind))), assign=True)
    x, t, cond = inputs()
    torch.save([{"sample": net(x, time, cond).sample} for time in (t, t + 20)], path)


@pytest.mark.slow
def test_sd35_medium(tmp_path: Path) -> None:
    expected, (found, other) = answers(__file__, KIND, tmp_path)
    measured, control = farthest(found, expected), farthest(other, expected)
    print(f"SD 3.5 medium: {measured:.2e}, another time {control:.2e}")
    assert expected["sample"].std() > 0.1
    assert measured <= BOUND
    assert control > FAR


if __name__ == "__main__":
    main({"theirs": theirs, "ours": ours})
