"""How a large picture is computed in parts, and along which axes it goes on at its edges.

Takes plain values, gives a frozen record. Knows no model; what a tile is to a network is known to the engine.
"""

from typing import Annotated, Self

from pydantic import model_validator

from mezzotint.values.errors import BadValue
from mezzotint.values.names import SEAMLESS, WINDOWS
from mezzotint.values.value import Value, one_of, option

WindowName = Annotated[str, one_of("tile_window", WINDOWS)]
Axes = Annotated[str, one_of("seamless", SEAMLESS)]

DECODE_TILE = 1024
"""The side of the largest picture that is decoded at once where a recipe says nothing: so the bits of a picture depend
on its recipe alone, and not on the memory that is free."""


class Tiling(Value):
    """`tile` is the side, in pixels, of the overlapping parts that the denoiser is asked about one by one (None: the
    whole picture); `overlap` and `window` are what neighbours share and how they are blended. `seamless` are the
    axes along which the last pixel meets the first. A picture of more pixels than a square of `decode_tile` is decoded
    in the memory of such a square, to the same result but for the last bits.
    """

    tile: Annotated[
        int | None,
        option(
            "tile", "side of overlapping parts to draw a large picture in", least=16, most=4096, multiple=8
        ),
    ] = None
    overlap: Annotated[
        int | None,
        option("tile_overlap", "what neighbouring tiles share at least", least=0, most=4088, multiple=8),
    ] = None
    window: Annotated[WindowName | None, option("tile_window", "how tiles are blended", names=WINDOWS)] = None
    seamless: Annotated[
        Axes | None, option("seamless", "axes along which copies of the picture join", names=SEAMLESS)
    ] = None
    decode_tile: Annotated[
        int | None,
        option(
            "decode_tile", "decode in the memory of a picture of this side", least=64, most=4096, multiple=8
        ),
    ] = None

    @model_validator(mode="after")
    def _tiles_that_there_are(self) -> Self:
        if self.tile is None:
            given = "tile_overlap" if self.overlap is not None else "tile_window" if self.window else None
            if given is not None:
                raise BadValue(given, "there are no tiles", "give the side of a tile, too")
        elif self.shared >= self.tile:
            raise BadValue("tile_overlap", f"{self.shared} is all of a tile of {self.tile}", "use less")
        return self

    @property
    def shared(self) -> int:
        """The pixels that neighbouring tiles share at least: half of a tile where nothing is said."""
        if self.overlap is not None:
            return self.overlap
        return 0 if self.tile is None else self.tile // 16 * 8

    @property
    def wraps(self) -> tuple[bool, bool]:
        """Whether columns go on from the bottom to the top, and rows from the right to the left."""
        return self.seamless in ("y", "both"), self.seamless in ("x", "both")

    def in_bands(self, width: int, height: int) -> int | None:
        """The side of the picture whose memory decoding may take; None where the picture is small enough at once."""
        side = self.decode_tile or DECODE_TILE
        return side if width * height > side * side else None
