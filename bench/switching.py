"""Switches between two models in one process, again and again, and prints how its memory grows.

Writes two files of a reduced SD 1.5 (110 million values each, 220 MB in float16), with room for one of them
open. Each turn opens the other one in float32 and draws one step of a small picture. Run with --help for the settings.
"""

import argparse
import gc
import os
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, median
from time import perf_counter

import torch
from opening import resident

from mezzotint.engine.api import draw
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.engine.model import Models
from mezzotint.engine.placement import place
from mezzotint.families.assemble import empty_model, weights_of
from mezzotint.families.family import Family
from mezzotint.families.registry import find
from mezzotint.families.sd1 import SD1
from mezzotint.families.tables import single_file_of
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import InMemory, save_tensors

TEXT = replace(SD1.text, geometry=replace(SD1.text.geometry, width=384, layers=6, heads=6, hidden=1536))
REDUCED = replace(
    SD1,
    texts=(TEXT,),
    denoiser=replace(SD1.unet, channels=(96, 192, 320, 320), context=384),
    autoencoder=replace(SD1.autoencoder, channels=(64, 128, 256, 256)),
)
WARM = 10
"""Turns before the first measurement, in which everything is loaded that stays. As many are compared: the allocator
holds more memory at every other turn."""


def make(folder: Path, family: Family, count: int) -> list[Path]:
    """`count` files with weights from seeds."""
    paths = [folder / f"{n}.safetensors" for n in range(count)]
    shapes = {n: tuple(t.shape) for n, t in weights_of(empty_model(family).networks).items()}
    for seed, path in enumerate(paths):
        torch.manual_seed(seed)
        ours = {n: torch.randn(shape, dtype=torch.float16) * 0.02 for n, shape in shapes.items()}
        save_tensors(single_file_of(family).export(InMemory(path, ours)), path)
    return paths


def switching(paths: list[Path], turns: int, draws: bool) -> None:
    """Opens each file in turn and prints the memory on the way."""
    engine, models = Engine("cpu", 1), Models(place("cpu", 1))
    found: list[float] = []
    seconds: list[float] = []
    for turn in range(WARM + turns):
        path, start = str(paths[turn % len(paths)]), perf_counter()
        if draws:
            draw(engine, compose("a cat", model=path, width=64, height=64, steps=1, seed=1))
        else:
            models.get(ModelUse(base=path), "float32")
        gc.collect()
        seconds.append(perf_counter() - start)
        found.append(resident("VmRSS"))
    kept = found[WARM:]
    first, last = mean(kept[:WARM]), mean(kept[-WARM:])
    what = "open and draw" if draws else "open"
    print(
        f"{what}: {turns} turns, {median(seconds):.2f} s each, VmRSS {' '.join(f'{x:.0f}' for x in found)} MB"
    )
    print(
        f"first {WARM} turns after the warm-up {first:.0f} MB, last {WARM} {last:.0f} MB: {last / first - 1:+.2%}"
    )


def getting(path: Path) -> None:
    """How long it takes to ask for a model that is open, and to find it anew."""
    models = Models(place("cpu", 1))
    use = ModelUse(base=str(path))
    models.get(use, "float32")

    def best(act: Callable[[], object]) -> float:
        times: list[float] = []
        for _ in range(20):
            start = perf_counter()
            act()
            times.append(perf_counter() - start)
        return 1000 * median(times)

    asked, found = best(lambda: models.get(use, "float32")), best(lambda: find(use))
    print(f"asking for the open model {asked:.2f} ms; recognising its file {found:.2f} ms\n")


def main() -> None:
    """Makes the files and prints the measurements."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--turns", type=int, default=50)
    parser.add_argument("--no-pictures", action="store_true", help="open the models and draw nothing")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        paths = make(Path(folder), REDUCED, 2)
        gc.collect()
        print(f"{paths[0].stat().st_size / 1e6:.0f} MB a file, load {os.getloadavg()[0]:.1f}")
        getting(paths[0])
        switching(paths, given.turns, not given.no_pictures)


if __name__ == "__main__":
    main()
