"""The noise augmentor against diffusers' unCLIP pipeline, given the same noise."""

from types import SimpleNamespace

import pytest
import torch
from diffusers import DDPMScheduler, StableUnCLIPImg2ImgPipeline
from diffusers.pipelines.stable_diffusion.stable_unclip_image_normalizer import StableUnCLIPImageNormalizer
from torch import Tensor

from mezzotint.families.layouts import augmentor as layout
from mezzotint.nets.augmentor import NoiseAugmentor, cosine_signal
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error
from parity.through_layout import same

WIDTH = 24


def pair() -> tuple[NoiseAugmentor, SimpleNamespace]:
    generator = torch.Generator().manual_seed(0)
    normalizer = StableUnCLIPImageNormalizer(WIDTH)
    with torch.no_grad():
        normalizer.mean.copy_(torch.randn(1, WIDTH, generator=generator))
        normalizer.std.copy_(torch.rand(1, WIDTH, generator=generator) + 0.5)
    ours, path = NoiseAugmentor(WIDTH), normalizer.config_name
    ours.load_state_dict(layout.DIFFUSERS.load(InMemory(path, dict(normalizer.state_dict()))))
    assert same(layout.DIFFUSERS.export(InMemory(path, ours.state_dict())), dict(normalizer.state_dict()))
    schedule = DDPMScheduler(beta_schedule="squaredcos_cap_v2")
    return ours, SimpleNamespace(image_normalizer=normalizer, image_noising_scheduler=schedule)


def by_the_reference(pipeline: SimpleNamespace, vectors: Tensor, level: int, noise: Tensor) -> Tensor:
    return StableUnCLIPImg2ImgPipeline.noise_image_embeddings(pipeline, vectors, level, noise)


def inputs() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(1)
    return torch.randn(2, WIDTH, generator=generator), torch.randn(2, WIDTH, generator=generator)


@pytest.mark.parametrize("level", [0, 1, 250, 700, 999])
@torch.no_grad()
def test_noised_vectors_and_their_level(level: int) -> None:
    ours, pipeline = pair()
    vectors, noise = inputs()
    expected = by_the_reference(pipeline, vectors.clone(), level, noise)
    levels = torch.tensor([level] * 2)
    assert expected.shape == (2, 2 * WIDTH)
    assert error(ours(vectors, levels, noise), expected) <= BOUND
    assert error(ours(vectors, (levels + 20) % 1000, noise), expected) > 1e-3
    plain = NoiseAugmentor(WIDTH)(vectors, levels, noise)
    assert error(plain, expected) > 1e-3 or level == 0
    if level:
        assert error(ours(vectors, levels, noise.roll(1, 0)), expected) > 1e-3


def test_the_schedule() -> None:
    reference = DDPMScheduler(beta_schedule="squaredcos_cap_v2").alphas_cumprod
    assert error(cosine_signal().float(), reference) <= BOUND
