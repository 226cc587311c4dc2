"""Measures samplers on the embedded model: pictures a second, network calls, and what fewer steps lose.

A cell is a sampler, a spacing and a number of steps. Every cell draws the same questions with the same seeds, half of
them a thing in a colour that it never had in training, half a thing in a style that was shown, as `mezzotint evaluate`
asks them; so cells are compared in pairs, and intervals come from the bootstrap over questions. What is judged:

- likeness: the score that the evaluation's classifier gives the thing asked for (its target is 1 for the thing and 0
  for others). It is a number, not a yes or no, so it tells cells apart by fewer pictures than the share recognised;
- recognised (shown styles) and colour right, as in the model card; KID against real pictures of the same questions.

Each cell is written when it is done, a line for each block of questions, and is not drawn again: a stopped run goes on
where it was, and more questions can be asked of a few cells later. Run `python bench/samplers.py --help`.
"""

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from time import perf_counter, process_time

import numpy as np
import torch
from figures import STYLES, by_the_classifier
from numpy.typing import NDArray
from PIL import Image
from samplers_told import Cell, Line, block_file, cell_of, chart, cut, lines, results, table

from mezzotint import Drawn, Engine, compose
from mezzotint.evaluate.answers import colour_of
from mezzotint.evaluate.features import features, open_inception
from mezzotint.evaluate.probe import Probe, fit
from mezzotint.evaluate.questions import Question, colour_questions, seen_questions
from mezzotint.nets.unet import UNet
from mezzotint.train.data.sprites import Selection, Sprites, load

BLOCK, BATCH, SIDE, SEED = 32, 8, 64, 20_000
JUDGED_BY = ("glossy gradient", "blob emoji", "firefox emoji")
ONE_CALL = (
    "dpmpp_2m:karras", "dpmpp_2m:trailing", "dpmpp_2m:align_your_steps", "dpmpp_2m:kl_optimal", "unipc:karras",
    "unipc:trailing", "deis:trailing", "ipndm:trailing", "er_sde:karras", "dpmpp_2m_sde:karras",
    "dpmpp_3m_sde:exponential", "sa_solver:karras", "euler:trailing", "euler:karras", "euler_a:trailing",
    "ddim:leading", "lms:karras",
)  # fmt: skip
TWO_CALLS = ("heun:karras", "dpm2:karras", "dpmpp_2s_a:karras", "dpmpp_sde:karras")

COARSE = (
    *(cell_of(f"{pair}:{steps}") for steps in (6, 10, 20) for pair in ONE_CALL),
    *(cell_of(f"{pair}:{steps}") for steps in (3, 5, 10) for pair in TWO_CALLS),
)
"""Every method with about 6, 10 and 20 network calls."""


@dataclass(frozen=True)
class Asked:
    """A question with the seed of its picture; `coloured` says that its colour is judged too."""

    question: Question
    seed: int
    coloured: bool

    @property
    def concept(self) -> str:
        """The thing asked for."""
        return self.question.scene.things[0].sprite.concept


@dataclass(frozen=True)
class Material:
    """The questions, the classifier, and the features `N D` of the real pictures of the questions."""

    asked: list[Asked]
    probe: Probe
    real: NDArray[np.float32]


def kept(path: Path, images: Callable[[], Sequence[Image.Image]], weights: Path) -> NDArray[np.float32]:
    """The features of pictures, from the file `path` where it exists."""
    if not path.exists():
        found = torch.cat(list(features(open_inception(weights), images()))).numpy()
        np.save(path, found)
    return np.load(path)


def material(data: Path, weights: Path, folder: Path, count: int) -> Material:
    """`count` questions, kinds in turn, and their judge; the same for every larger count."""
    sprites = load(data, 128, Selection(200, STYLES))
    everything = load(data, 128, Selection(None, JUDGED_BY))
    known = frozenset(sprites.concepts)
    lessons = Sprites([sprite for sprite in everything.all if sprite.concept in known])
    taught = seen_questions(lessons, len(lessons.all), SEED, SIDE)
    names = [q.scene.things[0].sprite.concept for q in taught]
    learnt = kept(folder / "lessons.npy", lambda: [q.real for q in taught], weights)
    half = -(-count // 2)
    pairs = zip(
        colour_questions(sprites, half, SEED, SIDE), seen_questions(sprites, half, SEED, SIDE), strict=True
    )
    asked = [
        Asked(question, SEED + place, place_in_pair == 0)
        for place, pair in enumerate(pairs)
        for place_in_pair, question in enumerate(pair)
    ][:count]
    unknown = {one.concept for one in asked} - set(names)
    assert not unknown, f"the judge has never seen {unknown}"
    real = kept(folder / f"real-{count}.npy", lambda: [one.question.real for one in asked], weights)
    return Material(asked, fit(torch.from_numpy(learnt), names), real)


def calls_of(cell: Cell) -> int:
    """How often a picture of the cell calls the network, counted on the toy model."""
    found = 0

    def count(module: torch.nn.Module, given: object, answer: object) -> None:
        nonlocal found
        found += isinstance(module, UNet)

    hook = torch.nn.modules.module.register_module_forward_hook(count)
    try:
        recipe = compose(
            "cat",
            model="toy",
            sampler=cell.sampler,
            spacing=cell.spacing,
            steps=cell.steps,
            seed=1,
            guidance=4.0,
        )
        list(Engine("cpu", threads=1).run(recipe))
    finally:
        hook.remove()
    return found


def drawn(
    engine: Engine, cell: Cell, asked: Sequence[Asked]
) -> tuple[list[Image.Image], list[float], list[float]]:
    """The pictures, and for each batch the wall and the processor seconds that one picture took."""
    images: list[Image.Image] = []
    walls: list[float] = []
    used: list[float] = []
    for start in range(0, len(asked), BATCH):
        part = asked[start : start + BATCH]
        recipes = [
            compose(
                one.question.prompt, seed=one.seed, sampler=cell.sampler, spacing=cell.spacing, steps=cell.steps,
                numerics="fast",
            )
            for one in part
        ]  # fmt: skip
        wall, before = perf_counter(), process_time()
        events = [event for event in engine.run_batch(recipes) if isinstance(event, Drawn)]
        walls.append((perf_counter() - wall) / len(part))
        used.append((process_time() - before) / len(part))
        images += [event.picture.image for event in sorted(events, key=lambda event: event.index)]
    return images, walls, used


def measured(
    engine: Engine, cell: Cell, first: int, given: Material, weights: Path
) -> tuple[Line, NDArray[np.float32]]:
    """The line of one block of questions from `first`, and the features of its pictures."""
    asked = given.asked[first : first + BLOCK]
    images, walls, used = drawn(engine, cell, asked)
    seen = torch.cat(list(features(inception(weights), images)))
    scores = given.probe.scores(seen)
    places = [given.probe.names.index(one.concept) for one in asked]
    named = (scores.argmax(1) == torch.tensor(places)).tolist()
    line: Line = {
        "cell": str(cell), "first": first, "calls": calls_of(cell), "threads": 1, "load": round(os.getloadavg()[0], 1),
        "wall": [round(s, 4) for s in walls], "cpu": [round(s, 4) for s in used],
        "likeness": [round(float(scores[i, place]), 4) for i, place in enumerate(places)],
        "named": [None if one.coloured else bool(hit) for one, hit in zip(asked, named, strict=True)],
        "colour": [
            colour_of(image) == one.question.scene.things[0].colour if one.coloured else None
            for one, image in zip(asked, images, strict=True)
        ],
    }  # fmt: skip
    return line, seen.numpy()


@cache
def inception(weights: Path) -> torch.nn.Module:
    """The network of features, opened once."""
    return open_inception(weights)


def run(cells: Sequence[Cell], given: Material, weights: Path, folder: Path) -> None:
    """Measures what is missing, a line at a time."""
    engine = Engine("cpu", threads=1)
    list(engine.run(compose("a cat", seed=1)))  # opening the model is not timed
    for first in range(0, len(given.asked), BLOCK):
        for cell in cells:
            if any(line["cell"] == str(cell) and line["first"] == first for line in lines(folder)):
                continue
            line, seen = measured(engine, cell, first, given, weights)
            np.save(block_file(folder, cell, first), seen)
            with (folder / "cells.jsonl").open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(cell, first, f"{np.mean(line['likeness']):.3f}", flush=True)


def main() -> None:
    """Measures what the arguments ask for, or shows what was measured."""
    parser = by_the_classifier(__doc__)
    parser.add_argument("--folder", type=Path, default=Path("runs/samplers"), help="where results are kept")
    parser.add_argument("--questions", type=int, default=BLOCK, help="how many, counted in blocks of 32")
    parser.add_argument("--cells", nargs="+", type=cell_of, help="as sampler:spacing:steps")
    parser.add_argument(
        "--turn", default="0/1", help="I/N: only every Nth cell from the Ith, to share the work"
    )
    parser.add_argument("--show", action="store_true", help="measure nothing, print the table")
    parser.add_argument("--chart", type=Path, help="with --show: the picture of all cells")
    given = parser.parse_args()
    torch.set_num_threads(1)
    given.folder.mkdir(parents=True, exist_ok=True)
    weights = given.weights or given.data / "packages"
    blocks = -(-given.questions // BLOCK)
    judged = material(given.data, weights, given.folder, blocks * BLOCK)
    if not given.show:
        turn, turns = map(int, given.turn.split("/"))
        run((given.cells or COARSE)[turn::turns], judged, weights, given.folder)
        return
    found = {cell: cut(result, given.questions) for cell, result in results(given.folder).items()}
    print(table(found, judged.real, given.cells or list(found)))
    if given.chart:
        chart(found, given.chart)


if __name__ == "__main__":
    main()
