"""The complete tables of the SD 3 transformers, both ways: every key is taken, everything fits, bytes come back."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from families.published import tensors
from mezzotint.families.assemble import check_fit
from mezzotint.families.layouts import mmdit_diffusers, mmdit_original
from mezzotint.nets.mmdit import SD3_MEDIUM, SD35_LARGE, SD35_MEDIUM, MMDiT, MMDiTGeometry
from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import Layout

FILE = "model.diffusion_model."
Case = tuple[str, str, Layout, MMDiTGeometry, int]
CASES: dict[str, Case] = {
    "file 3 medium": ("sd3_sd3-medium", FILE, mmdit_original.LAYOUT, SD3_MEDIUM, 491),
    "file 3.5 medium": ("sd3_sd3.5-medium", FILE, mmdit_original.LAYOUT, SD35_MEDIUM, 665),
    "file 3.5 large": ("sd3_sd3.5-large", FILE, mmdit_original.LAYOUT, SD35_LARGE, 923),
    "folder 3 medium": ("diffusers_sd3-medium", "transformer/", mmdit_diffusers.layout(24), SD3_MEDIUM, 683),
    "folder 3.5 medium": (
        "diffusers_transformer_sd3.5-medium", "", mmdit_diffusers.layout(24), SD35_MEDIUM, 909,
    ),
    "folder 3.5 large": (
        "diffusers_transformer_sd3.5-large", "", mmdit_diffusers.layout(38), SD35_LARGE, 1227,
    ),
}  # fmt: skip
EACH = pytest.mark.parametrize("case", sorted(CASES))


@EACH
def test_every_key_is_taken_and_every_weight_is_filled(case: str) -> None:
    kind, prefix, layout, geometry, count = CASES[case]
    layout, path = layout.under(prefix, ""), Path(kind)
    published = {n: t for n, t in tensors(kind).items() if n.startswith(prefix)}
    matched = layout.match(published)
    assert (len(matched.taken), matched.dropped, matched.unknown) == (count, (), ())
    shapes = {n: tuple(t.shape) for n, t in layout.load(InMemory(path, published)).items()}
    with torch.device("meta"):
        wanted = MMDiT(geometry).state_dict()
    check_fit(wanted, shapes, path)
    back = layout.export(InMemory(path, wanted))
    assert {n: t.shape for n, t in back.items()} == {n: t.shape for n, t in published.items()}
    shapes.popitem()
    with pytest.raises(WeightsMismatch, match="1 missing"):
        check_fit(wanted, shapes, path)


@EACH
def test_a_network_of_reduced_width_comes_back_to_the_last_byte(case: str) -> None:
    kind, prefix, layout, published, count = CASES[case]
    layout, path = layout.under(prefix, ""), Path(kind)
    geometry = replace(published, width=2 * published.heads, context=8, pooled=6, positions=4)
    net = MMDiT(geometry)
    generator = torch.Generator().manual_seed(1)
    ours = {n: torch.randn(t.shape, generator=generator).half() for n, t in net.state_dict().items()}
    file = layout.export(InMemory(path, ours))
    assert len(file) == count and file.keys() <= tensors(kind).keys()
    again = layout.load(InMemory(path, file))
    assert again.keys() == ours.keys()
    assert all(again[n].dtype == torch.float16 and torch.equal(again[n], ours[n]) for n in ours)
    twice = layout.export(InMemory(path, again))
    assert all(torch.equal(twice[n], file[n]) for n in file)
    changed = ours | {"blocks.0.x.attn.k.weight": ours["blocks.0.x.attn.k.weight"] + 1}
    other = layout.export(InMemory(path, changed))
    assert len([n for n in file if not torch.equal(file[n], other[n])]) == 1


def test_the_last_text_norm_is_the_only_one_turned() -> None:
    net = MMDiT(replace(SD3_MEDIUM, width=48, context=8, pooled=6, positions=4, layers=3))
    ours = {
        n: torch.arange(t.numel(), dtype=torch.float32).reshape(t.shape) for n, t in net.state_dict().items()
    }
    file = mmdit_diffusers.layout(3).export(InMemory(Path("three"), ours))
    for i in range(3):
        name = f"transformer_blocks.{i}.norm1_context.linear.weight"
        mine = ours[f"blocks.{i}.context.modulation.weight"]
        assert torch.equal(file[name], mine if i < 2 else torch.cat([mine[48:], mine[:48]]))
