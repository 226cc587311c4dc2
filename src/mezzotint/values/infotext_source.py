"""What a picture started from and how it went on, in infotexts: strength, masks, hires passes, refiners.

Takes a Recipe and gives pairs of key and value; takes the pairs of any program's infotext and gives the texts of
further passes. Keys and values are those of AUTOMATIC1111's web UI 1.10. No picture is named: an infotext cannot.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from types import MappingProxyType

from mezzotint.values.infotext_walk import shown, spacing
from mezzotint.values.names import YES
from mezzotint.values.recipe import Pass, Recipe
from mezzotint.values.sampler_names import SAMPLER_TITLES, sampler_called
from mezzotint.values.source import Mask

FILLS: Mapping[str, str] = MappingProxyType(
    {"surround": "fill", "noise": "latent noise", "nothing": "latent nothing"}
)
"""What the web UI calls what lies under a mask, where that is not the original."""
UPSCALERS: Mapping[str, str] = MappingProxyType(
    {
        "lanczos": "Lanczos",
        "nearest": "Nearest",
        "bicubic": "Bicubic",
        "bilinear": "Bilinear",
        "latent": "Latent",
        "latent_bicubic": "Latent (bicubic)",
        "latent_nearest": "Latent (nearest)",
        "mini_2x": "mini 2x",
    }
)
"""Titles of upscalers; the web UI has all but two of them."""
_REAL = r"[0-9]{1,3}(\.[0-9]{1,20})?"


def strength(recipe: Recipe) -> float | None:
    """How much of a picture was changed: of the first pass, or else of the hires pass."""
    later = _hires(recipe)
    source = recipe.passes[0].source or (None if later is None else later.source)
    return None if source is None or not source.redrawn else source.strength


def written(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """The settings of masks and of further passes, in the order in which web UIs write them."""
    first, later = recipe.passes[0], _hires(recipe)
    if later is not None and later.source is not None:
        yield "Hires upscale", shown(later.scale)
        yield "Hires steps", str(later.steps)
        yield "Hires upscaler", UPSCALERS[later.source.upscaler]
        if later.sampler != first.sampler:
            yield "Hires sampler", SAMPLER_TITLES[later.sampler]
        if later.prompt is not None:
            yield "Hires prompt", later.prompt.text
            yield "Hires negative prompt", later.prompt.negative
    source = first.source
    if source is not None and not source.redrawn:
        yield "Postprocess upscale to", f"{recipe.width}x{recipe.height}"
        yield "Postprocess upscaler", UPSCALERS[source.upscaler]
    elif source is not None and first.tiling.tile is not None:
        yield "SD upscale upscaler", UPSCALERS[source.upscaler]
    if source is not None and (source.mask is not None or source.extended):
        yield from _mask(source.mask or Mask())
    if len(recipe.passes) > 1 and first.span.stop < 1:
        base = recipe.passes[1].model.base
        yield "Refiner", PurePath(base).name.removesuffix(".safetensors") or base
        yield "Refiner switch at", shown(first.span.stop)


def _mask(mask: Mask) -> Iterator[tuple[str, str]]:
    yield "Mask blur", shown(mask.blur)
    if mask.invert == YES:
        yield "Mask mode", "Inpaint not masked"
    if mask.fill in FILLS:
        yield "Masked content", FILLS[mask.fill]
    if mask.area == "masked":
        yield "Inpaint area", "Only masked"
        yield "Masked area padding", str(mask.padding)


def _hires(recipe: Recipe) -> Pass | None:
    """The first further pass that draws over what the one before drew."""
    return next((use for use in recipe.passes[1:] if use.source and use.source.start != "kept"), None)


def passes(params: Mapping[str, str]) -> tuple[str, ...]:
    """The further passes that an infotext tells of, as `values.pass_text` reads them."""
    scale = _between(params.get("Hires upscale", ""), 0.25, 8) or _resized(params)
    if scale is None:
        return ()
    told = [f"scale={scale}"]
    if (changed := _between(params.get("Denoising strength", ""), 0, 1)) is not None:
        told.append(f"strength={changed}")
    if (steps := _between(params.get("Hires steps", ""), 1, 1000)) is not None and steps.isdecimal():
        told.append(f"steps={steps}")
    title = params.get("Hires upscaler")
    told += [f"upscaler={name}" for name, known in UPSCALERS.items() if known == title]
    sampler = sampler_called(params.get("Hires sampler", ""))
    told += [f"sampler={sampler}"] if sampler else []
    used = sampler or sampler_called(params.get("Sampler", ""))
    spaced = spacing(params.get("Hires schedule type", ""), used)
    told += [f"spacing={spaced}"] if spaced else []
    if (guidance := _between(params.get("Hires CFG Scale", ""), 0, 100)) is not None:
        told.append(f"guidance={guidance}")
    for name, key in (("prompt", "Hires prompt"), ("negative", "Hires negative prompt")):
        told += [f"{name}={params[key]}"] if key in params else []
    return (",".join(told),)


def _between(text: str, least: float, most: float) -> str | None:
    """`text`, where it is a number within limits."""
    return text if re.fullmatch(_REAL, text) and least <= float(text) <= most else None


def _resized(params: Mapping[str, str]) -> str | None:
    """How many times larger a hires pass draws whose size is given; nothing says 0."""
    larger = [
        float(params[f"Hires resize-{side}"]) / float(params[f"Size-{side}"])
        for side in (1, 2)
        if all(
            re.fullmatch("[1-9][0-9]{0,4}", params.get(f"{key}-{side}", ""))
            for key in ("Hires resize", "Size")
        )
    ]
    return _between(f"{max(larger):.6f}", 0.25, 8) if larger else None
