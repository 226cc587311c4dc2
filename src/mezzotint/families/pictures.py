"""Opens the networks that look at pictures: vision towers, tiny autoencoders, the depth network.

Takes opened tensors in any spelling that such files have. Gives networks in float32 and evaluation mode, whose
geometry was read off the shapes. What does not fit is one typed error that lists it. Knows no file formats.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from torch import Tensor, nn

from mezzotint.families.assemble import filled
from mezzotint.families.geometry import Shapes
from mezzotint.families.layouts import depth_hf, depth_timm, siglip_hf, tiny_numbered, vision_hf, vision_open
from mezzotint.families.picture_geometry import (
    DEPTH_EPS,
    VISION_HEADS,
    depth_geometry,
    siglip_geometry,
    tiny_geometry,
    vision_geometry,
)
from mezzotint.nets.depth import DepthNet
from mezzotint.nets.siglip import Siglip
from mezzotint.nets.tiny import TinyAutoencoder
from mezzotint.nets.vision import ClipVision
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.weights.files import TensorSource
from mezzotint.weights.layout import Layout

VISION = (vision_hf.LAYOUT, vision_open.LAYOUT, vision_open.LAYOUT.under(vision_open.UNCLIP, ""))
"""transformers', OpenAI's and OpenCLIP's, and the latter inside a single file of unCLIP."""
DEPTH = (depth_hf.LAYOUT, depth_timm.LAYOUT)

Network = TypeVar("Network", bound=nn.Module)


def open_vision(source: TensorSource, heads: int | None = None, activation: str | None = None) -> ClipVision:
    """The vision tower in `source`; `heads` and `activation` as its configuration has them, None as published.

    Raises WeightsMismatch (other names, other shapes) and BadModelFile (no numbers, sizes no tower has).
    """

    def make(shapes: Shapes) -> ClipVision:
        return ClipVision(vision_geometry(shapes, heads or VISION_HEADS, activation))

    return opened(source, table_for(source, VISION), make)


def open_siglip(source: TensorSource, heads: int | None = None, side: int | None = None) -> Siglip:
    """SigLIP's vision tower in `source`, or in the whole SigLIP there; `heads` and the `side` of its pictures as its
    configuration has them, None as published.

    Raises WeightsMismatch and BadModelFile as `open_vision` does.
    """
    return opened(source, siglip_hf.LAYOUT, lambda shapes: Siglip(siglip_geometry(shapes, heads, side)))


def open_depth(source: TensorSource, eps: float | None = None, heads: int | None = None) -> DepthNet:
    """The depth network in `source`; `eps` of its layer norms and `heads` as its configuration has them, None the
    authors'.

    Raises WeightsMismatch and BadModelFile as `open_vision` does.
    """

    def make(shapes: Shapes) -> DepthNet:
        return DepthNet(depth_geometry(shapes, DEPTH_EPS if eps is None else eps, heads))

    return opened(source, table_for(source, DEPTH), make)


def open_tiny(source: TensorSource, decoder: TensorSource | None = None) -> TinyAutoencoder:
    """The tiny autoencoder in `source`, or that of which `source` is the encoder and `decoder` the other file.

    Raises WeightsMismatch and BadModelFile as `open_vision` does.
    """
    if decoder is None:
        return opened(source, tiny_numbered.DIFFUSERS, lambda shapes: TinyAutoencoder(tiny_geometry(shapes)))
    tensors = tiny_numbered.ENCODER.load(source) | tiny_numbered.DECODER.load(decoder)
    return _made(source, tensors, str, lambda shapes: TinyAutoencoder(tiny_geometry(shapes)))


def table_for(names: TensorSource, tables: Sequence[Layout]) -> Layout:
    """The table that knows most of the names; what it does not know is its own error when it loads."""
    return min(tables, key=lambda table: len(table.match(names).unknown))


def opened(source: TensorSource, table: Layout, make: Callable[[Shapes], Network]) -> Network:
    """The network that `make` builds for the shapes in `source`, with the weights there, read through `table`.

    Raises WeightsMismatch and BadModelFile as `open_vision` does.
    """
    return _made(source, table.load(source), table.theirs, make)


def _made(
    source: TensorSource,
    tensors: Mapping[str, Tensor],
    theirs: Callable[[str], str],
    make: Callable[[Shapes], Network],
) -> Network:
    shapes = Shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()}, "", source.path)
    try:
        return filled(lambda: make(shapes), tensors, source.path, theirs)
    except BadValue as error:
        raise BadModelFile(source.path, f"has sizes no network can have ({error.message})") from None
