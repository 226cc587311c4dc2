"""Measures `mezzotint upscale` with the embedded model on held pictures: PSNR and LPIPS, beside Lanczos.

Pictures of the data of training, from indices that training does not reach, are made smaller and enlarged again: by
Lanczos alone, by the verb as it is, and by either upscaler with the picture drawn over at each of some strengths.
Intervals are 95 %, from the bootstrap over pictures. With --sheets, what was drawn is written side by side. Run
`python bench/upscaling.py --help`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from figures import STYLES, interval, on_held_pictures
from PIL import Image

from mezzotint.engine.composing.redrawing import enlarged
from mezzotint.engine.engine import Engine
from mezzotint.train.data.sprites import Selection
from mezzotint.train.lpips import Lpips, open_lpips
from mezzotint.train.samples import HELD, grid, to_network
from mezzotint.train.sources import Composed
from mezzotint.train.typed import from_array
from mezzotint.values.events import Drawn

FIRST, SEED, SMALL, SHOWN = HELD + 20_000, 3, 64, 6
UPSCALERS = ("lanczos", "mini_2x")


def held(data: Path, by: int, count: int) -> Iterator[tuple[Image.Image, Image.Image, str]]:
    """Pictures, `by` times smaller and as they are, with their captions."""
    source = Composed(data, Selection(200, STYLES), SEED, SMALL * by)
    for index in range(count):
        levels, caption, _ = source(FIRST + index)
        whole = Image.fromarray(levels)
        yield whole.resize((SMALL, SMALL), Image.Resampling.BICUBIC), whole, caption


def psnr(made: Image.Image, wanted: Image.Image) -> float:
    """In decibels, of 255 levels."""
    apart = (np.asarray(made, float) - np.asarray(wanted, float)) / 255
    return float(-10 * np.log10(max(1e-10, float((apart**2).mean()))))


@torch.no_grad()
def far(lpips: Lpips, made: Image.Image, wanted: Image.Image) -> float:
    """LPIPS of two pictures."""
    a, b = (to_network(from_array(np.array(one))[None]) for one in (made, wanted))
    return float(lpips(a, b))


def drawn(engine: Engine, file: Path, by: int, flat: dict[str, object]) -> Image.Image:
    """The picture in `file`, as `mezzotint upscale` makes it."""
    recipe = enlarged(file, by, flat)
    (picture,) = [event.picture for event in engine.run(recipe) if isinstance(event, Drawn)]
    return picture.image


def ways(strengths: Sequence[float]) -> Iterator[tuple[str, dict[str, object]]]:
    """What is measured, with what is said to the verb."""
    yield "Lanczos alone", {"upscaler": "lanczos"}
    yield "as it is", {}
    for strength in strengths:
        for upscaler in UPSCALERS:
            yield f"{upscaler}, strength {strength:g}", {"upscaler": upscaler, "strength": strength}


def main() -> None:
    """Prints a line for each way."""
    parser = on_held_pictures(__doc__, 64)
    parser.add_argument("--by", type=int, nargs="*", default=[2], help="how many times larger")
    parser.add_argument("--strength", type=float, nargs="*", default=[])
    parser.add_argument("--model", default="mini")
    parser.add_argument("--sheets", type=Path, help="a folder for pictures side by side")
    given = parser.parse_args()
    lpips, engine = open_lpips(given.data / "packages"), Engine("cpu", 1)
    for by in given.by:
        pictures = list(held(given.data, by, given.count))
        rows = [[small.resize(whole.size, Image.Resampling.NEAREST) for small, whole, _ in pictures]]
        with TemporaryDirectory() as name:
            file = Path(name) / "small.png"
            for told, said in ways(given.strength):
                made: list[Image.Image] = []
                for small, _, caption in pictures:
                    small.save(file)
                    wishes = {"prompt": caption, "seed": 1, "model": given.model, **said}
                    made.append(drawn(engine, file, by, wishes))
                rows.append(made)
                signal = interval([psnr(a, b) for a, (_, b, _) in zip(made, pictures, strict=True)])
                look = interval([far(lpips, a, b) for a, (_, b, _) in zip(made, pictures, strict=True)])
                print(f"by {by}, {told}: PSNR {signal} dB, LPIPS {look}, n {len(made)}", flush=True)
        rows.append([whole for _, whole, _ in pictures])
        if given.sheets is not None:
            given.sheets.mkdir(parents=True, exist_ok=True)
            shown = [to_network(from_array(np.array(one))[None]) for row in rows for one in row[:SHOWN]]
            grid(torch.cat(shown), SHOWN).save(given.sheets / f"upscaling-{by}.png")


if __name__ == "__main__":
    main()
