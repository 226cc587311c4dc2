"""Reads any picture that people own, as the 8 bits of red, green and blue that networks are given.

Takes a file; its content decides what it is, not its name. Gives a `Photo`: upright, in sRGB, with what was transparent
kept apart. Knows no network, no size that one wants, and writes nothing.
"""

import io
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar, cast

import numpy as np
from PIL import Image, ImageCms, ImageOps
from PIL.ImageFile import ImageFile

from mezzotint.values.errors import BadPicture, MezzotintError

READABLE = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF")
"""Formats that are read, by Pillow's names. None of them runs a program, as PostScript would."""
MAX_PIXELS = 256_000_000
LEAST_SIDE = 8
MAX_ASPECT = 16
"""How many times longer than wide a picture may be."""
Made = TypeVar("Made")
_ORIENTATION = 0x0112
_SIDEWAYS = (5, 6, 7, 8)
"""The EXIF orientations of pictures that lie on their side."""


@dataclass(frozen=True)
class Photo:
    """A picture to start from: `image` RGB of 8 bits, `alpha` (L, 255 is opaque) where it has transparency, `notes`
    that tell what was left out."""

    image: Image.Image
    alpha: Image.Image | None = None
    notes: tuple[str, ...] = ()

    def over(self, ground: tuple[int, int, int]) -> Image.Image:
        """The picture on a ground of one colour, RGB."""
        if self.alpha is None:
            return self.image
        below = Image.new("RGB", self.image.size, ground)
        below.paste(self.image, mask=self.alpha)
        return below


def read_photo(path: Path | str, wanted: tuple[int, int] | None = None) -> Photo:
    """The picture at `path`; a JPEG may come smaller, but not smaller than `wanted` (width, height).

    Raises BadPicture for what is no picture of a readable format, is damaged, or has too many or too few pixels.
    """
    return _read(Path(path), wanted, _photo)


def read_plane(path: Path | str) -> Image.Image:
    """The brightness of the picture at `path` as numbers ("F", 0..255, of 16 bits with fractions), upright; what is
    transparent is black. Colour profiles are left out: such a picture is one of measurements. Raises as `read_photo`.
    """
    return _read(Path(path), None, _plane)


def _read(path: Path, wanted: tuple[int, int] | None, made: Callable[[ImageFile, Path], Made]) -> Made:
    """What `made` makes of the loaded picture."""
    try:
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            opened = _opened(file, path)
            _check_size(path, opened.size)
            if wanted is not None:
                width, height = wanted
                opened.draft("RGB", (height, width) if _is_sideways(opened) else wanted)
            opened.load()
            return made(opened, path)
    except MezzotintError:
        raise
    except MemoryError:
        raise BadPicture(path, "needs more memory than there is", "use a smaller picture") from None
    except Exception as error:  # noqa: BLE001 - Pillow's parsers raise a dozen unrelated types on hostile files
        raise _unreadable(path, error) from None


def size_of(path: Path | str) -> tuple[int, int]:
    """Width and height that the picture at `path` has when it is upright, from its header. Raises BadPicture."""
    path = Path(path)
    try:
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            opened = _opened(file, path)
            _check_size(path, opened.size)
            width, height = opened.size
            return (height, width) if _is_sideways(opened) else (width, height)
    except MezzotintError:
        raise
    except Exception as error:  # noqa: BLE001 - as in `read_photo`
        raise _unreadable(path, error) from None


def notes_of(path: Path | str) -> tuple[str, ...]:
    """What `read_photo` leaves out of the picture at `path`, as far as its header tells. Raises BadPicture."""
    path = Path(path)
    try:
        with warnings.catch_warnings(action="ignore"), path.open("rb") as file:
            return _frames(_opened(file, path))
    except MezzotintError:
        raise
    except Exception as error:  # noqa: BLE001 - as in `read_photo`
        raise _unreadable(path, error) from None


def _frames(opened: ImageFile) -> tuple[str, ...]:
    frames = int(getattr(opened, "n_frames", 1))
    return (f"the first of {frames} frames is used",) if frames > 1 else ()


def _unreadable(path: Path, error: Exception) -> BadPicture:
    """The error for a file that the system does not give, or that Pillow cannot read to its end."""
    reason = error.strerror if isinstance(error, OSError) else None
    if reason:
        return BadPicture(path, reason.lower(), "check the path of the picture")
    return BadPicture(
        path, "is damaged or cut off", "copy it again, or save it anew from where it still opens"
    )


def _is_sideways(opened: ImageFile) -> bool:
    return opened.getexif().get(_ORIENTATION, 1) in _SIDEWAYS


def _opened(file: io.BufferedReader, path: Path) -> ImageFile:
    """The file as its first bytes say, without Pillow's own limit of pixels, which cannot be set for one call."""
    start = file.read(16)
    Image.init()
    for name in READABLE:
        factory, accept = Image.OPEN.get(name, (None, None))
        if factory is not None and accept is not None and accept(start) is True:
            file.seek(0)
            try:
                return factory(file, "")
            except (SyntaxError, IndexError, TypeError):
                raise BadPicture(path, f"begins like a {name} picture but is none") from None
    if not start:
        raise BadPicture(path, "is empty", "copy it again, or use another one")
    raise BadPicture(path, "is no picture of a known kind", f"use one of {', '.join(READABLE)}")


def _check_size(path: Path, size: tuple[int, int]) -> None:
    width, height = size
    shown = f"{width} x {height} pixels"
    if width * height > MAX_PIXELS:
        raise BadPicture(path, f"has {shown}", f"use one of at most {MAX_PIXELS // 1_000_000} million pixels")
    if min(size) < LEAST_SIDE or max(size) > MAX_ASPECT * min(size):
        raise BadPicture(
            path,
            f"has {shown}",
            f"use sides of {LEAST_SIDE} pixels or more, none more than {MAX_ASPECT} times the other",
        )


def _photo(opened: ImageFile, path: Path) -> Photo:
    notes = [*_frames(opened)]
    profile = cast(Mapping[str, Any], opened.info).get("icc_profile")
    orientation = opened.getexif().get(_ORIENTATION, 1)
    alpha = _alpha(opened)
    colours = _colours(opened, path)
    if isinstance(profile, bytes) and colours.mode in ("RGB", "CMYK", "L"):
        matched = _in_srgb(colours, profile)
        if matched is None:
            notes.append("its colour profile cannot be read and is left out")
        colours = matched or colours
    image = colours if colours.mode == "RGB" else colours.convert("RGB")
    return Photo(
        _upright(image, orientation), None if alpha is None else _upright(alpha, orientation), tuple(notes)
    )


def _plane(opened: ImageFile, path: Path) -> Image.Image:
    orientation = opened.getexif().get(_ORIENTATION, 1)
    if opened.mode in _WIDE:
        levels = _WIDE[opened.mode](np.asarray(opened))
        _check_numbers(levels, path)
        return _upright(Image.fromarray(levels.astype(np.float32)), orientation)
    alpha, grey = _alpha(opened), _colours(opened, path).convert("L")
    if alpha is not None:
        grey = Image.composite(grey, Image.new("L", grey.size, 0), alpha)
    return _upright(grey.convert("F"), orientation)


def _alpha(image: Image.Image) -> Image.Image | None:
    """The transparency of a picture, where any of it is not opaque."""
    if not image.has_transparency_data:
        return None
    alpha = image.convert("RGBA").getchannel("A")
    return None if cast(tuple[int, int], alpha.getextrema())[0] == 255 else alpha


def _colours(image: Image.Image, path: Path) -> Image.Image:
    """The picture in a mode of 8 bits without transparency, in the colour space that its profile speaks of."""
    if image.mode in _WIDE:
        return _from_levels(_WIDE[image.mode](np.asarray(image)), path)
    if image.mode in ("RGB", "CMYK", "L"):
        return image
    return image.convert("L" if image.mode in ("1", "LA", "La") else "RGB")


def _from_levels(levels: np.ndarray[Any, np.dtype[np.float64]], path: Path) -> Image.Image:
    _check_numbers(levels, path)
    return Image.fromarray(levels.clip(0, 255).round().astype(np.uint8), "L")


def _check_numbers(levels: np.ndarray[Any, np.dtype[np.float64]], path: Path) -> None:
    if not np.isfinite(levels).all():
        raise BadPicture(path, "has pixels that are no numbers")


def _sixteen(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return values.astype(np.float64) / 257


def _from_one(values: np.ndarray[Any, Any]) -> np.ndarray[Any, np.dtype[np.float64]]:
    return values.astype(np.float64) * 255


_WIDE: Mapping[str, Callable[[np.ndarray[Any, Any]], np.ndarray[Any, np.dtype[np.float64]]]] = (
    MappingProxyType(
        {
            "I;16": _sixteen,
            "I;16B": _sixteen,
            "I;16L": _sixteen,
            "I;16N": _sixteen,
            "I": _sixteen,
            "F": _from_one,
        }
    )
)
"""Grey of more than 8 bits, which Pillow's own conversion would cut off at 255: 16 bits, and floats from 0 to 1."""


def _in_srgb(image: Image.Image, profile: bytes) -> Image.Image | None:
    """The picture with its colours as a screen shows them; None for a profile that does not fit or is damaged."""
    try:
        theirs = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        plain = ImageCms.createProfile("sRGB")  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        srgb = ImageCms.ImageCmsProfile(plain)  # pyright: ignore[reportUnknownArgumentType]
        made = ImageCms.profileToProfile(image, theirs, srgb, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError, TypeError):
        return None
    return made


def _upright(image: Image.Image, orientation: int) -> Image.Image:
    """The picture turned as its EXIF orientation says (1 to 8; others say nothing)."""
    tagged = image.copy()
    tagged.getexif()[_ORIENTATION] = orientation if 1 <= orientation <= 8 else 1
    return ImageOps.exif_transpose(tagged)
