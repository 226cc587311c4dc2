"""Number formats of stored weights: casts that may not overflow, and 8-bit floats with scales beside them.

Takes tensors by name. Gives them in another storage type, or, for files with `scale_weight` tensors, as the float32
values that are meant. In such files every large weight is float8 and has a scale X.scale_weight next to X.weight; a
marker `scaled_fp8` says so (ComfyUI's convention). Knows no model.
"""

from collections.abc import Iterator, Mapping
from math import prod
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.values.errors import BadModelFile, BadValue, UnknownName, shorten
from mezzotint.weights.hashes import Stamp
from mezzotint.weights.header import TensorInfo
from mezzotint.weights.source import TensorSource

FORMATS: Mapping[str, torch.dtype] = MappingProxyType(
    {
        "float32": torch.float32,
        "float16": torch.float16,
        "bfloat16": torch.bfloat16,
        "float8_e4m3": torch.float8_e4m3fn,
        "float8_e5m2": torch.float8_e5m2,
    }
)
"""Every format that weights can be written in, by the name that people type."""
FLOAT8 = frozenset({torch.float8_e4m3fn, torch.float8_e5m2})
SCALE, WEIGHT, MARKER = ".scale_weight", ".weight", "scaled_fp8"
UNUSED = (".scale_input",)
"""The scale of what goes in, for kernels that multiply in 8 bits; the weights do not depend on it."""


class Scaled(TensorSource):
    """A file whose float8 weights have scales, seen as the float32 weights they stand for."""

    def __init__(self, source: TensorSource) -> None:
        self.path, self.metadata, self._source = source.path, source.metadata, source
        scales = [name for name in source if name.endswith(SCALE)]
        beside = {name for name in source if is_marker(name) or name.endswith((SCALE, *UNUSED))}
        self._scales = {name.removesuffix(SCALE) + WEIGHT: name for name in scales}
        lone = [name for name in self._scales if name not in source or source[name].dtype not in FLOAT8]
        wrong = [name for name in scales if prod(source[name].shape) != 1]
        if lone or wrong:
            name = (lone or wrong)[0]
            raise BadModelFile(self.path, f"{shorten(name, 100)} has a scale that does not belong to it")
        self._names = [name for name in source if name not in beside]

    def __getitem__(self, name: str) -> TensorInfo:
        info = self._source[name]
        return TensorInfo(info.shape, torch.float32) if name in self._scales else info

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def forget(self) -> None:
        """The same for the file."""
        self._source.forget()

    def unchanged(self) -> bool:
        """Whether the file is."""
        return self._source.unchanged()

    def stamps(self) -> tuple[Stamp, ...]:
        """That of the file."""
        return self._source.stamps()

    def tensor(self, name: str) -> Tensor:
        """The weight `name`, multiplied by its scale in float32 where it has one."""
        stored = self._source.tensor(name)
        if name not in self._scales:
            return stored
        return stored.float() * self._source.tensor(self._scales[name]).float().reshape(())


def is_marker(name: str) -> bool:
    """Whether this is the empty tensor that marks a file, or a part of one, as scaled."""
    return name.rpartition(".")[2] == MARKER


def unscaled(source: TensorSource) -> TensorSource:
    """`source` itself, or when it has scales or a marker of them, as the weights that are meant.

    Raises BadModelFile: a scale without a float8 weight, or of several values.
    """
    return Scaled(source) if any(is_marker(n) or n.endswith(SCALE) for n in source) else source


def stored_as(tensors: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """The floating-point `tensors` in the format `name` of FORMATS, rounded to nearest; others as they are.

    Raises UnknownName, and BadValue when a value is too large for the format.
    """
    if name not in FORMATS:
        raise UnknownName("format", name, tuple(FORMATS))
    dtype = FORMATS[name]
    return {key: _cast(key, t, dtype) if t.is_floating_point() else t for key, t in tensors.items()}


def _cast(name: str, tensor: Tensor, dtype: torch.dtype) -> Tensor:
    most = torch.finfo(dtype).max
    if tensor.dtype != dtype and bool((tensor.float().abs() > most).any()):
        raise BadValue("format", f"{shorten(name, 100)} has values above {most:g}", "use a wider format")
    return tensor.to(dtype)


def with_scales(tensors: Mapping[str, Tensor], dtype: torch.dtype = torch.float8_e4m3fn) -> dict[str, Tensor]:
    """`tensors` with every weight of two or more axes as float8 and its scale; the rest at half precision."""
    stored: dict[str, Tensor] = {MARKER: torch.zeros(0, dtype=dtype)}
    most = torch.finfo(dtype).max
    for name, tensor in tensors.items():
        if tensor.dim() < 2 or not name.endswith(WEIGHT) or not tensor.is_floating_point():
            stored |= stored_as({name: tensor}, "float16")
            continue
        largest = tensor.float().abs().amax() if tensor.numel() else torch.tensor(0.0)
        scale = (largest / most).clamp_min(torch.finfo(torch.float32).tiny)
        stored[name] = (tensor.float() / scale).clamp(-most, most).to(dtype)
        stored[name.removesuffix(WEIGHT) + SCALE] = scale
    return stored
