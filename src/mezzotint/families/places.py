"""What a model is told of a part of a picture: the sizes and crops among its numbers, for models that read them.

Takes the conditioning of the whole picture and a place in pixels, gives that of the part. Knows no tiles of a latent.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType

from torch import Tensor

from mezzotint.families.conditions import Condition, refiner, sdxl
from mezzotint.nets.conditioning import Conditioning

Place = tuple[int, int, int, int]
"""Top, left, height and width in pixels."""


def _sized(numbers: Tensor, place: Place) -> Tensor:
    """SDXL: original height and width, crop from top and left, target height and width."""
    made = numbers.clone()
    made[:, 2:6] = numbers.new_tensor(place)
    return made


def _scored(numbers: Tensor, place: Place) -> Tensor:
    """The refiner: original height and width, crop from top and left, score."""
    made = numbers.clone()
    made[:, 2:4] = numbers.new_tensor(place[:2])
    return made


_NUMBERS: Mapping[Condition, Callable[[Tensor, Place], Tensor]] = MappingProxyType(
    {sdxl: _sized, refiner: _scored}
)


def placed(cond: Conditioning, condition: Condition, place: Place) -> Conditioning:
    """`cond`, which `condition` made for a whole picture, for the part at `place`: the picture has its original size
    and was cropped to the part (Podell et al. 2023, section 2.2). Other numbers stay."""
    change = _NUMBERS.get(condition)
    if change is None or cond.numbers is None:
        return cond
    return replace(cond, numbers=change(cond.numbers, place))
