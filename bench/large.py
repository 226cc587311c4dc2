"""Pictures of 1024 and 2048 pixels in tiles: peak memory, seconds, and whether tiles show: their
borders, or the same thing in each.

Every case runs in a fresh process. Memory is the largest resident set of the process, a mapped file of weights
among it. The embedded model draws an apple of 64 pixels and enlarges it, as docs/howto/large.md says, with 2 steps in
tiles of 128 and 4 steps in tiles of 256; beside it its decoder alone, in parts and at once. Stable Diffusion 1.5, a
file of random weights in bfloat16, draws pictures of 1 step, in tiles of 512 pixels and untiled. Run with --help for
the settings.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch

from mezzotint.engine import stages
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.engine.model import Models
from mezzotint.engine.placement import place
from mezzotint.engine.tiling import tiles_for
from mezzotint.engine.walk import Walk
from mezzotint.evaluate.lattice import lattice
from mezzotint.evaluate.seams import seams
from mezzotint.families.assemble import empty_model, weights_of
from mezzotint.families.registry import find
from mezzotint.families.sd1 import SD1
from mezzotint.families.tables import single_file_of
from mezzotint.values.events import Drawn
from mezzotint.values.picture import Picture
from mezzotint.values.recipe import ModelUse, Recipe
from mezzotint.values.tiling import Tiling
from mezzotint.weights.files import InMemory, save_tensors

PROMPT = "a red apple, 3d render"
AT_ONCE = 4096
"""The side of a picture that is larger than any here: it is decoded at once."""


@dataclass(frozen=True)
class Case:
    """One process: whose picture, how large, at last in tiles of `tile` pixels (0: none), decoded in the memory of
    `decode`."""

    name: str
    side: int
    tile: int
    decode: int

    @property
    def words(self) -> list[str]:
        """The case as words of a command line."""
        return [self.name, str(self.side), str(self.tile), str(self.decode)]


CASES = (
    Case("mini", 64, 0, AT_ONCE),
    Case("mini", 512, 128, 512),
    Case("mini", 2048, 256, 512),
    Case("mini-decode", 1024, 0, 512),
    Case("mini-decode", 2048, 0, 512),
    Case("mini-decode", 1024, 0, AT_ONCE),
    Case("mini-decode", 2048, 0, AT_ONCE),
    Case("sd1", 512, 0, AT_ONCE),
    Case("sd1", 1024, 0, AT_ONCE),
    Case("sd1", 1024, 512, 720),
    Case("sd1", 2048, 512, 1448),
    Case("sd1", 2048, 0, AT_ONCE),
)


def peak() -> float:
    """The largest resident set of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def borders(starts: list[int], side: int) -> list[int]:
    """The first lines behind the edges of tiles that begin at latent places `starts`, in pixels."""
    return sorted({8 * start for start in starts[1:]} | {8 * start + side for start in starts[:-1]})


def shown(picture: Picture) -> str:
    """What is seen of the borders of the tiles of a picture."""
    recipe, last = picture.recipe, picture.recipe.passes[-1]
    walk = Walk(recipe, len(recipe.passes) - 1, *picture.image.size)
    tiles = tiles_for(walk, find(last.model).family)
    if len(tiles) == 1:
        return "one tile"
    side = last.tiling.tile or 0
    rows = borders(sorted({tile.top for tile in tiles}), side)
    columns = borders(sorted({tile.left for tile in tiles}), side)
    levels = np.asarray(picture.image).astype(float)
    found = seams(levels, rows, columns)
    again = lattice(levels, stride({tile.top for tile in tiles}), stride({tile.left for tile in tiles}))
    return (
        f"{len(tiles)} tiles, steps at borders {found.ratio:.3f} of those elsewhere, p {found.p:.2f}, "
        f"repeats {again.excess:.1f} dB, p {again.p:.2f}"
    )


def stride(starts: set[int]) -> int | None:
    """The distance between tiles that begin at latent places `starts`, in pixels; None for one."""
    return 8 * round((max(starts) - min(starts)) / (len(starts) - 1)) if len(starts) > 1 else None


def drawn(recipe: Recipe) -> Picture:
    """The picture of a recipe."""
    (picture,) = [event.picture for event in Engine("cpu", 2).run(recipe) if isinstance(event, Drawn)]
    return picture


ENLARGED = "scale={},upscaler=mini_2x,strength=0.25,steps={},tile={},decode_tile={}"
THEN = {64: (), 512: ((8, 8, 128),), 2048: ((8, 8, 128), (4, 16, 256))}
"""The further passes to a side of so many pixels: factor, steps before strength, tile."""


def mini(case: Case, given: argparse.Namespace) -> str:
    """The embedded model draws."""
    then = [ENLARGED.format(*one, case.decode) for one in THEN[case.side]]
    picture = drawn(compose(PROMPT, model="mini", seed=1, steps=10, decode_tile=case.decode, then=then))
    if given.out is not None:
        picture.save(str(given.out / f"mini-{case.side}.png"))
    return shown(picture)


def mini_decode(case: Case, given: argparse.Namespace) -> str:
    """The decoder of the embedded model alone."""
    located = find(ModelUse(base="mini"))
    opened = Models(place("cpu", 2)).get(ModelUse(base="mini"), "float32")
    latent = located.family.latent
    before, sides = peak(), (case.side // latent.factor, case.side // latent.factor)
    with place("cpu", 2).pinned(True):
        torch.manual_seed(0)
        x = torch.randn(1, latent.channels, *sides)
        stages.finish(stages.decode(opened, x, False, Tiling(decode_tile=case.decode)))
    return f"{before:.0f} MB before"


def make_sd1(path: Path) -> None:
    """Writes a file of Stable Diffusion 1.5 in bfloat16, with random weights that keep the size of signals."""
    torch.manual_seed(0)
    ours = {}
    for name, like in weights_of(empty_model(SD1).networks).items():
        if like.dim() > 1:
            ours[name] = (torch.randn(like.shape) * like[0].numel() ** -0.5).to(torch.bfloat16)
        else:
            one = "norm" in name and name.endswith("weight")
            ours[name] = torch.full(like.shape, float(one), dtype=torch.bfloat16)
    save_tensors(single_file_of(SD1).export(InMemory(path, ours)), path)


def sd1(case: Case, given: argparse.Namespace) -> str:
    """Stable Diffusion 1.5 draws, without guidance: one call a step."""
    recipe = compose(
        PROMPT,
        model=str(given.sd1),
        precision="bfloat16",
        sampler="euler",
        spacing="leading",
        steps=1,
        guidance=1.0,
        seed=1,
        width=case.side,
        height=case.side,
        tile=case.tile or None,
        decode_tile=case.decode,
    )
    return shown(drawn(recipe))


RUNS = {"mini": mini, "mini-decode": mini_decode, "sd1": sd1}


def main() -> None:
    """Runs one case, or all of them in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("case", nargs="*", help="NAME SIDE TILE DECODE: this case alone")
    parser.add_argument("--out", type=Path, help="a folder for the pictures of the embedded model")
    parser.add_argument(
        "--sd1", type=Path, help="the file of Stable Diffusion 1.5, made where it is not there"
    )
    given = parser.parse_args()
    if given.case:
        one(given)
        return
    with tempfile.TemporaryDirectory() as scratch:
        given.sd1 = given.sd1 or Path(scratch, "sd1.safetensors")
        more = ["--sd1", str(given.sd1), *(["--out", str(given.out)] if given.out else [])]
        for case in CASES:
            if case.name == "sd1" and not given.sd1.exists():
                # In a process of its own, so that this one stays small.
                spawned = get_context("spawn").Process(target=make_sd1, args=(given.sd1,))
                spawned.start()
                spawned.join()
            subprocess.run([sys.executable, __file__, *case.words, *more], check=True)


def one(given: argparse.Namespace) -> None:
    """Runs the case that is named, and prints it."""
    name, *numbers = given.case
    case, start, used = Case(name, *map(int, numbers)), perf_counter(), process_time()
    told = RUNS[name](case, given)
    where = f"tile {case.tile}" if case.tile else "whole"
    decoded = "at once" if case.decode >= case.side else f"in the memory of {case.decode}"
    seconds = f"{perf_counter() - start:6.1f} s  {process_time() - used:6.1f} processor s"
    print(
        f"{name:11} {case.side:5}  {where:8}  decoded {decoded:22}  {peak():6.0f} MB  {seconds}  {told}",
        flush=True,
    )


if __name__ == "__main__":
    main()
