"""Compact storage of weights that are shipped: half precision, or 8-bit rows each with a scale of its own.

Takes float tensors by name, gives what to store; and back to float32. In `int8` every row (first axis) of a large
tensor is stored as whole numbers -127..127 and its scale as `<name>.scale`; what is small or has one axis stays at
half precision. Knows no files' places and no networks.
"""

from collections.abc import Callable, Mapping
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.values.errors import BadModelFile, UnknownName
from mezzotint.weights.source import TensorSource

SCALE = ".scale"
SMALL = 1024
"""Tensors of fewer values are not worth an error."""


def _float32(name: str, tensor: Tensor) -> dict[str, Tensor]:
    return {name: tensor.float()}


def _float16(name: str, tensor: Tensor) -> dict[str, Tensor]:
    return {name: tensor.half()}


def _int8(name: str, tensor: Tensor) -> dict[str, Tensor]:
    if tensor.dim() < 2 or tensor.numel() < SMALL:
        return _float16(name, tensor)
    rows = tensor.float().flatten(1)
    scale = rows.abs().amax(dim=1, keepdim=True) / 127
    numbers = (rows / scale.where(scale > 0, 1.0)).round().to(torch.int8)
    return {name: numbers.view(tensor.shape), name + SCALE: scale[:, 0]}


STORAGES: Mapping[str, Callable[[str, Tensor], dict[str, Tensor]]] = MappingProxyType(
    {"float32": _float32, "float16": _float16, "int8": _int8}
)


def compact(tensors: Mapping[str, Tensor], storage: str) -> dict[str, Tensor]:
    """`tensors` as they are stored in `storage`, a name in STORAGES. Raises UnknownName."""
    if storage not in STORAGES:
        raise UnknownName("storage", storage, tuple(STORAGES))
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        stored.update(STORAGES[storage](name, tensor.detach()))
    return stored


def restored(source: TensorSource) -> dict[str, Tensor]:
    """All tensors of `source` in float32, whichever storage each is in. Raises BadModelFile for a lone scale."""
    tensors: dict[str, Tensor] = {}
    for name, info in source.items():
        if info.dtype == torch.int8:
            scale = source.tensor(name + SCALE) if name + SCALE in source else torch.empty(0)
            if not info.shape or scale.shape != info.shape[:1]:
                raise BadModelFile(source.path, f"{name} is stored in 8 bits without one scale for each row")
            numbers = source.tensor(name).float()
            tensors[name] = numbers * scale.float().view(-1, *[1] * (numbers.dim() - 1))
        elif not name.endswith(SCALE):
            tensors[name] = source.tensor(name).float()
        elif name.removesuffix(SCALE) not in source:
            raise BadModelFile(source.path, f"{name} is a scale of nothing")
    return tensors
