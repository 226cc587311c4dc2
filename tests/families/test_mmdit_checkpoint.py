"""Whole SD 3 checkpoints and their separate text encoder files: every key of every part, both ways."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from families.published import tensors
from mezzotint.families.assemble import check_fit
from mezzotint.families.layouts import mmdit_checkpoint
from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry, ClipText
from mezzotint.nets.mmdit import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM, MMDiT, MMDiTGeometry
from mezzotint.nets.t5 import T5_XXL, T5Text
from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout

CLIP_L = ClipGeometry(49408, 77, 768, 12, 12, 3072, "quick_gelu", 768)
CLIP_G = ClipGeometry(49408, 77, 1280, 32, 20, 5120, "gelu", 1280)
AUTOENCODER = AutoencoderGeometry((128, 256, 512, 512), 2, 16, quant=False)
TEXTS = ("clip_l", "clip_g", "t5")

Case = tuple[str, Layout, MMDiTGeometry | None, tuple[str, ...], int, int]
"""Kind, its table, its transformer, its text encoders, keys taken and keys left out (counting the optional ones)."""
FILE = mmdit_checkpoint.SINGLE_FILE
CASES: dict[str, Case] = {
    "file 3 medium": ("sd3_sd3-medium", FILE, SD3_MEDIUM, TEXTS, 735 + 934, 2),
    "file 3.5 medium": ("sd3_sd3.5-medium", FILE, SD35_MEDIUM, TEXTS, 909 + 934, 2),
    "file 3.5 large": ("sd3_sd3.5-large", FILE, SD35_LARGE, TEXTS, 1167 + 934, 2),
    "folder 3 medium": ("diffusers_sd3-medium", mmdit_checkpoint.folder(24), SD3_MEDIUM, TEXTS, 1860, 0),
    "clip l": ("sd3_text_clip_l", mmdit_checkpoint.CLIP.under("", "clip_l."), None, ("clip_l",), 197, 2),
    "clip g": ("sd3_text_clip_g", mmdit_checkpoint.CLIP.under("", "clip_g."), None, ("clip_g",), 517, 2),
    "t5": ("sd3_text_t5xxl", mmdit_checkpoint.T5.under("", "t5."), None, ("t5",), 220, 0),
}
EACH = pytest.mark.parametrize("case", sorted(CASES))


def weights(transformer: MMDiTGeometry | None, texts: tuple[str, ...], small: bool) -> dict[str, Tensor]:
    """All weights of the networks, at their own or at reduced widths, under the names of the parts."""
    clip_l, clip_g, t5, pixels = CLIP_L, CLIP_G, T5_XXL, AUTOENCODER
    if small:
        clip_l = replace(CLIP_L, vocab=20, length=5, width=12, heads=2, hidden=10, projection=12)
        clip_g = replace(CLIP_G, vocab=20, length=5, width=20, heads=2, hidden=10, projection=20)
        t5 = replace(T5_XXL, vocab=20, width=16, heads=2, head=4, hidden=10)
        pixels = replace(AUTOENCODER, channels=(8, 16, 32, 32), norm_groups=4)
        if transformer is not None:
            transformer = replace(transformer, width=2 * transformer.heads, context=8, pooled=6, positions=4)
    parts: dict[str, nn.Module] = {}
    with torch.device("cpu" if small else "meta"):
        if transformer is not None:
            parts |= {"mmdit": MMDiT(transformer), "autoencoder": Autoencoder(pixels)}
        made = {
            "clip_l": lambda: ClipText(clip_l),
            "clip_g": lambda: ClipText(clip_g),
            "t5": lambda: T5Text(t5),
        }
        parts |= {name: made[name]() for name in texts}
    return {f"{part}.{name}": t for part, net in parts.items() for name, t in net.state_dict().items()}


@EACH
def test_every_key_is_taken_or_left_out_and_every_weight_is_filled(case: str) -> None:
    kind, layout, transformer, texts, taken, dropped = CASES[case]
    path, published = Path(kind), tensors(kind, optional=True)
    matched = layout.match(published)
    assert matched.unknown == ()
    assert (len(matched.taken), len(matched.dropped)) == (taken, dropped)
    shapes = {n: tuple(t.shape) for n, t in layout.load(InMemory(path, published)).items()}
    wanted = weights(transformer, texts, small=False)
    check_fit(wanted, shapes, path)
    assert shapes.keys() == wanted.keys()
    back = layout.export(InMemory(path, wanted))
    assert {n: t.shape for n, t in back.items()} == {n: published[n].shape for n in matched.taken}


@EACH
def test_reduced_widths_come_back_to_the_last_byte(case: str) -> None:
    kind, layout, transformer, texts, taken, _ = CASES[case]
    path, published = Path(kind), tensors(kind, optional=True)
    generator = torch.Generator().manual_seed(1)
    ours = {
        n: torch.randn(t.shape, generator=generator).half()
        for n, t in weights(transformer, texts, small=True).items()
    }
    file = layout.export(InMemory(path, ours))
    assert len(file) == taken and file.keys() <= published.keys()
    again = layout.load(InMemory(path, file))
    assert again.keys() == ours.keys() and all(torch.equal(again[n], ours[n]) for n in ours)
    twice = layout.export(InMemory(path, again))
    assert twice.keys() == file.keys() and all(torch.equal(twice[n], file[n]) for n in file)


@pytest.mark.parametrize("texts", [(), ("clip_l",), ("clip_l", "clip_g"), ("t5",)])
def test_any_text_encoder_may_be_absent(texts: tuple[str, ...]) -> None:
    ours = weights(SD3_MEDIUM, texts, small=True)
    for layout in (mmdit_checkpoint.SINGLE_FILE, mmdit_checkpoint.folder(24)):
        assert (
            layout.load(InMemory(Path("some"), layout.export(InMemory(Path("some"), ours)))).keys()
            == ours.keys()
        )


def test_the_plain_file_of_clip_l_has_no_projection() -> None:
    layout = mmdit_checkpoint.CLIP
    loaded = layout.load(InMemory(Path("l"), tensors("sd3_text_clip_l")))
    with torch.device("meta"):
        assert loaded.keys() == ClipText(replace(CLIP_L, projection=None)).state_dict().keys()


def test_one_strange_key_is_an_error() -> None:
    strange = tensors("sd3_sd3-medium") | {"model.diffusion_model.what": torch.empty(1, device="meta")}
    with pytest.raises(WeightsMismatch, match=r"1 unexpected \(model\.diffusion_model\.what\)"):
        mmdit_checkpoint.SINGLE_FILE.load(InMemory(Path("sd3"), strange))
