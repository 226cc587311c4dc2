"""Noise by the conventions of other programs: golden numbers, what a batch changes, and A1111's seed settings.

The golden numbers of NV are the first of `torch.randn` on an Nvidia GPU with seed 0 (printed to eight places by several
programs that imitate it); those of the CPU come from torch's own generator, which is what the programs call.
"""

import pytest
import torch
from torch import Tensor

from diffusion.toys import PATH
from mezzotint.diffusion.noise import ImageNoise, SeededNoise
from mezzotint.diffusion.noises import CONVENTIONS, origin
from mezzotint.values.names import NOISES
from mezzotint.values.noise import NoiseUse

SHAPE = (4, 6, 5)
LEVEL = PATH.level(torch.tensor(1.0))
NV_OF_SEED_0 = [
    -0.92466259, -0.42534415, -2.6438457, 0.14518388, -0.12086647, -0.57972564,
    -0.62285122, -0.32838709, -1.07454231, -0.36314407, -1.67105067, 2.26550497,
]  # fmt: skip


def draws(seed: int, count: int = 2, shape: tuple[int, int, int] = SHAPE, **use: object) -> list[Tensor]:
    """The initial noise of one image and that of `count` steps, each C H W."""
    noise = ImageNoise([origin(seed, NoiseUse.model_validate(use), shape, 8)])
    return [noise.initial()[0], *(noise(LEVEL, LEVEL, "step")[0] for _ in range(count))]


def torch_draws(seed: int, count: int, *shape: int) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(shape, generator=generator) for _ in range(count)]


def equal(a: list[Tensor], b: list[Tensor]) -> bool:
    return all(torch.equal(x, y) for x, y in zip(a, b, strict=True))


def test_the_table_has_every_name() -> None:
    assert tuple(CONVENTIONS) == NOISES


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**64 - 1])
def test_cpu_is_one_generator_of_torch_for_start_and_steps(seed: int) -> None:
    assert equal(draws(seed), torch_draws(seed, 3, *SHAPE))


def test_nv_gives_the_published_numbers() -> None:
    (first,) = draws(0, 0, (1, 3, 4), kind="nv")
    # Their arithmetic is rounded at every operation, ours once: up to two last places of a float32 apart.
    assert torch.allclose(first.flatten(), torch.tensor(NV_OF_SEED_0), rtol=0, atol=3e-7)
    (other,) = draws(1, 0, (1, 3, 4), kind="nv")
    assert not torch.allclose(other.flatten(), torch.tensor(NV_OF_SEED_0), atol=1e-2)


@pytest.mark.parametrize(
    ("kind", "of_steps"),
    [
        ("comfy", lambda seed: (seed + 1) % 2**64),
        ("comfy-0.3", lambda seed: seed),
        ("invoke", lambda seed: seed ^ 0xFFFFFFFF),
    ],
)
@pytest.mark.parametrize("seed", [5, 2**64 - 1])
def test_steps_of_comfy_and_invoke_have_a_generator_of_their_own(kind: str, of_steps, seed: int) -> None:
    expected = [*torch_draws(seed, 1, *SHAPE), *torch_draws(of_steps(seed), 2, *SHAPE)]
    assert equal(draws(seed, kind=kind), expected)


@pytest.mark.parametrize(("kind", "seed"), [("comfy", 5), ("comfy-0.3", 5), ("invoke", 5 ^ 0xFFFFFFFF)])
def test_steps_on_a_gpu_are_its_own_numbers(kind: str, seed: int) -> None:
    found = draws(5, kind=kind, gpu="rtx-3060")
    assert torch.equal(found[0], torch_draws(5, 1, *SHAPE)[0])
    assert equal(found[1:], draws(seed, 1, kind="nv", gpu="rtx-3060"))


@pytest.mark.parametrize("kind", ["cpu", "comfy-0.3"])
def test_a_batch_of_one_seed_is_one_draw_for_all(kind: str) -> None:
    whole = torch_draws(5, 3, 4, *SHAPE)
    if kind == "comfy-0.3":
        whole[1:] = torch_draws(5, 2, 4, *SHAPE)
    for index in range(4):
        found = draws(5, kind=kind, index=index, batch=4)
        assert equal(found, [draw[index] for draw in whole])


def test_an_image_taken_out_of_a_comfy_batch_keeps_its_start_only() -> None:
    shape = (4, 8, 8)
    alone = draws(5, shape=shape, kind="comfy", index=2)
    within = draws(5, shape=shape, kind="comfy", index=2, batch=4)
    assert torch.equal(alone[0], within[0])
    assert not torch.equal(alone[1], within[1])
    assert torch.equal(alone[1], draws(5, shape=shape, kind="comfy")[1])


def test_those_before_it_are_drawn_one_by_one() -> None:
    # Torch makes the last sixteen numbers of a draw anew where its length is no multiple of sixteen.
    found = draws(5, 0, (1, 5, 5), kind="comfy", index=2)[0]
    assert torch.equal(found, torch_draws(5, 3, 1, 5, 5)[2])
    assert not torch.equal(found, torch_draws(5, 1, 3, 1, 5, 5)[0][2])


@pytest.mark.parametrize("kind", ["cpu", "nv"])
def test_ensd_starts_the_steps_with_another_seed(kind: str) -> None:
    plain, moved = draws(5, kind=kind), draws(5, kind=kind, ensd=31337)
    assert torch.equal(moved[0], plain[0])
    assert equal(moved[1:], draws(5 + 31337, 1, kind=kind))
    assert not torch.equal(moved[1], plain[1])


def test_ensd_may_go_below_zero() -> None:
    assert equal(draws(0, ensd=-1)[1:], draws(2**64 - 1, 1))


def test_the_steps_of_a_variation_are_those_of_the_seed() -> None:
    plain, varied = draws(5), draws(5, variation_seed=9, variation_strength=0.3)
    assert not torch.equal(plain[0], varied[0])
    assert equal(plain[1:], varied[1:])
    assert torch.allclose(draws(5, variation_seed=9, variation_strength=1.0)[0], draws(9)[0], atol=1e-5)
    assert equal(draws(5, variation_seed=9), plain)


def test_a_resized_seed_has_the_old_noise_in_its_middle() -> None:
    old = draws(5, 0, (4, 4, 8))[0]
    found = draws(5, shape=(4, 6, 6), resize_from="64x32")
    own = torch_draws(5, 3, 4, 6, 6)
    assert torch.equal(found[0][:, 1:5], old[:, :, 1:7])
    assert torch.equal(found[0][:, [0, 5]], own[0][:, [0, 5]])
    assert equal(found[1:], own[1:])


def test_a_size_of_its_own_changes_nothing() -> None:
    assert equal(draws(5, shape=(4, 6, 5), resize_from="40x48"), draws(5, shape=(4, 6, 5)))


@pytest.mark.parametrize("kind", NOISES)
def test_every_convention_is_unit_noise_per_image(kind: str) -> None:
    use = NoiseUse(kind=kind, variation_seed=3, variation_strength=0.4, ensd=7, index=1, batch=2)
    shape = (4, 32, 32)
    noise = ImageNoise([origin(seed, use, shape, 8) for seed in (1, 2, 1)])
    for found in (noise.initial(), noise(LEVEL, LEVEL, "step")):
        assert found.shape == (3, *shape) and found.dtype == torch.float32
        assert float(found[:2].std()) == pytest.approx(1, abs=0.02)
        assert float(found[:2].mean()) == pytest.approx(0, abs=0.03)
        assert torch.equal(found[0], found[2]) and not torch.equal(found[0], found[1])
    assert torch.equal(noise.initial()[:1], ImageNoise([origin(1, use, shape, 8)]).initial())


def test_the_plain_convention_is_that_of_seeded_noise() -> None:
    assert torch.equal(SeededNoise([5], SHAPE).initial()[0], draws(5)[0])
