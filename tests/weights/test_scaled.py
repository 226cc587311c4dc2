"""Every value of the small number formats is read exactly; scaled float8 is read as meant and written back."""

import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from mezzotint.values.errors import BadModelFile, BadValue, UnknownName
from mezzotint.weights.files import open_tensors, save_tensors
from mezzotint.weights.scaled import FORMATS, Scaled, is_marker, stored_as, unscaled, with_scales
from mezzotint.weights.source import InMemory

PATH = Path("made")


def decoded(code: int, exponent: int, mantissa: int, finite_only: bool) -> float:
    """One value by the definition of its format (OCP 8-bit floating point, IEEE 754)."""
    sign = -1.0 if code >> (exponent + mantissa) else 1.0
    e, m = (code >> mantissa) & (2**exponent - 1), code & (2**mantissa - 1)
    bias = 2 ** (exponent - 1) - 1
    top = e == 2**exponent - 1
    if top and (not finite_only or m == 2**mantissa - 1):
        return float("nan") if finite_only or m else sign * float("inf")
    if e == 0:
        return sign * m * 2.0 ** (1 - bias - mantissa)
    return sign * (1 + m / 2**mantissa) * 2.0 ** (e - bias)


@pytest.mark.parametrize(
    ("name", "bits", "exponent", "mantissa"),
    [
        ("float8_e4m3", 8, 4, 3),
        ("float8_e5m2", 8, 5, 2),
        ("bfloat16", 16, 8, 7),
        ("float16", 16, 5, 10),
    ],
)
def test_every_code_of_a_format_is_read_exactly(
    name: str, bits: int, exponent: int, mantissa: int, tmp_path: Path
) -> None:
    codes = np.arange(2**bits, dtype=f"<u{bits // 8}")
    stored = torch.from_numpy(codes.astype(f"i{bits // 8}")).view(FORMATS[name])
    save_tensors({"a": stored}, tmp_path / "a.safetensors")
    read = open_tensors(tmp_path / "a.safetensors").tensor("a")
    assert read.dtype == FORMATS[name]
    wanted = np.array([decoded(int(c), exponent, mantissa, name == "float8_e4m3") for c in codes], np.float32)
    got = read.float().numpy()
    assert np.array_equal(got, wanted, equal_nan=True)
    assert np.array_equal(np.signbit(got[~np.isnan(got)]), np.signbit(wanted[~np.isnan(wanted)]))
    again = stored_as({"a": torch.from_numpy(wanted[np.isfinite(wanted)])}, name)["a"]
    assert torch.equal(again.float(), torch.from_numpy(wanted[np.isfinite(wanted)]))


def test_what_does_not_fit_a_format_is_an_error() -> None:
    assert (
        stored_as({"a": torch.tensor([448.0]), "n": torch.tensor([9])}, "float8_e4m3")["n"].dtype
        == torch.int64
    )
    for value, name in ((460.0, "float8_e4m3"), (7e4, "float16"), (6e4, "float8_e5m2")):
        with pytest.raises(BadValue, match=r"x has values above"):
            stored_as({"x": torch.tensor([-value])}, name)
    infinite = torch.tensor([float("inf")]).half()
    assert stored_as({"x": infinite}, "float16")["x"].isinf().all()
    with pytest.raises(UnknownName, match="unknown format 'int3'"):
        stored_as({}, "int3")


def file(tmp_path: Path, made: dict[str, Tensor]) -> Path:
    save_tensors(made, tmp_path / "scaled.safetensors")
    return tmp_path / "scaled.safetensors"


@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.float8_e5m2])
def test_scaled_float8_is_read_as_the_weights_it_stands_for(dtype: torch.dtype, tmp_path: Path) -> None:
    weight = torch.tensor([[1.0, -2.0], [0.5, 448.0]]).to(dtype)
    made = {
        "model.diffusion_model.scaled_fp8": torch.zeros(0, dtype=dtype),
        "model.diffusion_model.a.weight": weight,
        "model.diffusion_model.a.scale_weight": torch.tensor([0.03]),
        "model.diffusion_model.a.scale_input": torch.tensor(2.0),
        "model.diffusion_model.a.bias": torch.ones(2).half(),
        "plain.weight": weight,
    }
    source = open_tensors(file(tmp_path, made))
    assert set(source) == {"model.diffusion_model.a.weight", "model.diffusion_model.a.bias", "plain.weight"}
    name = "model.diffusion_model.a.weight"
    assert len(source) == 3 and source[name].dtype == torch.float32 and source[name].shape == (2, 2)
    assert source["plain.weight"].dtype == dtype
    wanted = [struct.unpack("f", struct.pack("f", v * np.float32(0.03)))[0] for v in weight.float().flatten()]
    assert torch.equal(source.tensor(name).flatten(), torch.tensor(wanted))
    assert torch.equal(source.tensor("plain.weight").float(), weight.float())


def test_files_without_scales_are_left_alone() -> None:
    source = InMemory(PATH, {"a.weight": torch.zeros(1)})
    assert unscaled(source) is source and not is_marker("a.weight") and is_marker("x.scaled_fp8")


@pytest.mark.parametrize(
    "made",
    [
        {"a.scale_weight": torch.ones(1)},
        {"a.weight": torch.zeros(2, 2), "a.scale_weight": torch.ones(1)},
        {"a.weight": torch.zeros(2, 2, dtype=torch.float8_e4m3fn), "a.scale_weight": torch.ones(2)},
    ],
)
def test_a_scale_that_belongs_to_nothing_is_an_error(made: dict[str, Tensor]) -> None:
    with pytest.raises(BadModelFile, match="scale that does not belong to it"):
        Scaled(InMemory(PATH, made))


def test_weights_written_with_scales_come_back_close_and_go_out_the_same(tmp_path: Path) -> None:
    torch.manual_seed(0)
    weights = {
        "a.weight": torch.randn(64, 32) * 1e-3,
        "a.bias": torch.randn(64),
        "zero.weight": torch.zeros(2, 2),
        "none.weight": torch.zeros(0, 2),
        "norm.weight": torch.randn(8),
        "ids": torch.arange(3),
    }
    made = with_scales(weights)
    assert made["a.weight"].dtype == torch.float8_e4m3fn and made["norm.weight"].dtype == torch.float16
    source = open_tensors(file(tmp_path, made))
    assert set(source) == set(weights)
    back = source.tensor("a.weight")
    assert ((back - weights["a.weight"]).abs() <= weights["a.weight"].abs() / 16 + 1e-8).all()
    assert torch.equal(source.tensor("zero.weight"), torch.zeros(2, 2))
    again = with_scales({"a.weight": back})
    assert torch.equal(again["a.weight"].float(), made["a.weight"].float())


def test_a_scaled_file_is_known_by_the_file_that_it_is_read_from(tmp_path: Path) -> None:
    made = {
        "model.diffusion_model.scaled_fp8": torch.zeros(0, dtype=torch.float8_e4m3fn),
        "model.diffusion_model.a.weight": torch.ones(2, 2).to(torch.float8_e4m3fn),
        "model.diffusion_model.a.scale_weight": torch.tensor([0.5]),
    }
    path = file(tmp_path, made)
    source = open_tensors(path)
    assert isinstance(source, Scaled) and source.unchanged()
    assert len(source.stamps()) == 1 and source.stamps() == open_tensors(path).stamps()
    path.write_bytes(path.read_bytes() + b" ")
    assert not source.unchanged()
    assert InMemory(PATH, made).unchanged()
