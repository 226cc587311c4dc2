"""Lays pictures out as a labelled grid, for looking at many at once.

Takes images of one size, each with a label, and a title. Gives one RGB image. Pictures narrower than a label needs are
enlarged by whole factors, so their pixels stay what they are. Writes nothing.
"""

import math
from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from mezzotint.values.errors import BadValue
from mezzotint.values.metadata import on_white

_SMALLEST = 128
_GAP = 8
_LETTER = 13
_LINE = 20
_PAPER, _INK, _FAINT = "white", "#202020", "#606060"


def grid(
    cells: Sequence[tuple[Image.Image, str]], title: str = "", columns: int | None = None
) -> Image.Image:
    """The cells in rows of `columns` (None: about as many rows as columns), each over its label.

    Raises BadValue for no cells and for images of several sizes.
    """
    if not cells or len({image.size for image, _ in cells}) > 1:
        raise BadValue("grid", "needs one or more pictures of one size", "give pictures of one size")
    width, height = cells[0][0].size
    factor = max(1, -(-_SMALLEST // width))
    width, height = width * factor, height * factor
    across = columns or math.ceil(math.sqrt(len(cells)))
    down = -(-len(cells) // across)
    top = _GAP + (_LINE if title else 0)
    right, below = across * (width + _GAP) + _GAP, top + down * (height + _LINE + _GAP)
    page = Image.new("RGB", (right, below), _PAPER)
    pen = ImageDraw.Draw(page)
    font = ImageFont.load_default(_LETTER)
    if title:
        pen.text((_GAP, _GAP), cut(title, right - 2 * _GAP, pen, font), _INK, font)
    for index, (image, label) in enumerate(cells):
        x = _GAP + index % across * (width + _GAP)
        y = top + index // across * (height + _LINE + _GAP)
        page.paste(on_white(image).resize((width, height), Image.Resampling.NEAREST), (x, y))
        pen.text((x, y + height + 3), cut(label, width, pen, font), _FAINT, font)
    return page


Font = ImageFont.FreeTypeFont | ImageFont.ImageFont


def cut(text: str, width: float, pen: ImageDraw.ImageDraw, font: Font) -> str:
    """`text` in one line, with dots for what does not fit into `width` pixels."""
    line = " ".join(text[:400].split())
    if pen.textlength(line, font) <= width:
        return line
    while line and pen.textlength(line + "...", font) > width:
        line = line[:-1]
    return line + "..."
