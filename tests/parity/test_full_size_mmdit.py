"""Stable Diffusion 3.5 medium's transformer at its published size against diffusers, weights seeded by tensor name."""

import json
import os
import subprocess
import sys
from pathlib import Path
from zlib import crc32

import pytest
import torch
from torch import Tensor

from families.published import manifest
from mezzotint.families.layouts import mmdit_diffusers
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.mmdit import SD35_MEDIUM, MMDiT
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error

KIND = "diffusers_transformer_sd3.5-medium"
FAR = 1e-3


def weight(name: str, shape: list[int]) -> Tensor:
    """One weight of 2.5 billion numbers in all, the same on either side."""
    noise = torch.randn(shape, generator=torch.Generator().manual_seed(crc32(name.encode())))
    if len(shape) > 1:
        return noise.mul_(noise[0].numel() ** -0.5)
    return noise.mul_(0.1).add_(1.0 if "norm_" in name and "linear" not in name else 0.0)


def weights() -> dict[str, Tensor]:
    return {name: weight(name, shape) for name, shape in manifest(KIND)["tensors"].items()}


def inputs() -> tuple[Tensor, Tensor, Conditioning]:
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(1, 16, 16, 24, generator=generator)
    tokens = torch.randn(1, 20, 4096, generator=generator)
    return x, torch.tensor([731.0]), Conditioning(tokens, torch.randn(1, 2048, generator=generator))


@torch.no_grad()
def theirs(path: str) -> None:
    """Runs diffusers' transformer, in a process of its own, as two of them fill the memory."""
    from diffusers import SD3Transformer2DModel

    config = manifest(KIND)["config"]
    with torch.device("meta"):
        net = SD3Transformer2DModel.from_config(json.loads(json.dumps(config))).eval()
    net.load_state_dict(weights(), assign=True)
    x, t, cond = inputs()
    torch.save(net(x, cond.tokens, cond.pooled, t).sample, path)


@torch.no_grad()
def ours(path: str) -> None:
    """The same of ours, once as it is and once at another time."""
    with torch.device("meta"):
        net = MMDiT(SD35_MEDIUM).eval()
    layout = mmdit_diffusers.layout(SD35_MEDIUM.layers)
    net.load_state_dict(layout.load(InMemory(Path(KIND), weights())), assign=True)
    x, t, cond = inputs()
    torch.save([net(x, t, cond).sample, net(x, t + 20, cond).sample], path)


SIDES = {"theirs": theirs, "ours": ours}


@pytest.mark.slow
def test_sd35_medium(tmp_path: Path) -> None:
    paths = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    for side in SIDES:
        subprocess.run([sys.executable, __file__, side, str(tmp_path / side)], check=True, env=paths)
    expected = torch.load(tmp_path / "theirs")
    found, other = torch.load(tmp_path / "ours")
    print(f"SD 3.5 medium: {error(found, expected):.2e}, another time {error(other, expected):.2e}")
    assert expected.std() > 0.1
    assert error(found, expected) <= BOUND
    assert error(other, expected) > FAR


if __name__ == "__main__":
    SIDES[sys.argv[1]](sys.argv[2])
