"""The shipped partners of the embedded model, on real output: each does what it is for, and without it that is gone."""

from statistics import mean

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

from mezzotint.diffusion.path import noised
from mezzotint.evaluate.depths import agreements, told
from mezzotint.evaluate.outlines import edge_f1
from mezzotint.families import mini, partners
from mezzotint.families.registry import find, open_model
from mezzotint.nets.conditioning import Conditioning
from mezzotint.train import control, masks
from mezzotint.train.bases import Base, base_of, open_base
from mezzotint.train.hints import edges_of, levels
from mezzotint.train.typed import from_array, from_planes
from mezzotint.train.upscaler import lanczos, smaller
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.values.recipe import ModelUse

THINGS = ("a car, flat", "a red apple, 3d render", "a chair, noto emoji", "a rooster, flat")
MEGABYTES = 12


@pytest.fixture(scope="module")
def base() -> Base:
    return open_base("mini")


@pytest.fixture(scope="module")
def pictures(base: Base) -> torch.Tensor:
    """What the embedded model draws, `4 3 64 64` in -1..1."""
    network = partners.open_edges()
    nothing = torch.zeros(len(THINGS), 1, 64, 64, dtype=torch.uint8)
    return control.draw(base, network, control.ControlConfig(), THINGS, nothing, 0.0).clamp(-1, 1)


def edges(pictures: torch.Tensor) -> list[np.ndarray]:
    levels = ((pictures.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return [edges_of(np.ascontiguousarray(picture.permute(1, 2, 0).numpy())) for picture in levels]


def test_partners_are_small_and_fit_the_shipped_model() -> None:
    names = (
        partners.EDGES,
        partners.DEPTH,
        partners.SIGHT,
        partners.INPAINTING,
        partners.UPSCALER,
    )
    files = [path for name in names for path in partners.shipped(name).iterdir()]
    assert sum(path.stat().st_size for path in files) < MEGABYTES * 1e6
    assert sum(path.name == "CARD.md" for path in files) == len(names)
    digest = open_model(ModelUse(base="mini")).digest
    assert partners.described(partners.Control, partners.shipped(partners.EDGES)).base == digest
    assert partners.described(partners.Adapter, partners.shipped(partners.DEPTH)).base == digest
    assert partners.described(partners.Variant, partners.shipped(partners.INPAINTING)).base == digest


def test_edges_are_followed_in_other_noise(base: Base, pictures: torch.Tensor) -> None:
    network, config = partners.open_edges(), control.ControlConfig()
    wanted = edges(pictures.flip(-1))
    hints = from_planes(wanted)
    scores = {
        scale: mean(
            edge_f1(a, b)
            for a, b in zip(
                edges(control.draw(base, network, config, THINGS, hints, scale)), wanted, strict=True
            )
        )
        for scale in (1.0, 0.0)
    }
    assert scores[1.0] > scores[0.0] + 0.1


def test_depth_is_followed_where_no_caption_says_what_to_draw(base: Base, pictures: torch.Tensor) -> None:
    network, judge = partners.open_adapter(), partners.open_depth()
    config = control.ControlConfig(hint="depth", kind="adapter")
    wanted = told(judge, pictures)
    hints = from_planes([levels(plane[0].numpy()) for plane in wanted])
    nothing = ("",) * len(THINGS)

    def agreement(hints: torch.Tensor, scale: float) -> float:
        made = control.draw(base, network, config, nothing, hints, scale)
        return mean(agreements(told(judge, made), wanted))

    followed = agreement(hints, 1.0)
    assert followed > agreement(hints, 0.0) + 0.2
    assert followed > agreement(hints.roll(1, 0), 1.0) + 0.2


def test_depth_is_told_of_what_is_drawn(pictures: torch.Tensor) -> None:
    """Things stand before their ground, which in these pictures is white."""
    seen = told(partners.open_depth(), pictures)
    darkness = (pictures.min(1, keepdim=True).values < 0.6).float()
    assert min(agreements(seen, darkness)) > 0.8
    assert seen.shape == (len(THINGS), 1, 64, 64)


def test_the_variant_sees_what_is_around_a_hole(base: Base, pictures: torch.Tensor) -> None:
    variant = open_model(ModelUse(base="mini-inpainting"))
    assert find(ModelUse(base="mini-inpainting")).family.needs == ("a picture", "a mask")
    assert variant.unet.geometry.in_channels == 2 * base.latent.channels + 1
    clean = base.scaled(base.autoencoder.encode(pictures)[0])
    torch.manual_seed(0)
    noise, level = torch.randn_like(clean), base.path.training(torch.full((len(clean),), 900))
    x, states = noised(clean, noise, level), base.captions.states(base.captions.ids(("",) * len(clean)))
    right = torch.zeros(len(clean), 1, 64, 64)
    right[..., 32:] = 1
    shown, t = base.prediction.scale_in(x, level), level.t.reshape(-1).float()

    def error(answer: torch.Tensor) -> torch.Tensor:
        found = base.prediction.clean(answer, x, level)
        return (found - clean).square().mean((0, 1, 2))

    with torch.no_grad():
        seen = variant.unet(shown, t, Conditioning(states, planes=masks.shown(base, pictures, right))).sample
        blind = base.unet(shown, t, Conditioning(states)).sample
    known, hidden = slice(0, 4), slice(4, 8)
    near, far, unseen = (
        float(part.mean()) for part in (error(seen)[known], error(seen)[hidden], error(blind)[known])
    )
    assert near < 0.6 * unseen
    assert near < far


def test_the_variant_is_the_embedded_model_elsewhere() -> None:
    ours, theirs = open_model(ModelUse(base="mini-inpainting")), open_model(ModelUse(base="mini"))
    assert ours.digest != theirs.digest
    encoders = zip(ours.text.network.parameters(), theirs.text.network.parameters(), strict=True)
    assert all(torch.equal(a, b) for a, b in encoders)


def test_a_variant_in_a_folder_is_a_model(tmp_path) -> None:
    shipped = partners.shipped(partners.INPAINTING)
    for path in shipped.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    found = find(ModelUse(base=str(tmp_path)))
    assert found.family.name == partners.VARIANT and found.path == tmp_path
    assert open_model(found).digest == open_model(ModelUse(base="mini-inpainting")).digest
    (tmp_path / mini.GEOMETRY).write_text("{}")
    with pytest.raises(BadModelFile):
        find(ModelUse(base=str(tmp_path)))


def drawing() -> Image.Image:
    """Discs, lines and corners at 128 pixels, smooth."""
    image = Image.new("RGB", (512, 512), "white")
    brush = ImageDraw.Draw(image)
    brush.ellipse((40, 60, 300, 320), fill=(230, 60, 50), outline=(60, 20, 20), width=12)
    brush.polygon([(260, 480), (480, 440), (400, 220)], fill=(40, 90, 220))
    brush.line([(30, 400), (240, 470)], fill=(30, 140, 60), width=20)
    return image.resize((128, 128), Image.Resampling.BOX)


def test_the_upscaler_beats_lanczos_on_a_drawing() -> None:
    large = from_array(np.array(drawing()))[None].float() / 127.5 - 1
    small, network = smaller(large, 2), partners.open_upscaler()

    def psnr(made: torch.Tensor) -> float:
        return float(-10 * ((made.clamp(-1, 1) - large) / 2).square().mean().log10())

    with torch.no_grad():
        made = network(small)
    assert made.shape == large.shape
    ours, plain = psnr(made), psnr(lanczos(small, 2))
    assert ours > plain + 1


def test_no_partner_is_trained_beside_the_variant() -> None:
    with pytest.raises(BadValue, match="has no partners"):
        base_of(open_model(ModelUse(base="mini-inpainting")), "mini-inpainting")
