"""What goes into and comes out of a denoising network beside the image.

Plain frozen records of tensors, the same for every network. Knows no network and no prompt.

Shapes: B batch, T text tokens, D width of the text states, P pooled width, M numbers, C channels, H W latent
size.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from torch import Tensor


def _no_tensors() -> Mapping[str, Tensor]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Conditioning:
    """What steers a network: `tokens` B T D text states; `pooled` B P one vector a prompt; `numbers` B M
    sizes and crops; `planes` B C H W images at latent size, joined to the input channels (inpainting,
    depth)."""

    tokens: Tensor
    pooled: Tensor | None = None
    numbers: Tensor | None = None
    planes: Tensor | None = None


@dataclass(frozen=True)
class Inject:
    """What others add inside a network: `residuals` by site, each added to the skip connection or the middle
    of that name (ControlNet, Zhang et al. 2023). A residual broadcasts to the shape of its site."""

    residuals: Mapping[str, Tensor] = field(default_factory=_no_tensors)


@dataclass(frozen=True)
class Output:
    """What a network gives: `sample` B C H W, and `taps`, inner values by site (none unless asked for)."""

    sample: Tensor
    taps: Mapping[str, Tensor] = field(default_factory=_no_tensors)
