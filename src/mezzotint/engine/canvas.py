"""What a pass draws on, in pixels: the source at the size of the drawing, its mask, and the way back.

Takes opened pictures and the `Source` that says what to do with them. Gives a `Canvas`. Knows no network.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from PIL import Image, ImageChops, ImageOps

from mezzotint.engine import raster
from mezzotint.engine.new_space import Size, room_for
from mezzotint.values.errors import BadValue
from mezzotint.values.names import YES
from mezzotint.values.photo import Photo
from mezzotint.values.source import Mask, Source

GROUND = (255, 255, 255)
"""What transparent pictures are laid on."""

Enlarge = Callable[[Image.Image, Size], Image.Image]
"""Makes a smaller picture about as large as a size, or larger; resampling does the rest."""

RESAMPLING: Mapping[str, Image.Resampling] = MappingProxyType(
    {
        "lanczos": Image.Resampling.LANCZOS,
        "bicubic": Image.Resampling.BICUBIC,
        "bilinear": Image.Resampling.BILINEAR,
        "nearest": Image.Resampling.NEAREST,
    }
)
"""The upscalers of pixels that are Pillow's."""
NEAREST = RESAMPLING["nearest"]
MASKS = Image.Resampling.BILINEAR
"""How masks are resized: a sharper filter rings, so that far from a mask a pixel would count for a little of it."""


@dataclass(frozen=True)
class Canvas:
    """`image` (RGB) and `mask` (L, white is drawn; None: everything) at the size of the drawing.

    `under` is the picture that a drawing is put back into, `alpha` its transparency, `region` the part of it that is
    drawn (None: all), `cover` (L) how far each of its pixels is replaced (None: wholly). `near` ("F") is how near each
    place of the image is, where that is known. `shown` is the part of a drawing that is kept (None: all).
    """

    image: Image.Image
    mask: Image.Image | None
    under: Image.Image
    alpha: Image.Image | None = None
    region: raster.Box | None = None
    cover: Image.Image | None = None
    near: Image.Image | None = None
    shown: raster.Box | None = None

    @property
    def apart(self) -> Size | None:
        """Width and height of the finished picture where they are not those of the drawing."""
        if self.shown is not None:
            return self.shown[2] - self.shown[0], self.shown[3] - self.shown[1]
        return None if self.region is None else self.under.size

    def plain(self) -> Image.Image:
        """The picture at the size of the drawing, where nothing is drawn; the ground of a transparent one goes."""
        if self.alpha is None:
            return self.image
        return _without_ground(self.image, self.alpha)

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
            alpha = self.alpha
            if alpha.size != whole.size:  # what is drawn may be larger than what was shown
                alpha = alpha.resize(whole.size, Image.Resampling.LANCZOS)
            whole = _without_ground(whole, alpha)
        return whole if self.shown is None else whole.crop(self.shown)


def _without_ground(image: Image.Image, alpha: Image.Image) -> Image.Image:
    """`image` (RGB), which lay on the ground, as RGBA: laid on it again it looks the same, and on others has no rim."""
    whole = raster.lifted(image, alpha, GROUND)
    whole.putalpha(alpha)
    return whole


def canvas(
    photo: Photo,
    mask: Photo | None,
    source: Source,
    size: Size,
    enlarge: Enlarge | None = None,
    step: int = 1,
) -> Canvas:
    """The canvas of a pass that draws at `size`, a multiple of `step`; what is smaller is given to `enlarge` first.

    Raises BadValue for a mask that is asked for and is nowhere."""
    room = room_for(source, photo.image.size, size, step)
    if room is not None:
        mask = None if mask is None else room.mask(_said(mask, photo.image.size, source.mask or Mask()))
        return replace(canvas(room.photo(photo), mask, room.source, size, enlarge), shown=room.shown)
    image, alpha = photo.over(GROUND), photo.alpha
    where = None if source.mask is None and not source.extended else _mask(photo, mask, source)
    if source.extended:
        image = raster.extended(image, source.extend)
        alpha = None
    if where is None:
        fitted = _fitted(image, source, size, enlarge=enlarge)
        return Canvas(
            fitted, None, fitted, None if alpha is None else _fitted_alpha(alpha, source, size, enlarge)
        )
    asked = source.mask or Mask()
    if asked.picture is None:
        alpha = None  # what was transparent is drawn, and the rest was not
    return _masked(image, alpha, where, source, size, enlarge)


def with_near(made: Canvas, near: Image.Image, size: Size, source: Source, step: int = 1) -> Canvas:
    """`made` of a photo of this `size`, over all of which lies `near` ("F", of any size)."""
    near = near if near.size == size else near.resize(size, MASKS)
    room = room_for(source, size, made.image.size, step)
    if room is not None:
        near, source = raster.extended(near, (0, 0, *room.idle)), room.source
    near = raster.extended(near, source.extend) if source.extended else near
    if made.region is None:
        return replace(made, near=_fitted(near, source, made.image.size, MASKS))
    return replace(made, near=near.crop(made.region).resize(made.image.size, MASKS))


def _mask(photo: Photo, mask: Photo | None, source: Source) -> Image.Image:
    """The mask (L) at the size of the extended picture: white is drawn, grey only where it may be."""
    asked, size = source.mask or Mask(), photo.image.size
    if mask is not None:
        where = _said(mask, size, asked)
    elif photo.alpha is not None:
        where = ImageOps.invert(photo.alpha)
        where = where if asked.soft == YES else raster.black_and_white(where)
    elif source.extended:
        where = Image.new("L", size, 0)
    else:
        raise BadValue("mask", "there is none, and the picture has no transparency", "give one with --mask")
    where = ImageOps.invert(where) if asked.invert == YES else where
    if source.extended:
        new = raster.new_space(size, source.extend)
        inner = Image.new("L", new.size, 0)
        inner.paste(where, source.extend[:2])
        where = ImageChops.lighter(new, inner)
    return raster.blurred(raster.grown(where, asked.grow), asked.blur)


def _said(mask: Photo, size: Size, asked: Mask) -> Image.Image:
    """What a mask of any size says (L) of a picture of `size`."""
    where = mask.over((0, 0, 0)).convert("L")
    if asked.soft == YES:
        return where.resize(size, MASKS)
    return _sharp(raster.black_and_white(where).resize(size, MASKS), where.size)


def _masked(
    image: Image.Image,
    alpha: Image.Image | None,
    where: Image.Image,
    source: Source,
    size: Size,
    enlarge: Enlarge | None,
) -> Canvas:
    asked = source.mask or Mask()
    drawn = where if asked.soft == YES else raster.any_of(where)
    under, surround = image, asked.fill == "surround"
    region, before = None, where.size
    if asked.area == "masked":
        region = raster.around(where, asked.padding, size) or (0, 0, *image.size)
    if region is not None:
        image = raster.surround(image, drawn) if surround else image
        part = image.crop(region) if enlarge is None else enlarge(image.crop(region), size)
        part = part.resize(size, _resampling(source))
        drawn = drawn.crop(region)
        before = drawn.size
        made = Canvas(part, drawn.resize(size, MASKS), under, alpha, region)
    else:
        under = _fitted(image, source, size, enlarge=enlarge)
        drawn, where = (_fitted(mask, source, size, MASKS) for mask in (drawn, where))
        # Behind the fitting, or it would take gigabytes for what a camera gives.
        hidden = drawn if asked.soft == YES else raster.any_of(drawn)
        image = raster.surround(under, hidden) if surround else under
        alpha = None if alpha is None else _fitted(alpha, source, size, MASKS)
        made = Canvas(image, drawn, under, alpha)
    soft = asked.soft == YES
    made = made if soft else replace(made, mask=_sharp(made.mask or drawn, before))
    if asked.paste != YES and where.getbbox() is not None:
        return made  # but under a black mask nothing is new
    if soft:
        return replace(made, cover=raster.faded(where))
    # A pixel of a smaller picture that shows some of what is masked is replaced, unless the mask was blurred for that.
    whole = region is None and not asked.blur and _smaller(where, before)
    return replace(made, cover=raster.any_of(where) if whole else where)


def _smaller(mask: Image.Image, before: Size) -> bool:
    return mask.width < before[0] and mask.height < before[1]


def _sharp(mask: Image.Image, before: Size) -> Image.Image:
    """A black and white mask (L) that had the size `before`, without grey: white from half-way on, and where it was
    made smaller wherever it is not black, so that no fine line of it is lost."""
    return raster.any_of(mask) if _smaller(mask, before) else raster.black_and_white(mask)


def _resampling(source: Source) -> Image.Resampling:
    return RESAMPLING.get(source.upscaler, Image.Resampling.LANCZOS)


def _fitted(
    image: Image.Image,
    source: Source,
    size: Size,
    how: Image.Resampling | None = None,
    enlarge: Enlarge | None = None,
) -> Image.Image:
    """`image` at `size`: cut to its proportions, or with its edges drawn out to them, or stretched; by `enlarge` and
    the resampling `how`, or that of the source."""
    if image.size == size:
        return image
    how = how or _resampling(source)
    if source.extended or source.fit == "stretch":
        image = image if enlarge is None else enlarge(image, size)
        return image.resize(size, how)
    if source.fit == "cover":
        image = image if enlarge is None else enlarge(_middle(image, size), size)
        return ImageOps.fit(image, size, how)
    if enlarge is not None:
        scale = min(size[0] / image.width, size[1] / image.height)
        image = enlarge(image, (round(image.width * scale), round(image.height * scale)))
    inside = ImageOps.contain(image, size, how)
    across, down = size[0] - inside.width, size[1] - inside.height
    return raster.extended(inside, (across // 2, down // 2, across - across // 2, down - down // 2))


def _fitted_alpha(alpha: Image.Image, source: Source, size: Size, enlarge: Enlarge | None) -> Image.Image:
    """`alpha` (L) at `size`, with outlines as sharp as those of the picture."""
    if enlarge is None:
        return _fitted(alpha, source, size, NEAREST if source.upscaler == "nearest" else MASKS)
    return _fitted(alpha.convert("RGB"), source, size, MASKS, enlarge).convert("L")


def _middle(image: Image.Image, size: Size) -> Image.Image:
    """The middle of `image` in the proportions of `size`, in whole pixels around it."""
    scale = min(image.width / size[0], image.height / size[1])
    left, top = (int((side - new * scale) / 2) for side, new in zip(image.size, size, strict=True))
    return image.crop((left, top, image.width - left, image.height - top))
