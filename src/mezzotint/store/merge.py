"""Mixes models: a weighted mean of two, or the difference of two added to a third, with a share for each block.

Takes `Named` models of one family. Gives tensors by our names in the types of the first. The arithmetic is float32.
Weighted mean: A + s (B - A). Added difference: A + s (B - C) (what A1111's checkpoint merger calls so).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor

from mezzotint.families.layouts import single_file
from mezzotint.families.tables import single_file_of
from mezzotint.store.named import Named
from mezzotint.values.errors import BadModelFile, BadValue, UnknownName

_BLOCK = re.compile(re.escape(single_file.UNET) + r"(input_blocks|middle_block|output_blocks)\.(\d+)\.")
_SIGNS: Mapping[str, str] = MappingProxyType(
    {"input_blocks": "IN{:02}", "middle_block": "M00", "output_blocks": "OUT{:02}"}
)
BASE = "BASE"
"""Everything outside the numbered blocks of the UNet."""


@dataclass(frozen=True)
class Mix:
    """`share` of the second model, or of the difference; `blocks` has other shares for some blocks: by the names that
    merge-block-weighted uses (IN00..IN11, M00, OUT00..OUT11, BASE), or by the beginning of our names (`unet.down.1`,
    `text`), the longest of which counts."""

    share: float
    blocks: Mapping[str, float] = field(default_factory=lambda: MappingProxyType[str, float]({}))


def mixed(first: Named, second: Named, mix: Mix, base: Named | None = None) -> dict[str, Tensor]:
    """first + share * (second - (base or first)).

    Where the first takes more input channels (an inpainting model), those that it has alone stay as they are. Raises
    BadModelFile for models that do not fit each other, UnknownName for a block that is not there, BadValue for a
    share that is no number.
    """
    shares = shares_of(first, mix)
    zero = base or first
    for other in (second, zero):
        _check(first, other)
    return {
        name: _mixed(tensor, second.tensors[name], zero.tensors[name], shares[name])
        for name, tensor in first.tensors.items()
    }


def _mixed(a: Tensor, b: Tensor, c: Tensor, share: float) -> Tensor:
    if share == 0 or not a.dtype.is_floating_point:
        return a
    whole = a.float()
    part = whole[:, : b.shape[1]] if a.shape != b.shape else whole
    # the mean in the form of `lerp`: share 1 gives exactly b
    new = part.lerp(b.float(), share) if c is a else part + share * (b.float() - c.float())
    if a.shape != b.shape:
        whole = whole.clone()
        whole[:, : b.shape[1]] = new
        new = whole
    return new.to(a.dtype)


def _check(first: Named, other: Named) -> None:
    apart = sorted(first.tensors.keys() ^ other.tensors.keys())
    apart += [
        name
        for name, tensor in first.tensors.items()
        if name in other.tensors and not _fits(tensor, other.tensors[name])
    ]
    if apart:
        raise BadModelFile(
            other.path,
            f"does not fit {first.path.name}: {len(apart)} weights differ in name or shape ({', '.join(apart[:3])})",
            hint="merge models of one family; the one with more input channels comes first",
        )


def _fits(a: Tensor, b: Tensor) -> bool:
    if a.shape == b.shape:
        return True
    return (
        a.dim() == b.dim() > 1
        and a.shape[1] > b.shape[1]
        and (a.shape[0], *a.shape[2:]) == (b.shape[0], *b.shape[2:])
    )


def shares_of(model: Named, mix: Mix) -> dict[str, float]:
    """The share for each weight of `model`, by our names. Raises UnknownName, BadValue."""
    table = single_file_of(model.family)
    signs = {name: sign_of(table.theirs(name)) for name in model.tensors}
    known = {*signs.values(), *(name[:end] for name in signs for end, c in enumerate(name) if c == ".")}
    for share in (mix.share, *mix.blocks.values()):
        if not -10 <= share <= 10:
            raise BadValue("share", f"{share} is out of range", "use -10 to 10; 0.5 is half of each")
    for block in mix.blocks:
        if block not in known:
            raise UnknownName("block", block, sorted(set(signs.values())))
    return {name: _share(name, signs[name], mix) for name in signs}


def _share(name: str, sign: str, mix: Mix) -> float:
    beginnings = [block for block in mix.blocks if f"{name}.".startswith(f"{block}.")]
    if beginnings:
        return mix.blocks[max(beginnings, key=len)]
    return mix.blocks.get(sign, mix.share)


def sign_of(theirs: str) -> str:
    """The sign of the block that a weight belongs to, by its name in the original layout."""
    found = _BLOCK.match(theirs)
    return _SIGNS[found[1]].format(int(found[2])) if found else BASE
