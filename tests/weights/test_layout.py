"""Layouts: loading, exporting to the last byte, names that are dropped and names that are errors."""

from pathlib import Path

import pytest
import torch
from torch import Tensor

from mezzotint.values.errors import WeightsMismatch
from mezzotint.weights.files import InMemory
from mezzotint.weights.layout import LINEAR, POINTWISE, SAME, THIRDS, TRANSPOSED, Layout, Rule, joined, spread

LAYOUT = Layout(
    (
        Rule("in.*", "conv_in.*"),
        *spread(
            [("block.{i}", "blocks.{i}")],
            [Rule("norm{n}.*", "norm{n}.*"), Rule("proj.*", "out.*", POINTWISE)],
        ),
        Rule("block.{i}.qkv", ("blocks.{i}.q", "blocks.{i}.k", "blocks.{i}.v"), THIRDS),
        Rule("head", "projection.weight", TRANSPOSED),
        Rule("to.*", "to.*", LINEAR),
        Rule("old_to.*", "to.*", LINEAR),
    ),
    dropped=("ema.**", "sqrt_**", "step", "block.{i}.mask"),
)


def theirs() -> dict[str, Tensor]:
    torch.manual_seed(0)
    made = {"in.weight": torch.randn(4, 3, 3, 3), "in.bias": torch.randn(4), "head": torch.randn(4, 6)}
    for i in (0, 11):
        made |= {f"block.{i}.norm1.weight": torch.randn(4), f"block.{i}.norm2.bias": torch.randn(4)}
        made |= {f"block.{i}.proj.weight": torch.randn(4, 4, 1, 1), f"block.{i}.proj.bias": torch.randn(4)}
        made |= {f"block.{i}.qkv": torch.randn(12, 4)}
    return made | {"to.weight": torch.randn(5, 4)}


def source(tensors: dict[str, Tensor]) -> InMemory:
    return InMemory(Path("the file"), tensors)


def same(a: dict[str, Tensor], b: dict[str, Tensor]) -> bool:
    return a.keys() == b.keys() and all(a[n].dtype == b[n].dtype and torch.equal(a[n], b[n]) for n in a)


def test_loading_renames_splits_and_reshapes() -> None:
    ours = LAYOUT.load(source(theirs()))
    assert ours["blocks.11.out.weight"].shape == (4, 4) and ours["blocks.0.out.bias"].shape == (4,)
    assert torch.equal(ours["blocks.11.k"], theirs()["block.11.qkv"][4:8])
    assert torch.equal(ours["projection.weight"], theirs()["head"].t())
    assert ours["conv_in.weight"].shape == (4, 3, 3, 3) and ours["blocks.0.norm2.bias"].shape == (4,)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16, torch.bfloat16])
def test_export_is_the_inverse_of_load_to_the_last_byte(dtype: torch.dtype) -> None:
    before = {name: tensor.to(dtype) for name, tensor in theirs().items()}
    after = LAYOUT.export(source(LAYOUT.load(source(before))))
    assert same(before, after) and all(tensor.is_contiguous() for tensor in after.values())


def test_dropped_names_are_known_and_unknown_names_are_errors() -> None:
    extra = {"ema.any.thing": torch.ones(1), "sqrt_x": torch.ones(1), "step": torch.ones(1)}
    extra |= {"block.3.mask": torch.ones(1)}
    assert LAYOUT.match([*theirs(), *extra]).dropped == tuple(extra)
    assert same(LAYOUT.load(source(theirs() | extra)), LAYOUT.load(source(theirs())))
    strange = [
        "blocks.0.norm1.weight",
        "block.x.norm1.weight",
        "in.scale",
        "emax",
        "steps",
        "block.0.qkv.x",
        "in",
        "",
    ]
    assert LAYOUT.match(strange).unknown == tuple(strange)
    with pytest.raises(WeightsMismatch, match="1 unexpected") as caught:
        LAYOUT.load(source(theirs() | {"block.x.mask": torch.ones(1)}))
    assert caught.value.unexpected == ("block.x.mask",) and caught.value.path == Path("the file")


def test_another_spelling_is_read_and_the_first_is_written() -> None:
    old = theirs()
    old["old_to.weight"] = old.pop("to.weight")
    assert same(LAYOUT.export(source(LAYOUT.load(source(old)))), theirs())
    both = theirs() | {"old_to.weight": theirs()["to.weight"]}
    with pytest.raises(WeightsMismatch) as caught:
        LAYOUT.load(source(both))
    assert caught.value.unexpected == ("old_to.weight",)


def test_a_convolution_in_the_place_of_a_linear_is_read() -> None:
    convolved = theirs() | {"to.weight": theirs()["to.weight"][:, :, None, None]}
    assert same(LAYOUT.load(source(convolved)), LAYOUT.load(source(theirs())))


def test_export_needs_every_name_to_have_a_row_and_every_part() -> None:
    ours = LAYOUT.load(source(theirs()))
    with pytest.raises(WeightsMismatch) as caught:
        LAYOUT.export(source(ours | {"what": torch.ones(1)}))
    assert caught.value.unexpected == ("what",)
    del ours["blocks.11.k"]
    with pytest.raises(WeightsMismatch) as caught:
        LAYOUT.export(source(ours))
    assert caught.value.missing == ("block.11.qkv",)


def test_their_name_of_ours() -> None:
    assert LAYOUT.theirs("blocks.7.k") == "block.7.qkv" and LAYOUT.theirs("to.bias") == "to.bias"
    assert LAYOUT.theirs("conv_in.bias") == "in.bias" and LAYOUT.theirs("unheard.of") == "unheard.of"


def test_layouts_join_under_prefixes() -> None:
    small = Layout((Rule("a.*", "b.*", SAME),), ("junk.**", "gone"))
    whole = joined(small.under("model.x.", "unet."), small.under("", "text."))
    tensors = {"model.x.a.weight": torch.ones(1), "a.bias": torch.ones(2), "model.x.gone": torch.ones(1)}
    assert set(whole.load(source(tensors))) == {"unet.b.weight", "text.b.bias"}
    assert whole.match(["model.x.junk.1", "junk.1", "model.junk"]).unknown == ("model.junk",)
    assert set(whole.export(source(whole.load(source(tensors))))) == {"model.x.a.weight", "a.bias"}


def test_the_first_fitting_row_wins_even_when_a_later_one_is_more_exact() -> None:
    layout = Layout((Rule("{n}.weight", "first.{n}.weight"), Rule("1.weight", "second.weight")))
    assert layout.match(["1.weight"]).taken == {"1.weight": ("first.1.weight",)}


def test_twins_are_one_tensor_of_which_either_is_read_and_both_are_written() -> None:
    rows = (Rule("first.weight", "one.weight"), Rule("second.weight", "one.weight"))
    whole = joined(Layout(rows, twins=(("first.weight", "second.weight"),)).under("x.", "y."))
    tensor = torch.ones(2)
    both = {"x.second.weight": tensor, "x.first.weight": tensor}
    for given in (both, {"x.first.weight": tensor}, {"x.second.weight": tensor}):
        assert same(whole.load(source(given)), {"y.one.weight": tensor})
    assert same(whole.export(source({"y.one.weight": tensor})), both)
    with pytest.raises(WeightsMismatch):
        Layout(rows).under("x.", "y.").load(source(both))
