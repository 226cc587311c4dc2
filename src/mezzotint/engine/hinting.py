"""Hints by the words of a recipe: making one, and whether there is such a one.

Takes text and a picture. Gives a picture. Needs no model of the user's. What comes of a network of ours is
loaded when it is asked for, through the door that other packages use, so that all other hints do without torch.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any

from PIL import Image

from mezzotint.hints.chosen import chosen
from mezzotint.hints.registry import HINTS, Hint
from mezzotint.values.hints import Depth

_DEPTH = EntryPoint("depth", "mezzotint.engine.depth_hint:depth", "mezzotint")


def _depth(image: Image.Image, options: Depth) -> Image.Image:
    return _DEPTH.load()(image, options)


NETWORKS: Mapping[str, Hint[Any]] = MappingProxyType(
    {"depth": Hint(_depth, Depth, "how near things are, by the embedded model's own network")}
)
"""The hints that a network of ours makes."""
OURS: Mapping[str, Hint[Any]] = MappingProxyType({**HINTS, **NETWORKS})
"""All built-in hints."""


def make_hint(text: str, image: Image.Image) -> Image.Image:
    """The hint that `text` says ("canny", "canny:low=50") of a picture RGB; RGB, of the same size.

    Raises BadValue, UnknownName, MissingExtra and BadPackage.
    """
    return chosen(text, OURS).of(image)


def known_hint(text: str) -> str:
    """`text` in its shortest form ("canny:100,50" and "canny:low=50" differ). Raises what `make_hint` does for a hint
    or a setting that there is not."""
    return chosen(text, OURS).text
