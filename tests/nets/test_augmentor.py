"""Behaviour of the noise augmentor that needs no reference library."""

from dataclasses import replace

import pytest
import torch

from families.published import tensors
from mezzotint.families.layouts import augmentor as layout
from mezzotint.nets.augmentor import LEVELS, NoiseAugmentor, cosine_signal
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNet, UNetGeometry, Vector
from mezzotint.values.errors import BadValue
from parity.nets_reference import fill

WIDTH = 8


def test_the_signal_falls_from_all_to_almost_none() -> None:
    signal = cosine_signal()
    assert signal.shape == (LEVELS,) and (signal.diff() < 0).all()
    assert signal[0] > 0.9999 and signal[-1] < 1e-6


@torch.no_grad()
def test_each_picture_has_a_level_of_its_own() -> None:
    net = NoiseAugmentor(WIDTH)
    x = torch.randn(2, WIDTH, generator=torch.Generator().manual_seed(0))
    out = net(x, torch.tensor([0, 999]), torch.zeros(2, WIDTH))
    assert torch.allclose(out[0, :WIDTH], x[0], atol=1e-3) and out[1, :WIDTH].abs().max() < 1e-2
    assert torch.equal(out[0, WIDTH:], torch.tensor([1.0] * 4 + [0.0] * 4))
    noised = net(x, torch.tensor([500, 500]), torch.ones(2, WIDTH))[:, :WIDTH]
    kept = cosine_signal()[500].float()
    assert torch.allclose(noised, kept.sqrt() * x + (1 - kept).sqrt(), atol=1e-6)


@torch.no_grad()
def test_a_unet_that_makes_the_sinusoids_itself_gets_the_same() -> None:
    net = NoiseAugmentor(WIDTH)
    generator = torch.Generator().manual_seed(0)
    x, noise = torch.randn(2, WIDTH, generator=generator), torch.randn(2, WIDTH, generator=generator)
    level = torch.tensor([3, 700])
    geometry = UNetGeometry(4, 4, (8,), 1, (False,), (1,), 6, norm_groups=4, added=Vector(WIDTH, 1, WIDTH))
    whole = replace(geometry, added=Vector(2 * WIDTH, 0, 1))
    split, joined = UNet(geometry).eval(), UNet(whole).eval()
    fill(split)
    joined.load_state_dict(split.state_dict())
    latent, text = torch.randn(2, 4, 4, 4, generator=generator), torch.zeros(2, 3, 6)
    apart = Conditioning(text, pooled=net.noised(x, level, noise), numbers=level[:, None])
    together = Conditioning(text, pooled=net(x, level, noise))
    t = torch.tensor(500)
    assert torch.equal(split(latent, t, apart).sample, joined(latent, t, together).sample)
    other = replace(apart, numbers=level[:, None] + 5)
    assert not torch.equal(split(latent, t, other).sample, joined(latent, t, together).sample)


@pytest.mark.parametrize("kind", ["ldm_sd21-unclip-h", "ldm_sd21-unclip-l"])
def test_the_tables_of_single_files_are_left_out(kind: str) -> None:
    names = [n for n in tensors(kind) if n.startswith(layout.LDM_PREFIX)]
    matched = layout.LDM.match(names)
    assert matched.unknown == () and len(matched.dropped) == 8 == len(names)
    assert layout.LDM.match([*names, "noise_augmentor.other"]).unknown == ("noise_augmentor.other",)


@pytest.mark.parametrize(
    ("vectors", "level", "noise"),
    [((2, 7), (2,), (2, 7)), ((2, 8), (1,), (2, 8)), ((2, 8), (2,), (1, 8)), ((8,), (), (8,))],
)
def test_shapes_that_do_not_fit(
    vectors: tuple[int, ...], level: tuple[int, ...], noise: tuple[int, ...]
) -> None:
    with pytest.raises(BadValue, match="width 8"):
        NoiseAugmentor(WIDTH)(torch.zeros(vectors), torch.zeros(level, dtype=torch.int64), torch.zeros(noise))


@pytest.mark.parametrize("level", [-1, 1000])
def test_levels_out_of_range(level: int) -> None:
    with pytest.raises(BadValue, match="0 to 999"):
        NoiseAugmentor(WIDTH)(torch.zeros(1, WIDTH), torch.tensor([level]), torch.zeros(1, WIDTH))


def test_odd_widths() -> None:
    with pytest.raises(BadValue, match="even"):
        NoiseAugmentor(7)
