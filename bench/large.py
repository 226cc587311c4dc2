"""Pictures of 1024 and 2048 pixels in tiles: peak memory, seconds, and whether tiles show: their
borders, or the same thing in each.

Every case runs in a fresh process. Memory is the largest resident set of the process. The embedded model draws 4 steps
in tiles of 64 pixels; beside it its decoder alone, in parts and at once. The geometry of SD 1.5, with random weights in
bfloat16, takes 1 step in tiles of 512 pixels, and decodes, each with the weights of its own networks alone. Run with
--help for the settings.
"""

import argparse
import resource
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from torch import Tensor

from mezzotint.engine import stages
from mezzotint.engine.composing.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.engine.guiding import guiding_of
from mezzotint.engine.model import Models, Opened
from mezzotint.engine.placement import place
from mezzotint.engine.tiling import tiles_for
from mezzotint.engine.walk import Walk
from mezzotint.evaluate.lattice import lattice
from mezzotint.evaluate.seams import seams
from mezzotint.families.assemble import empty_model
from mezzotint.families.family import Model
from mezzotint.families.registry import find
from mezzotint.families.sd1 import SD1
from mezzotint.values.events import Drawn
from mezzotint.values.picture import Picture
from mezzotint.values.recipe import ModelUse, Recipe
from mezzotint.values.tiling import Tiling

PROMPT = "a red apple on a blue ground, 3d render"
AT_ONCE = 4096
"""The side of a picture that is larger than any here: it is decoded at once."""


@dataclass(frozen=True)
class Case:
    """One process: whose picture, how large, in tiles of `tile` pixels (0: none), decoded in the memory of `decode`."""

    name: str
    side: int
    tile: int
    decode: int

    @property
    def words(self) -> list[str]:
        """The case as words of a command line."""
        return [self.name, str(self.side), str(self.tile), str(self.decode)]


CASES = (
    Case("mini", 64, 0, 1024),
    Case("mini", 1024, 64, 512),
    Case("mini", 2048, 64, 512),
    Case("mini-decode", 1024, 0, 512),
    Case("mini-decode", 2048, 0, 512),
    Case("mini-decode", 1024, 0, AT_ONCE),
    Case("mini-decode", 2048, 0, AT_ONCE),
    Case("sd1-step", 512, 0, 1024),
    Case("sd1-step", 1024, 512, 1024),
    Case("sd1-step", 2048, 512, 1024),
    Case("sd1-decode", 1024, 512, 1024),
    Case("sd1-decode", 2048, 512, 1448),
)


def whole(recipe: Recipe) -> Walk:
    """The only pass of a recipe."""
    return Walk(recipe, 0, recipe.width, recipe.height)


def peak() -> float:
    """The largest resident set of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def borders(starts: list[int], side: int) -> list[int]:
    """The first lines behind the edges of tiles that begin at latent places `starts`, in pixels."""
    return sorted({8 * start for start in starts[1:]} | {8 * start + side for start in starts[:-1]})


def shown(picture: Picture) -> str:
    """What is seen of the borders of the tiles of a picture."""
    recipe = picture.recipe
    tiles = tiles_for(whole(recipe), find(recipe.passes[0].model).family)
    if len(tiles) == 1:
        return "one tile"
    side = recipe.passes[0].tiling.tile or 0
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


def recipe_of(case: Case, model: str, steps: int) -> Recipe:
    """What is drawn."""
    return compose(
        PROMPT,
        model=model,
        sampler="euler",
        spacing="leading",
        steps=steps,
        guidance=None if model == "mini" else 1.0,
        seed=1,
        width=case.side,
        height=case.side,
        tile=case.tile or None,
        decode_tile=case.decode,
    )


def mini(case: Case, out: Path | None) -> str:
    """The embedded model draws."""
    recipe = recipe_of(case, "mini", 4)
    (picture,) = [e.picture for e in Engine("cpu", 2).run(recipe) if isinstance(e, Drawn)]
    if out is not None:
        picture.save(str(out / f"mini-{case.side}-{case.decode}.png"))
    return shown(picture)


def mini_decode(case: Case, out: Path | None) -> str:
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


def random_sd1(*parts: str) -> Model:
    """Stable Diffusion 1.5, `parts` of it with random weights that keep the size of signals: in bfloat16, the text
    encoder in float32."""
    model = empty_model(SD1)
    torch.manual_seed(0)
    for name, network in model.networks.items():
        if name not in parts:
            continue
        network.to_empty(device="cpu").to(torch.float32 if name == "text" else torch.bfloat16)
        for key, weight in network.named_parameters():
            if weight.dim() > 1:
                weight.data.normal_(0, weight[0].numel() ** -0.5)
            else:
                weight.data.fill_(1.0 if "norm" in key and key.endswith("weight") else 0.0)
    return model


def sd1_step(case: Case, out: Path | None) -> str:
    """One step of the denoiser of Stable Diffusion 1.5."""
    recipe, model = recipe_of(case, "toy", 1), random_sd1("unet", "text")
    opened = Opened(model, torch.bfloat16, find(ModelUse(base="toy")))
    before, device, guiding = peak(), torch.device("cpu"), guiding_of(recipe.passes[0], model)
    with place("cpu", 2).pinned(True):
        begun = stages.begin(model, [whole(recipe)], device)
        steered = stages.encode(model, [whole(recipe)], guiding.texts, device)
        denoise = stages.denoiser(opened, whole(recipe), steered, guiding, 1)
        latent: Tensor = list(stages.sample(denoise, begun, recipe.passes[0]))[-1].x
    assert bool(latent.isfinite().all())
    return f"{len(tiles_for(whole(recipe), SD1))} tiles, {before:.0f} MB before"


def sd1_decode(case: Case, out: Path | None) -> str:
    """The decoder of Stable Diffusion 1.5."""
    model = random_sd1("autoencoder")
    opened = Opened(model, torch.bfloat16, find(ModelUse(base="toy")))
    before, latent = peak(), torch.randn(1, 4, case.side // 8, case.side // 8) * 0.18
    with place("cpu", 2).pinned(True):
        pixels = stages.decode(opened, latent, False, Tiling(decode_tile=case.decode))
        stages.finish(pixels)
    assert bool(pixels.isfinite().all())
    return f"in the memory of {case.decode}, {before:.0f} MB before"


RUNS = {"mini": mini, "mini-decode": mini_decode, "sd1-step": sd1_step, "sd1-decode": sd1_decode}


def main() -> None:
    """Runs one case, or all of them in processes of their own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("case", nargs="*", help="NAME SIDE TILE DECODE: this case alone")
    parser.add_argument("--out", type=Path, help="a folder for the pictures of the embedded model")
    given = parser.parse_args()
    if not given.case:
        for case in CASES:
            more = ["--out", str(given.out)] if given.out else []
            subprocess.run([sys.executable, __file__, *case.words, *more], check=True)
        return
    name, *numbers = given.case
    case, start = Case(name, *map(int, numbers)), perf_counter()
    told = RUNS[name](case, given.out)
    where = f"tile {case.tile}" if case.tile else "whole"
    decoded = "at once" if case.decode >= case.side else f"in the memory of {case.decode}"
    cost = f"{peak():6.0f} MB  {perf_counter() - start:6.1f} s"
    print(f"{name:11} {case.side:5}  {where:8}  decoded {decoded:22}  {cost}  {told}", flush=True)


if __name__ == "__main__":
    main()
