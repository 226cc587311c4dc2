"""What goes into and comes out of a denoising network beside the image.

Plain frozen records of tensors, the same for every network. Knows no network and no prompt.

Shapes: B batch, T text tokens, D width of the text states, P pooled width, M numbers, C channels, H W latent
size, N extra tokens.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from torch import Tensor
from torch.nn import functional as F


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
class Norms:
    """The weights of root mean square norms over the width of a head: of the `queries` and of the `keys` of pixels."""

    queries: Tensor
    keys: Tensor


def _no_norms() -> Mapping[str, Norms]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Stream:
    """A second attention beside that of a site, whose answer is added: `keys` and `values` B N C by site, where the
    queries stay those of the site (IP-Adapter, Ye et al. 2023). `scale` () or B weighs the answer (a weight for one
    site alone belongs into its values); `mask` B 1 H W or 1 1 H W, about 0..1 and of any size, says where in the
    picture it counts. Where pixels and texts are in one attention it has `norms` by site: then it is one of the pixels
    alone, to themselves and to its keys, and these stand in place of the site's own norms."""

    keys: Mapping[str, Tensor]
    values: Mapping[str, Tensor]
    scale: Tensor
    mask: Tensor | None = None
    norms: Mapping[str, Norms] = field(default_factory=_no_norms)

    def at(self, height: int, width: int) -> "Stream":
        """The same with its mask at another size (cubic interpolation, as diffusers' IPAdapterMaskProcessor)."""
        if self.mask is None:
            return self
        return replace(self, mask=F.interpolate(self.mask, size=(height, width), mode="bicubic"))


def _no_streams() -> Mapping[str, Stream]:
    return MappingProxyType({})


Pair = tuple[Tensor, Tensor]
"""Keys and values of one attention, B H S D each."""


def _no_pairs() -> Mapping[str, Pair]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Memory:
    """Keys and values that stand beside a site's own, in one attention with them: `pairs` by site. `weight` () or B is
    how much each of them counts for one of its own; 0 is not at all, None is 1."""

    pairs: Mapping[str, Pair]
    weight: Tensor | None = None


def _no_memories() -> Mapping[str, Memory]:
    return MappingProxyType({})


Moments = tuple[Tensor, Tensor]
"""Mean and deviation of each channel of the features at one place, B C 1 1 each."""


def _no_moments() -> Mapping[str, Moments]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Manner:
    """Means and deviations that features are to have instead of their own: `moments` by site. `weight` () or B, 0..1,
    is how far they go; None is 1."""

    moments: Mapping[str, Moments]
    weight: Tensor | None = None


def _no_manners() -> Mapping[str, Manner]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Grid:
    """The pixels (or patches) of a picture inside a network; its first rows * columns tokens are these, row by row."""

    rows: int
    columns: int

    @property
    def size(self) -> int:
        """How many tokens are pixels."""
        return self.rows * self.columns


Attending = Callable[[Tensor, Tensor, Tensor, Grid], Tensor]
"""`(queries B H T D, keys B H S D, values B H S D, grid) -> B H T D`: what a site computes instead of attention."""


def _no_attending() -> Mapping[str, Attending]:
    return MappingProxyType({})


@dataclass(frozen=True)
class Inject:
    """What others add inside a network: `residuals` by site, each added to the skip connection or the middle
    of that name (ControlNet, Zhang et al. 2023) or on the way down (T2I-Adapter), broadcast to the shape of its
    site; `streams` by the name of who adds them, each with extra attention at the sites it names; `attend` what
    is computed at a site instead of its attention (Ahn et al. 2024); `skips` blocks that are left out, `taps` the
    attentions of the picture to itself whose maps are wanted. `memories` by the name of who adds them stand in
    attentions of the picture to itself, and `recalled` are those whose keys and values are wanted. `manners` change
    means and deviations of features (Huang & Belongie 2017), and `felt` are the places where they are wanted."""

    residuals: Mapping[str, Tensor] = field(default_factory=_no_tensors)
    streams: Mapping[str, Stream] = field(default_factory=_no_streams)
    attend: Mapping[str, Attending] = field(default_factory=_no_attending)
    skips: frozenset[str] = frozenset()
    taps: frozenset[str] = frozenset()
    memories: Mapping[str, Memory] = field(default_factory=_no_memories)
    recalled: frozenset[str] = frozenset()
    manners: Mapping[str, Manner] = field(default_factory=_no_manners)
    felt: frozenset[str] = frozenset()

    def beside(self, other: "Inject") -> "Inject":
        """Both at once: residuals of one site are summed; what `other` computes instead of an attention wins."""
        residuals = dict(self.residuals)
        for site, residual in other.residuals.items():
            residuals[site] = residuals[site] + residual if site in residuals else residual
        return Inject(
            MappingProxyType(residuals),
            MappingProxyType({**self.streams, **other.streams}),
            MappingProxyType({**self.attend, **other.attend}),
            self.skips | other.skips,
            self.taps | other.taps,
            MappingProxyType({**self.memories, **other.memories}),
            self.recalled | other.recalled,
            MappingProxyType({**self.manners, **other.manners}),
            self.felt | other.felt,
        )


@dataclass(frozen=True)
class Output:
    """What a network gives: `sample` B C H W, and by site what was asked for: `taps` B heads T rows columns, how much
    each of T pixels looks at each pixel, `pairs`, the keys and values of the pixels, and `moments` of features."""

    sample: Tensor
    taps: Mapping[str, Tensor] = field(default_factory=_no_tensors)
    pairs: Mapping[str, Pair] = field(default_factory=_no_pairs)
    moments: Mapping[str, Moments] = field(default_factory=_no_moments)
