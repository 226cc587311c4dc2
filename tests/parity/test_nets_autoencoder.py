"""The autoencoder against diffusers' AutoencoderKL, at toy size, with the same seeded random weights."""

import pytest
import torch
from diffusers import AutoencoderKL

from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from parity.nets_reference import BOUND, autoencoder_name, copied, error

GEOMETRIES = {
    "sd": AutoencoderGeometry((16, 32, 32), 2, 4, norm_groups=8),
    "no_quant": AutoencoderGeometry((16, 32), 1, 16, norm_groups=8, quant=False),
}


@pytest.fixture(scope="module", params=sorted(GEOMETRIES))
def pair(request: pytest.FixtureRequest) -> tuple[Autoencoder, AutoencoderKL]:
    g = GEOMETRIES[request.param]
    levels = len(g.channels)
    theirs = AutoencoderKL(
        block_out_channels=g.channels,
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        layers_per_block=g.layers,
        latent_channels=g.latent,
        norm_num_groups=g.norm_groups,
        use_quant_conv=g.quant,
        use_post_quant_conv=g.quant,
    ).eval()
    ours = Autoencoder(g).eval()
    copied(theirs, ours, autoencoder_name)
    return ours, theirs


@pytest.mark.parametrize(("height", "width"), [(32, 32), (20, 44)])
@torch.no_grad()
def test_encode(pair: tuple[Autoencoder, AutoencoderKL], height: int, width: int) -> None:
    ours, theirs = pair
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = theirs.encode(x).latent_dist
    mean, logvar = ours.encode(x)
    assert error(mean, expected.mean) <= BOUND
    assert error(logvar, expected.logvar) <= BOUND
    assert error(ours.encode(x.flip(-1))[0], expected.mean) > BOUND


@pytest.mark.parametrize(("height", "width"), [(8, 8), (5, 11)])
@torch.no_grad()
def test_decode(pair: tuple[Autoencoder, AutoencoderKL], height: int, width: int) -> None:
    ours, theirs = pair
    z = torch.randn(2, ours.geometry.latent, height, width, generator=torch.Generator().manual_seed(1))
    expected = theirs.decode(z).sample
    assert error(ours.decode(z), expected) <= BOUND
    attention = ours.decoder.mid.attention.out
    attention.weight.mul_(1.01)
    assert error(ours.decode(z), expected) > BOUND
    attention.weight.copy_(theirs.state_dict()["decoder.mid_block.attentions.0.to_out.0.weight"])


@pytest.mark.parametrize("part", ["eps", "padding"])
@torch.no_grad()
def test_every_constant_matters(part: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Negative controls: symmetric padding or another epsilon must not pass for the same network."""
    g = GEOMETRIES["sd"]
    ours = Autoencoder(g).eval()
    changed = Autoencoder(g).eval()
    copied(ours, changed, str)
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = ours.encode(x)[0]
    if part == "eps":
        for module in changed.modules():
            if isinstance(module, torch.nn.GroupNorm):
                module.eps = 1e-3
    else:
        pad = torch.nn.functional.pad
        monkeypatch.setattr(torch.nn.functional, "pad", lambda x, _: pad(x, (1, 0, 1, 0)))
    assert error(changed.encode(x)[0], expected) > BOUND
