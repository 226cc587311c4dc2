"""The safety checker of Stable Diffusion 1: how near pictures are to what its authors wanted held back.

Takes pixels and an explicit geometry. Gives scores and a flag for each picture; decides nothing. Knows no files. The
arithmetic is that of CompVis/stable-diffusion-safety-checker (diffusers, StableDiffusionSafetyChecker), with its
rounding to three digits.

Shapes: B pictures, S side in pixels, P projected width, N concepts, M special concepts.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.nets.vision import VIT_L_14, ClipVision, VisionGeometry
from mezzotint.values.errors import BadValue

STRICTER = 0.01
"""What a special concept adds to the scores of all that come after it."""
DIGITS = 3


@dataclass(frozen=True)
class CheckerGeometry:
    """The sizes of a checker: its vision tower, with a projection, and the numbers of `concepts` and `special` ones."""

    vision: VisionGeometry = VIT_L_14
    concepts: int = 17
    special: int = 3

    def __post_init__(self) -> None:
        if self.vision.projection is None or min(self.concepts, self.special) < 1:
            raise BadValue(
                "vision", "a checker compares projected pictures to concepts", "give both their sizes"
            )


@dataclass(frozen=True)
class Checked:
    """What a checker says: `concepts` B N and `special` B M are similarities above their thresholds, rounded to three
    digits; `flagged` B bool is True where one of `concepts` is above zero."""

    flagged: Tensor
    concepts: Tensor
    special: Tensor


class SafetyChecker(nn.Module):
    """The vision tower, the vectors of the concepts, and the similarity from which each counts."""

    def __init__(self, geometry: CheckerGeometry) -> None:
        super().__init__()
        g = geometry
        width = g.vision.projection or g.vision.width
        self.geometry = geometry
        self.vision = ClipVision(g.vision)
        self.concepts = nn.Parameter(torch.ones(g.concepts, width))
        self.special = nn.Parameter(torch.ones(g.special, width))
        self.concept_thresholds = nn.Parameter(torch.ones(g.concepts))
        self.special_thresholds = nn.Parameter(torch.ones(g.special))

    def forward(self, pixels: Tensor) -> Checked:
        """`pixels` B 3 S S as `clip_pixels` makes them -> Checked, float32. Raises BadValue for another size."""
        return self.judged(self.vision(pixels).pooled)

    def judged(self, pictures: Tensor) -> Checked:
        """The same for the projected vectors B P of pictures.

        A special concept above its threshold makes every score after it stricter: those of the special concepts
        that follow, and all others.
        """
        special = _nearness(pictures, self.special) - self.special_thresholds.float()
        stricter = torch.zeros_like(special[:, 0])
        rounded: list[Tensor] = []
        for column in special.unbind(1):
            score = torch.round(column + stricter, decimals=DIGITS)
            stricter = torch.where(score > 0, STRICTER, stricter)
            rounded.append(score)
        concepts = _nearness(pictures, self.concepts) - self.concept_thresholds.float()
        concepts = torch.round(concepts + stricter[:, None], decimals=DIGITS)
        return Checked((concepts > 0).any(dim=1), concepts, torch.stack(rounded, dim=1))


def _nearness(pictures: Tensor, concepts: Tensor) -> Tensor:
    """The cosine of each picture B P to each concept N P: B N float32."""
    return (F.normalize(pictures) @ F.normalize(concepts).t()).float()
