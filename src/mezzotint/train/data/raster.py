"""Turns a drawing into a square RGBA sprite: rendered, cropped to its content, padded, centred.

Takes SVG text or an encoded bitmap. Gives H W 4 uint8 arrays with straight alpha. Does not know what is drawn.
"""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from mezzotint.values.errors import DataProblem, MissingExtra

Pixels = NDArray[np.uint8]

PAD = 6
"""Empty pixels around the content, at a sprite size of 128."""
VISIBLE = 8
"""Alpha from which a pixel counts as content."""


def svg_pixels(svg: str, side: int) -> Image.Image:
    """An SVG drawn at `side` pixels. Raises MissingExtra without resvg-py, DataProblem for a broken drawing."""
    try:
        import resvg_py  # noqa: PLC0415 - optional
    except ImportError:
        raise MissingExtra("train", "resvg-py") from None
    try:
        png = bytes(resvg_py.svg_to_bytes(svg_string=svg, width=side, height=side))
        return Image.open(io.BytesIO(png)).convert("RGBA")
    except (ValueError, UnidentifiedImageError) as problem:
        raise DataProblem(
            f"a drawing cannot be rendered: {str(problem)[:80]}", hint="leave that set out"
        ) from None


def bitmap_pixels(data: bytes) -> Image.Image:
    """An encoded bitmap as RGBA. Raises DataProblem when it cannot be read."""
    try:
        return Image.open(io.BytesIO(data)).convert("RGBA")
    except (OSError, ValueError, UnidentifiedImageError):
        raise DataProblem(
            "a bitmap of a package cannot be read", hint="remove the cache folder and run again"
        ) from None


def framed(image: Image.Image, size: int) -> Pixels | None:
    """The picture cropped to its content, fitted into `size` less the padding and centred; None when empty.

    Scaling is done on premultiplied colours, so that transparent pixels leave no dark rim. Returns size size 4.
    """
    visible = np.asarray(image.getchannel("A")) >= VISIBLE
    rows, columns = np.flatnonzero(visible.any(1)), np.flatnonzero(visible.any(0))
    if rows.size == 0:
        return None
    box = (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1)
    content = image.crop(box)
    inner = size - 2 * round(PAD * size / 128)
    scale = inner / max(content.size)
    fitted = content.convert("RGBa").resize(
        (max(1, round(content.width * scale)), max(1, round(content.height * scale))),
        Image.Resampling.LANCZOS,
    )
    square = Image.new("RGBa", (size, size))
    square.paste(fitted, ((size - fitted.width) // 2, (size - fitted.height) // 2))
    pixels = np.array(square.convert("RGBA"))
    pixels[pixels[..., 3] == 0] = 0
    return pixels


def webp(pixels: Pixels) -> bytes:
    """The sprite as WebP, quality 90 with lossless alpha; equal pixels give equal bytes."""
    out = io.BytesIO()
    Image.fromarray(pixels, "RGBA").save(out, "WEBP", quality=90, method=4, alpha_quality=100)
    return out.getvalue()
