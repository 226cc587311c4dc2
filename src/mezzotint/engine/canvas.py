"""What a pass draws on, in pixels: the source at the size of the drawing, its mask, and the way back.

Takes opened pictures and the `Source` that says what to do with them. Gives a `Canvas`. Knows no network.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from PIL import Image, ImageChops, ImageOps

from mezzotint.engine import raster
from mezzotint.values.errors import BadValue
from mezzotint.values.names import YES
from mezzotint.values.photo import Photo
from mezzotint.values.source import Mask, Source

GROUND = (255, 255, 255)
"""What transparent pictures are laid on."""

Size = tuple[int, int]
"""Width and height in pixels."""

RESAMPLING: Mapping[str, Image.Resampling] = MappingProxyType(
    {
        "lanczos": Image.Resampling.LANCZOS,
        "bicubic": Image.Resampling.BICUBIC,
        "bilinear": Image.Resampling.BILINEAR,
        "nearest": Image.Resampling.NEAREST,
    }
)
"""The upscalers of pixels that are Pillow's."""
MASKS = Image.Resampling.BILINEAR
"""How masks are resized: a sharper filter rings, so that far from a mask a pixel would count for a little of it."""


@dataclass(frozen=True)
class Canvas:
    """`image` (RGB) and `mask` (L, white is drawn; None: everything) at the size of the drawing.

    `under` is the picture that a drawing is put back into, `alpha` its transparency, `region` the part of it that is
    drawn (None: all), `cover` (L) how far each of its pixels is replaced (None: wholly).
    """

    image: Image.Image
    mask: Image.Image | None
    under: Image.Image
    alpha: Image.Image | None = None
    region: raster.Box | None = None
    cover: Image.Image | None = None

    def back(self, drawn: Image.Image) -> Image.Image:
        """The finished picture, from what was `drawn` on this canvas."""
        whole = drawn
        if self.region is not None:
            left, top, right, bottom = self.region
            whole = self.under.copy()
            part = drawn.resize((right - left, bottom - top), Image.Resampling.LANCZOS)
            whole.paste(part, (left, top))
        if self.cover is not None:
            whole = raster.pasted(self.under, whole, self.cover)
        if self.alpha is not None:
            whole, alpha = whole.copy(), self.alpha
            if alpha.size != whole.size:  # what is drawn may be larger than what was shown
                alpha = alpha.resize(whole.size, Image.Resampling.LANCZOS)
            whole.putalpha(alpha)
        return whole


def canvas(photo: Photo, mask: Photo | None, source: Source, size: Size) -> Canvas:
    """The canvas of a pass that draws at `size`. Raises BadValue for a mask that is asked for and is nowhere."""
    image, alpha = photo.over(GROUND), photo.alpha
    where = None if source.mask is None and not source.extended else _mask(photo, mask, source)
    if source.extended:
        image = raster.extended(image, source.extend)
        alpha = None
    if where is None:
        fitted = _fitted(image, source, size)
        return Canvas(fitted, None, fitted, None if alpha is None else _fitted(alpha, source, size, MASKS))
    asked = source.mask or Mask()
    if asked.picture is None:
        alpha = None  # what was transparent is drawn, and the rest was not
    return _masked(image, alpha, where, asked, source, size)


def _mask(photo: Photo, mask: Photo | None, source: Source) -> Image.Image:
    """The mask (L) at the size of the extended picture: white is drawn, grey only where it may be."""
    asked, size = source.mask or Mask(), photo.image.size
    if mask is not None:
        where = mask.over((0, 0, 0)).convert("L").resize(size, Image.Resampling.BILINEAR)
    elif photo.alpha is not None:
        where = ImageOps.invert(photo.alpha)
    elif source.extended:
        where = Image.new("L", size, 0)
    else:
        raise BadValue("mask", "there is none, and the picture has no transparency", "give one with --mask")
    soft = asked.soft == YES
    where = where if soft else raster.black_and_white(where)
    where = ImageOps.invert(where) if asked.invert == YES else where
    if source.extended:
        new = raster.new_space(size, source.extend)
        inner = Image.new("L", new.size, 0)
        inner.paste(where, source.extend[:2])
        where = ImageChops.lighter(new, inner)
    return raster.blurred(raster.grown(where, asked.grow), asked.blur)


def _masked(
    image: Image.Image,
    alpha: Image.Image | None,
    where: Image.Image,
    asked: Mask,
    source: Source,
    size: Size,
) -> Canvas:
    drawn = where if asked.soft == YES else raster.any_of(where)
    under = image
    if asked.fill == "surround":
        image = raster.surround(image, drawn)
    region = raster.around(where, asked.padding, size) if asked.area == "masked" else None
    if region is not None:
        part = image.crop(region).resize(size, Image.Resampling.LANCZOS)
        made = Canvas(part, drawn.crop(region).resize(size, MASKS), under, alpha, region)
    else:
        # A black mask has no region; the picture then comes back as it is, at whatever size it has.
        image, under = _fitted(image, source, size), _fitted(under, source, size)
        drawn, where = (_fitted(mask, source, size, MASKS) for mask in (drawn, where))
        alpha = None if alpha is None else _fitted(alpha, source, size, MASKS)
        made = Canvas(image, drawn, under, alpha)
    soft = asked.soft == YES
    made = made if soft else replace(made, mask=raster.black_and_white(made.mask or drawn))
    return replace(made, cover=raster.any_of(where) if soft else where) if asked.paste == YES else made


def _fitted(
    image: Image.Image, source: Source, size: Size, how: Image.Resampling | None = None
) -> Image.Image:
    """`image` at `size`: cut to its proportions, or with its edges drawn out to them, or stretched; by the resampling
    `how`, or that of the source."""
    if image.size == size:
        return image
    how = how or RESAMPLING.get(source.upscaler, Image.Resampling.LANCZOS)
    if source.extended or source.fit == "stretch":
        return image.resize(size, how)
    if source.fit == "cover":
        return ImageOps.fit(image, size, how)
    inside = ImageOps.contain(image, size, how)
    across, down = size[0] - inside.width, size[1] - inside.height
    return raster.extended(inside, (across // 2, down // 2, across - across // 2, down - down // 2))
