"""Lays the pictures of a plot out as one labelled image.

Takes the axes and a picture for each cell; columns are the first axis, rows the second, and the third stands as one
block below the other. Small pictures are enlarged by whole factors; large ones shrink until the sheet has a size that
every viewer opens. Writes nothing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw, ImageFont

from mezzotint.engine.telling.grid import Font, cut
from mezzotint.values.axes import Axis, Cell

SMALLEST, LARGEST = 128, 768
"""Pixels of a cell's longer side."""
MOST_PIXELS = 2**26
_GAP, _LETTER, _HEAD, _LINE = 10, 15, 20, 20
_LABEL_LINES, _WIDEST_LABEL = 3, 220
_PAPER, _INK, _FAINT, _FRAME = "white", "#202020", "#606060", "#d8d8d8"

PictureOf = Callable[[Cell], Image.Image]


@dataclass(frozen=True)
class _Frame:
    """The measures of a sheet: the box of a cell, the room for labels of rows and columns, and the counts."""

    cell: tuple[int, int]
    left: int
    head: int
    counts: tuple[int, int, int]

    @property
    def block(self) -> int:
        """Height of one block with its heads."""
        return self.head + self.counts[1] * (self.cell[1] + _GAP)

    @property
    def width(self) -> int:
        return _GAP + self.left + self.counts[0] * (self.cell[0] + _GAP)


def sheet(axes: Sequence[Axis], picture: PictureOf, title: str, settings: str) -> Image.Image:
    """The sheet of one to three axes. `picture` is asked for each cell once, so that few are in memory at a time."""
    counts = tuple(len(axes[i].values) if len(axes) > i else 1 for i in range(3))
    sizes = [picture(cell).size for cell in _corner_cells(axes)]
    font = ImageFont.load_default(_LETTER)
    pen = ImageDraw.Draw(Image.new("RGB", (1, 1)))
    frame = _frame(axes, (counts[0], counts[1], counts[2]), sizes, pen, font)
    top = _GAP + _HEAD + _LINE + _GAP
    page = Image.new("RGB", (frame.width, top + counts[2] * frame.block), _PAPER)
    pen = ImageDraw.Draw(page)
    bold = ImageFont.load_default(_HEAD - 3)
    pen.text((_GAP, _GAP), cut(title, frame.width - 2 * _GAP, pen, bold), _INK, bold)
    pen.text((_GAP, _GAP + _HEAD + 4), cut(settings, frame.width - 2 * _GAP, pen, font), _FAINT, font)
    for z in range(counts[2]):
        _block(page, pen, font, frame, axes, picture, z, top + z * frame.block)
    return page


def _corner_cells(axes: Sequence[Axis]) -> list[Cell]:
    """Cells that show every size that occurs: along each axis, the others at their first value."""
    zero = [0] * len(axes)
    return [(*zero[:i], n, *zero[i + 1 :]) for i, axis in enumerate(axes) for n in range(len(axis.values))]


def _frame(
    axes: Sequence[Axis],
    counts: tuple[int, int, int],
    sizes: Sequence[tuple[int, int]],
    pen: ImageDraw.ImageDraw,
    font: Font,
) -> _Frame:
    width, height = (max(size[i] for size in sizes) for i in (0, 1))
    factor = float(max(1, -(-SMALLEST // max(width, height))))
    total = width * height * counts[0] * counts[1] * counts[2]
    factor = min(factor, max(1.0, LARGEST / max(width, height)), (MOST_PIXELS / total) ** 0.5)
    if max(width, height) > LARGEST:
        factor = min(factor, LARGEST / max(width, height))
    cell = (max(1, int(width * factor)), max(1, int(height * factor)))
    labels = [axes[1].label(i) for i in range(counts[1])] if len(axes) > 1 else []
    left = min(_WIDEST_LABEL, round(max((pen.textlength(label, font) for label in labels), default=0)))
    heads = [wrapped(axes[0].label(i), cell[0], pen, font) for i in range(counts[0])]
    lines = max(len(head) for head in heads) + (1 if len(axes) > 2 else 0)
    return _Frame(cell, left + _GAP if left else 0, lines * _LINE + _GAP, counts)


def _block(
    page: Image.Image,
    pen: ImageDraw.ImageDraw,
    font: Font,
    frame: _Frame,
    axes: Sequence[Axis],
    picture: PictureOf,
    z: int,
    top: int,
) -> None:
    """Draws the block of the value number `z` of the third axis."""
    across, down = frame.cell[0] + _GAP, frame.cell[1] + _GAP
    left = _GAP + frame.left
    if len(axes) > 2:
        pen.text((_GAP, top), cut(axes[2].label(z), frame.width - 2 * _GAP, pen, font), _INK, font)
    for x in range(frame.counts[0]):
        lines = wrapped(axes[0].label(x), frame.cell[0], pen, font)
        for number, line in enumerate(lines):
            middle = left + x * across + (frame.cell[0] - pen.textlength(line, font)) / 2
            pen.text((middle, top + frame.head - _GAP - (len(lines) - number) * _LINE + 4), line, _INK, font)
    for y in range(frame.counts[1]):
        place = top + frame.head + y * down
        if len(axes) > 1:
            lines = wrapped(axes[1].label(y), frame.left - _GAP, pen, font)
            begin = place + (frame.cell[1] - len(lines) * _LINE) / 2
            for number, line in enumerate(lines):
                pen.text((_GAP, begin + number * _LINE), line, _INK, font)
        for x in range(frame.counts[0]):
            image = _fitted(picture((x, y, z)[: len(axes)]), frame.cell)
            aside, below = ((frame.cell[i] - image.size[i]) // 2 for i in (0, 1))
            corner = (left + x * across + aside, place + below)
            page.paste(image, corner)
            # A thin frame shows where a picture with a white ground ends.
            edge = (corner[0] - 1, corner[1] - 1, corner[0] + image.width, corner[1] + image.height)
            pen.rectangle(edge, outline=_FRAME)


def _fitted(image: Image.Image, cell: tuple[int, int]) -> Image.Image:
    """The image as large as the cell allows: enlarged by a whole factor, or smoothly made smaller."""
    room = min(cell[0] / image.width, cell[1] / image.height)
    if room >= 1:
        factor = int(room)
        return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    size = (max(1, int(image.width * room)), max(1, int(image.height * room)))
    return image.resize(size, Image.Resampling.LANCZOS)


def wrapped(text: str, width: float, pen: ImageDraw.ImageDraw, font: Font) -> list[str]:
    """`text` in at most three lines of `width` pixels, with dots for what does not fit."""
    lines: list[str] = []
    words = text[:400].split()
    while words and len(lines) < _LABEL_LINES - 1:
        count = 1
        while count < len(words) and pen.textlength(" ".join(words[: count + 1]), font) <= width:
            count += 1
        lines.append(cut(" ".join(words[:count]), width, pen, font))
        words = words[count:]
    return [*lines, cut(" ".join(words), width, pen, font)] if words else lines or [""]
