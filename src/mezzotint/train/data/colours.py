"""Names colours, finds the dominant hue of a sprite, and recolours a sprite by turning that hue.

Takes H W 4 uint8 arrays (straight alpha). Gives a `Hue`, or pixels of the same shape. Hues are HSV degrees.
Does not know captions or concepts.
"""

from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from mezzotint.train.data.raster import Pixels

Plane = NDArray[np.float32]


@dataclass(frozen=True)
class Paint:
    """A colour word as a target: hue in degrees, and the median saturation and value (0..1) it should get."""

    hue: float
    saturation: float
    value: float


PAINTS = MappingProxyType(
    {
        "red": Paint(0.0, 0.85, 0.85),
        "orange": Paint(28.0, 0.92, 0.98),
        "yellow": Paint(51.0, 0.85, 0.98),
        "green": Paint(125.0, 0.72, 0.70),
        "blue": Paint(218.0, 0.80, 0.88),
        "purple": Paint(276.0, 0.65, 0.75),
        "pink": Paint(330.0, 0.45, 0.98),
    }
)
"""The words that a sprite can be recoloured to."""

GROUNDS = MappingProxyType(
    {
        "white": (255, 255, 255),
        "black": (0, 0, 0),
        "grey": (150, 150, 150),
        "red": (214, 48, 40),
        "orange": (245, 140, 30),
        "yellow": (250, 214, 60),
        "green": (60, 165, 75),
        "blue": (50, 105, 215),
        "purple": (125, 65, 180),
        "pink": (248, 160, 195),
        "brown": (120, 75, 45),
    }
)
"""Background colours by word, as 8-bit RGB."""

WORDS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown", "black", "white", "grey")

BLACK, WHITE = 0.28, 0.86
"""Values below and from which a colourless pixel is called black and white."""

WINDOW = 34.0
"""Degrees on each side of the dominant hue that are turned with it."""


@dataclass(frozen=True)
class Hue:
    """What colour a sprite is.

    `name` is the word for its dominant colour; `degrees` its dominant hue (None when colourless); `share` the part
    of all visible pixels that have it; `single`: it is of one colour; `recolourable`: turning the hue makes it look
    like an object of another colour.
    """

    name: str
    degrees: float | None
    share: float
    single: bool
    recolourable: bool


def hsv(rgb: Pixels) -> tuple[Plane, Plane, Plane]:
    """Hue in degrees, saturation and value in 0..1 of `... 3` 8-bit pixels (A. R. Smith, 1978)."""
    planes = rgb.astype(np.float32) / np.float32(255)
    red, green, blue = planes[..., 0], planes[..., 1], planes[..., 2]
    value = planes.max(-1)
    spread = value - planes.min(-1)
    safe = np.where(spread > 0, spread, np.float32(1))
    hue = np.where(
        value == red,
        ((green - blue) / safe) % 6,
        np.where(value == green, (blue - red) / safe + 2, (red - green) / safe + 4),
    )
    saturation = spread / np.where(value > 0, value, np.float32(1))
    return (hue * np.float32(60)).astype(np.float32), saturation, value


def rgb_of(hue: Plane, saturation: Plane, value: Plane) -> Pixels:
    """The inverse of `hsv`."""
    chroma = value * saturation

    def channel(offset: int) -> Plane:
        k = (np.float32(offset) + hue / np.float32(60)) % 6
        return (value - chroma * np.clip(np.minimum(k, 4 - k), 0, 1)).astype(np.float32)

    planes = np.stack([channel(5), channel(3), channel(1)], -1)
    return (planes * 255 + 0.5).astype(np.uint8)


def turn(a: Plane, b: float) -> Plane:
    """The signed angle from `b` to `a`, in -180..180 degrees."""
    return ((a - np.float32(b) + 180) % 360 - 180).astype(np.float32)


def word_for(hue: float, saturation: float, value: float) -> str:
    """The everyday word for a colour."""
    if value < 0.22:
        return "black"
    if saturation < 0.14 or saturation * value < 0.10:
        return "white" if value >= WHITE else "grey" if value >= BLACK else "black"
    if (hue < 15 or hue >= 345) and value < 0.55 and saturation < 0.75:
        return "brown"
    if 15 <= hue < 46 and value * (0.35 + 0.65 * saturation) < 0.70 and value < 0.82:
        return "brown"
    if hue >= 338 and saturation >= 0.70:
        return "red"
    if hue >= 290 and saturation < 0.60 and value > 0.6:
        return "pink"
    if (hue < 15 or hue >= 345) and saturation < 0.50 and value > 0.75:
        return "pink"
    for limit, word in ((15, "red"), (41, "orange"), (66, "yellow"), (168, "green"), (255, "blue")):
        if hue < limit:
            return word
    return "purple" if hue < 312 else "pink" if hue < 345 else "red"


def hue_of(pixels: Pixels) -> Hue:
    """The dominant colour of a sprite (H W 4)."""
    opaque = pixels[pixels[..., 3] > 128][:, :3]
    if len(opaque) == 0:
        return Hue("white", None, 0.0, False, False)
    hue, saturation, value = hsv(opaque)
    strength = saturation * value
    coloured = (saturation > 0.22) & (strength > 0.12)
    if coloured.mean() < 0.30:
        return _colourless(value[~coloured], len(opaque))
    centre = _dominant(hue[coloured], strength[coloured])
    inside = coloured & (np.abs(turn(hue, centre)) <= WINDOW)
    share = float(inside.mean())
    purity = float(strength[inside].sum() / strength[coloured].sum())
    name = word_for(centre, float(np.median(saturation[inside])), float(np.median(value[inside])))
    single = purity >= 0.78 and share >= 0.40
    return Hue(name, round(centre, 1), round(share, 3), single, single and share >= 0.50)


def _colourless(value: Plane, visible: int) -> Hue:
    name = word_for(0.0, 0.0, float(np.median(value)))
    low, high = {"black": (0.0, BLACK), "grey": (BLACK, WHITE), "white": (WHITE, 2.0)}[name]
    share = float(((value >= low) & (value < high)).sum()) / visible
    return Hue(name, None, round(share, 3), share >= 0.6, False)


def has(hue: Hue, colour: str) -> bool:
    """Whether a sprite of this hue already shows the colour word so clearly that it needs no recolouring."""
    if hue.degrees is None or colour not in PAINTS:
        return hue.name == colour
    away = (hue.degrees - PAINTS[colour].hue + 180) % 360 - 180
    return hue.name == colour and abs(away) <= 14


def _dominant(hue: Plane, weight: Plane) -> float:
    counts = np.bincount((hue / 6).astype(int) % 60, weights=weight, minlength=60)
    smooth = sum(np.roll(counts, shift) for shift in range(-4, 5))
    peak = (int(np.argmax(smooth)) + 0.5) * 6
    near = np.abs(turn(hue, peak)) <= WINDOW
    offset = float(np.average(turn(hue[near], peak), weights=weight[near]))
    return (peak + offset) % 360


def recoloured(pixels: Pixels, degrees: float, paint: Paint) -> Pixels:
    """The sprite with its dominant hue turned to `paint`; other hues, greys, black and white stay.

    The medians of saturation and value are put where the paint has them, so that shading survives and dark objects
    take a colour that can be seen. Returns new H W 4 pixels.
    """
    hue, saturation, value = hsv(pixels[..., :3])
    offset = turn(hue, degrees)
    weight = np.clip((WINDOW + 8 - np.abs(offset)) / 8, 0, 1) * np.clip(
        (saturation * value - 0.06) / 0.08, 0, 1
    )
    inside = (weight > 0.5) & (pixels[..., 3] > 128)
    if not inside.any():
        return pixels.copy()
    new = rgb_of(
        (np.float32(paint.hue) + offset * np.float32(0.3)) % np.float32(360),
        _bent(saturation, inside, paint.saturation),
        _bent(value, inside, paint.value),
    )
    mixed = pixels.copy()
    mix = weight[..., None]
    mixed[..., :3] = (pixels[..., :3] * (1 - mix) + new * mix + 0.5).astype(np.uint8)
    return mixed


def _bent(plane: Plane, inside: NDArray[np.bool_], target: float) -> Plane:
    """The plane with its median inside at `target`: brightened by a power, so that 1 stays 1, darkened in scale."""
    middle = float(np.clip(np.median(plane[inside]), 0.05, 1.0))
    if middle >= target:
        return plane * np.float32(target / middle)
    return np.power(plane, np.float32(max(0.25, np.log(target) / np.log(middle))))
