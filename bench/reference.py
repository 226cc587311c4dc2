"""Measures what a reference does to pictures of the embedded model: how near they come to it, and what that costs.

Of N things, each from its own prompt and seed, pictures are drawn without a reference, with one, and with that of
another. References are pictures that the model drew of other things in colours that were named. Told are distances to a
picture's own reference: of LPIPS, and of colours (1 - the overlap of histograms of 8 x 8 x 8 bins); and LPIPS to the
picture without a reference, which is how much changed. Intervals are 95 %, from the bootstrap over pictures.

Run `python bench/reference.py --cache FOLDER`, with the folder in which LPIPS lies.
"""

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from figures import interval
from PIL import Image

from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.train.lpips import Lpips, open_lpips
from mezzotint.values.events import Drawn

THINGS = (
    "a mug",
    "a house",
    "a car",
    "a fish",
    "a hat",
    "a tree",
    "a ball",
    "a shoe",
    "a cat",
    "a key",
    "a bell",
    "a cup",
)
SHOWN = ("an apple", "a flower", "a heart", "a star", "a balloon", "a bird", "a leaf", "a gift")
COLOURS = ("red", "blue", "green", "yellow", "purple", "orange")
SETTINGS = ("", ",fidelity=1", ",weight=3,fidelity=1", ",weight=0.3", ",fidelity=0")
BINS = 8


def drawn(engine: Engine, text: str, seed: int, control: Sequence[str] = ()) -> Image.Image:
    """One picture of the embedded model."""
    for event in engine.run(compose(text, seed=seed, control=control)):
        if isinstance(event, Drawn):
            return event.picture.image
    raise RuntimeError("nothing was drawn")


def colours(image: Image.Image) -> np.ndarray:
    """The histogram of the colours of a picture, of sum 1."""
    levels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    return np.histogramdd(levels, bins=BINS, range=[(0, 256)] * 3)[0] / len(levels)


def near(lpips: Lpips, a: Image.Image, b: Image.Image) -> tuple[float, float]:
    """The distances of two pictures: LPIPS, and of their colours."""
    x, y = (
        torch.tensor(np.asarray(one.convert("RGB"), dtype=np.float32)).permute(2, 0, 1)[None] / 127.5 - 1
        for one in (a, b)
    )
    return float(lpips(x, y)), float(1 - np.minimum(colours(a), colours(b)).sum())


def told_of(
    lpips: Lpips,
    word: str,
    made: Sequence[Image.Image],
    shown: Sequence[Image.Image],
    plain: Sequence[Image.Image],
) -> None:
    """Prints a row: how near pictures are to their own references, and to those without one."""
    to = [near(lpips, one, other) for one, other in zip(made, shown, strict=True)]
    cost = [near(lpips, one, other)[0] for one, other in zip(made, plain, strict=True)]
    figures = ([d[0] for d in to], [d[1] for d in to], cost)
    print(f"| {word} | " + " | ".join(map(interval, figures)) + " |", flush=True)


def main() -> None:
    """Draws, measures and prints."""
    told = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    told.add_argument("--cache", type=Path, required=True)
    told.add_argument("--count", type=int, default=48)
    told.add_argument("--out", type=Path, default=Path("reference-pictures"))
    asked = told.parse_args()
    engine, lpips = Engine("cpu", 1), open_lpips(asked.cache)
    asked.out.mkdir(parents=True, exist_ok=True)
    shown, plain = list[Image.Image](), list[Image.Image]()
    for k in range(asked.count):
        text = f"a {COLOURS[k % len(COLOURS)]} {SHOWN[k % len(SHOWN)].partition(' ')[2]}, 3d render"
        shown.append(drawn(engine, text, 1000 + k))
        shown[-1].save(asked.out / f"{k}.png")
        plain.append(drawn(engine, f"{THINGS[k % len(THINGS)]}, 3d render", k))
    print("| reference | LPIPS to its own | colours to its own | LPIPS to the one without |", flush=True)
    told_of(lpips, "without", plain, shown, plain)
    kept: list[list[Image.Image]] = []
    for settings in SETTINGS:
        for word, shift in (("own", 0), ("another's", 1)):
            files = [asked.out / f"{(k + shift) % asked.count}.png" for k in range(asked.count)]
            made = [
                drawn(
                    engine, f"{THINGS[k % len(THINGS)]}, 3d render", k, [f"reference:image={file}{settings}"]
                )
                for k, file in enumerate(files)
            ]
            told_of(lpips, f"{word} {settings.lstrip(',') or 'as it is'}", made, shown, plain)
            kept.append(made)
    sheet = Image.new("RGB", (64 * 12, 64 * 4), "white")
    for k in range(min(12, asked.count)):
        for row, one in enumerate((shown[k], plain[k], kept[0][k], kept[2][k])):
            sheet.paste(one, (64 * k, 64 * row))
    sheet.save(asked.out / "sheet.png")


if __name__ == "__main__":
    main()
