"""Hints for surfaces: making one, and telling which there are.

Takes text and a picture. Gives a picture, or a Report. Needs no model of the user's. What comes of a network of ours is
loaded when it is asked for, through the door that other packages use, so that all other hints do without torch.
"""

from collections.abc import Mapping
from importlib.metadata import EntryPoint
from types import MappingProxyType
from typing import Any

from PIL import Image

from mezzotint.engine.report import Report, Section
from mezzotint.hints.chosen import chosen
from mezzotint.hints.outside import offered
from mezzotint.hints.registry import HINTS, Hint
from mezzotint.values.hints import Depth
from mezzotint.values.value import Value
from mezzotint.values.worded import fields_of, written

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


def hint_list() -> Report:
    """Every hint with its settings, and the hints of other packages, which are not loaded for it."""
    built_in = tuple((name, f"{hint.help}{_settings(hint.options)}") for name, hint in OURS.items())
    packages = [(name, package) for name, package in sorted(offered().items()) if name not in OURS]
    others = tuple((name, f"from the package {package}") for name, package in packages)
    sections = (Section("Hints", built_in), Section("Hints of other packages", others))
    return Report(tuple(section for section in sections if section.rows))


def _settings(options: type[Value]) -> str:
    shown = ", ".join(f"{name}={written(info.default)}" for name, info in fields_of(options).items())
    return f" ({shown})" if shown else ""
