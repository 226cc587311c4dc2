"""From what a pass starts from to what its model draws on and is shown.

Takes the walks of a pass and what the pass before left. Gives a `Scene`: canvases in pixels, the ground in latents, and
what the model sees in a picture. Whoever calls sees to threads and
precision.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image

from mezzotint.diffusion.noise import seed_for, torch_stream
from mezzotint.engine.canvas import Canvas, Size, canvas, with_near
from mezzotint.engine.enlarging import enlarger
from mezzotint.engine.ground import (
    GROWING,
    Ground,
    encoded,
    laid,
    mask_of,
    pixels_of,
    plane_of,
    resized,
    same_latents,
)
from mezzotint.engine.model import Opened
from mezzotint.engine.new_space import every
from mezzotint.engine.pictures import opened_picture, opened_plane
from mezzotint.engine.stages import check_size, decode, finish
from mezzotint.engine.walk import Walk, sized
from mezzotint.families.family import Family
from mezzotint.families.look import MIX, NEAR, Eyes, Seen, Shown, nothing
from mezzotint.values.errors import BadValue
from mezzotint.values.photo import Photo
from mezzotint.values.recipe import Pass
from mezzotint.values.source import InitPicture, Mask, Source
from mezzotint.values.tiling import Tiling


@dataclass(frozen=True, eq=False)
class Scene:
    """What one pass draws on: a `canvas` for each picture (none where it starts from noise), the `ground`, the latents
    that were `left` in the middle of the way, and what the model has `seen` in each picture."""

    canvases: tuple[Canvas, ...] = ()
    ground: Ground | None = None
    left: torch.Tensor | None = None
    seen: tuple[Seen, ...] = ()


@dataclass(frozen=True, eq=False)
class Left:
    """What a pass left: the latents N C h w that the model `opened` can decode, in tiles or not, and the canvases they
    were drawn on. Without latents nothing was drawn, and the canvases are the pictures."""

    opened: Opened
    latent: torch.Tensor | None
    canvases: tuple[Canvas, ...]
    tiling: Tiling

    @property
    def size(self) -> tuple[int, int]:
        """The width and height that was drawn at, in pixels."""
        if self.latent is None:
            return self.canvases[0].image.size
        factor, (rows, columns) = self.opened.model.family.latent.factor, self.latent.shape[-2:]
        return columns * factor, rows * factor

    def pictures(self, together: bool) -> list[Image.Image]:
        """The pictures, put back into what they were drawn on; decoded `together` or one by one."""
        if self.latent is None:
            return [one.plain() for one in self.canvases]
        images = finish(decode(self.opened, self.latent, together, self.tiling))
        if not self.canvases:
            return images
        return [one.back(image) for one, image in zip(self.canvases, images, strict=True)]


def scene(opened: Opened, walked: Sequence[Walk], left: Left | None) -> Scene:
    """The scene of a pass that `opened` draws. Raises BadValue for what does not fit together, BadPicture."""
    family, first = opened.model.family, walked[0]
    source = first.source
    if source is None or (source.start == "kept" and family.needs):
        if family.needs:
            needs = " and ".join(family.needs)
            told = f"{family.title} draws from {needs} besides a text, and this recipe has none"
            raise BadValue("model", told, "give a picture with --image, or use a text-to-image model")
        return Scene()
    _check_takes(family, source)
    check_size(family, first)
    if source.picture is None:
        assert left is not None
        going_on = _latents(opened, first, source, left)
        if going_on is not None:
            return going_on
    size = first.width // family.enlarges, first.height // family.enlarges
    if family.enlarges > 1 and not _from_noise(source):
        told = f"{family.title} draws all of a picture anew, from noise"
        raise BadValue("source", told, "leave strength, start, mask and extend out")
    device = next(opened.model.autoencoder.parameters()).device
    canvases = _canvases(source, size, left, len(walked), device, every(family))
    if not source.redrawn:
        return Scene(canvases)
    start = None if _from_noise(source) else laid(opened, canvases, _mask(source), first.use.tiling)
    return Scene(canvases, start, None, _seen(opened, walked, canvases))


def size_after(opened: Opened, use: Pass, left: Left) -> Size:
    """The width and height at which `opened` draws a pass behind the one that left something.

    Where only a part of a picture was drawn, that is enlarged, or drawn over, which is finished by then; but a pass of
    the same size goes on with the part, and one that draws around a mask chooses its own."""
    family, before = opened.model.family, left.size
    whole = left.canvases[0].apart if left.canvases else None
    if whole is not None and not _goes_on(use, family, left):
        before = whole
    return sized(use, before, family.multiple, family.enlarges)


def _goes_on(use: Pass, family: Family, left: Left) -> bool:
    """Whether a pass is at work where the one before was, in a part of the picture."""
    source = use.source
    if source is None or (source.mask is not None and source.mask.area == "masked"):
        return True
    alike = same_latents(family, left.opened.model.family) and not family.needs
    return use.scale == 1 and alike and source.redrawn and source.mask is None


def _check_takes(family: Family, source: Source) -> None:
    """Raises BadValue for what is given beside a picture to a model that does not look at it."""
    if source.mixed and MIX not in family.takes:
        hint = "use an unCLIP model, or leave it out"
        raise BadValue("mix", f"{family.title} mixes no pictures", hint)
    if source.depth is not None and NEAR not in family.takes:
        hint = "use a depth model, or follow it with --control"
        raise BadValue("depth", f"{family.title} does not look at how near things are", hint)


def _mask(source: Source) -> Mask:
    return source.mask or Mask()


def _from_noise(source: Source) -> bool:
    """Whether nothing of the picture is in the latents that a pass starts from."""
    masked = source.mask is not None or source.extended
    return source.strength == 1 and source.start == "noise" and not masked


def _latents(opened: Opened, walk: Walk, source: Source, left: Left) -> Scene | None:
    """The scene of a pass that goes on with the latents of the one before; None: it needs the pictures."""
    family, factor = opened.model.family, opened.model.family.latent.factor
    alike, grows = same_latents(family, left.opened.model.family), source.upscaler in GROWING
    size = walk.width // factor, walk.height // factor
    latent = left.latent
    same_size = latent is not None and latent.shape[-2:] == size[::-1]
    plain = alike and source.mask is None and not family.needs and source.redrawn
    if source.start == "kept":
        if not alike or latent is None or not same_size or source.mask is not None:
            told = "a pass goes on where another stopped only with latents of its own kind and size"
            raise BadValue("start", told, "use a model with the same autoencoder, without scale and mask")
        return Scene(left.canvases, left=latent)
    if plain and same_size and latent is not None:
        return Scene(left.canvases, Ground(latent))
    if not grows:
        return None
    if not plain or left.canvases or latent is None:
        told = f"{source.upscaler} enlarges latents, and here the picture itself is needed"
        raise BadValue("upscaler", told, "use lanczos")
    return Scene((), Ground(resized(latent, source.upscaler, *size)))


def _canvases(
    source: Source, size: Size, left: Left | None, count: int, device: torch.device, step: int
) -> tuple[Canvas, ...]:
    asked = _mask(source).picture
    mask = None if asked is None else opened_picture(asked)
    near = None if source.depth is None else opened_plane(source.depth)
    enlarge = enlarger(source.upscaler, device)

    def laid_out(photo: Photo) -> Canvas:
        made = canvas(photo, mask, source, size, enlarge, step)
        return made if near is None else with_near(made, near, photo.image.size, source, step)

    if source.picture is not None:
        # What is said of masks and new space is in pixels of the picture, so it must not come smaller then.
        sized = source.mask is None and not source.extended
        return (laid_out(opened_picture(source.picture, size if sized else None)),) * count
    assert left is not None
    return tuple(laid_out(_photo(one)) for one in left.pictures(together=False))


def _photo(image: Image.Image) -> Photo:
    if image.mode != "RGBA":
        return Photo(image)
    return Photo(image.convert("RGB"), image.getchannel("A"))


def _seen(opened: Opened, walked: Sequence[Walk], canvases: Sequence[Canvas]) -> tuple[Seen, ...]:
    """What the model sees in each picture, with noise from the picture's own seed."""
    model = opened.model
    look = model.family.look
    source = walked[0].source
    level = model.family.level(None if source is None else source.noise_level)
    if look is nothing:
        return ()
    device = next(model.autoencoder.parameters()).device
    tiling, latent = walked[0].use.tiling, model.family.latent
    mixed = [] if source is None else _mixed(source, canvases[0].image.size, device)
    eyes = Eyes(lambda pixels: encoded(opened, pixels, tiling), model.pictures, latent.factor, latent.scale)

    def seen(walk: Walk, one: Canvas) -> Seen:
        stream = torch_stream(seed_for(walk.seed, "look"))
        mask = None if one.mask is None else (mask_of(one.mask) > 0).float().to(device)
        pixels = pixels_of(one.image).to(device)
        near = None if one.near is None else plane_of(one.near).to(device)
        return look(eyes, Shown(pixels, mask, lambda shape: stream(shape).to(device), level, mixed, near))

    return tuple(seen(walk, one) for walk, one in zip(walked, canvases, strict=True))


def _mixed(source: Source, size: Size, device: torch.device) -> list[tuple[torch.Tensor, float]]:
    """The further pictures of a source, as its own comes to the `size` of the drawing, and their weights."""
    plain = Source(picture=InitPicture(file="mixed"), fit=source.fit)
    made = [canvas(opened_picture(one), None, plain, size).image for one in source.mixed]
    return [(pixels_of(image).to(device), one.weight) for image, one in zip(made, source.mixed, strict=True)]
