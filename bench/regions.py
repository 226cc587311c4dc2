"""Measures regional prompts on the embedded model: whether two regions draw their two things, each in its half.

Every picture is 128 x 64 pixels; the left half is to be one thing and the right half another, asked for by regions of
either form, or by the prompt alone. Halves are cut out and told by the evaluation's classifier, which was fitted on the
same things in other styles. What is counted: how often a half is named its own thing among all things asked for, and
how often its own thing scores above that of the other half (chance is 1 in 2). Intervals are of the bootstrap.
Run `python bench/regions.py --data FOLDER`; the lines are printed, nothing is kept.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from figures import STYLES, by_the_classifier
from PIL import Image

from mezzotint import Engine, compose
from mezzotint.engine.api import draw
from mezzotint.evaluate.features import features, open_inception
from mezzotint.evaluate.probe import Probe, fit
from mezzotint.evaluate.questions import Question, seen_questions
from mezzotint.train.data.sprites import Selection, Sprites, load

SIDE, SEED = 64, 31_000
JUDGED_BY = ("glossy gradient", "blob emoji", "firefox emoji")
PLACES = ("0,0,0.5,1", "0.5,0,1,1")
GROUND = "a white ground"


def concept(question: Question) -> str:
    """The thing asked for."""
    return question.scene.things[0].sprite.concept


def pairs_of(asked: Sequence[Question]) -> list[tuple[Question, Question]]:
    """Questions two by two, of two different things each."""
    return [(a, b) for a, b in zip(asked[::2], asked[1::2], strict=True) if concept(a) != concept(b)]


def drawn(engine: Engine, pair: tuple[Question, Question], form: str, seed: int) -> Image.Image:
    """One picture; `form` is that of the regions, or "prompt" for none."""
    left, right = (question.prompt for question in pair)
    if form == "prompt":
        recipe = compose(f"{left} to the left of {right}", seed=seed, width=2 * SIDE, height=SIDE)
    else:
        told = zip(PLACES, (left, right), strict=True)
        regions = [f"{place},form={form}:{text}" for place, text in told]
        recipe = compose(GROUND, seed=seed, width=2 * SIDE, height=SIDE, region=regions)
    return draw(engine, recipe).image


def halves(image: Image.Image) -> list[Image.Image]:
    """The left half and the right one."""
    return [image.crop((left, 0, left + SIDE, SIDE)) for left in (0, SIDE)]


def scored(
    probe: Probe,
    net: torch.nn.Module,
    images: Sequence[Image.Image],
    pairs: Sequence[tuple[Question, Question]],
) -> tuple[np.ndarray, np.ndarray]:
    """For each picture, the part of its halves that are named their own thing, and the part in which that thing scores
    above the other half's."""
    cut = [half for image in images for half in halves(image)]
    scores = probe.scores(torch.cat(list(features(net, cut)))).reshape(len(pairs), 2, -1)
    own = torch.tensor([[probe.names.index(concept(one)) for one in pair] for pair in pairs])
    mine = scores.gather(2, own[..., None])[..., 0]
    other = scores.gather(2, own.flip(1)[..., None])[..., 0]
    named = (scores.argmax(2) == own).double().mean(1)
    return named.numpy(), (mine > other).double().mean(1).numpy()


def told(values: np.ndarray) -> str:
    """The mean in per cent with its 95 % interval."""
    rows = np.random.default_rng(0).integers(0, len(values), (2000, len(values)))
    low, high = np.percentile(values[rows].mean(1), [2.5, 97.5])
    return f"{100 * values.mean():.0f} % ({100 * low:.0f} .. {100 * high:.0f})"


def main() -> None:
    """Draws and measures what the arguments ask for."""
    parser = by_the_classifier(__doc__)
    parser.add_argument("--pictures", type=int, default=32, help="how many of each form")
    parser.add_argument("--save", type=Path, help="folder to save the pictures in")
    given = parser.parse_args()
    torch.set_num_threads(1)
    sprites = load(given.data, 128, Selection(200, STYLES))
    pairs = pairs_of(seen_questions(sprites, 2 * given.pictures + 8, SEED, SIDE))[: given.pictures]
    wanted = {concept(one) for pair in pairs for one in pair}
    everything = load(given.data, 128, Selection(None, JUDGED_BY))
    lessons = Sprites([sprite for sprite in everything.all if sprite.concept in wanted])
    taught = seen_questions(lessons, len(lessons.all), SEED, SIDE)
    net = open_inception(given.weights or given.data / "packages")
    probe = fit(
        torch.cat(list(features(net, [one.real for one in taught]))), [concept(one) for one in taught]
    )
    pairs = [pair for pair in pairs if all(concept(one) in probe.names for one in pair)]
    print(f"{len(pairs)} pairs of {len(wanted)} things, told from {len(taught)} lessons", flush=True)
    engine = Engine("cpu", threads=1)
    for form in ("latent", "attention", "prompt"):
        images = [drawn(engine, pair, form, SEED + place) for place, pair in enumerate(pairs)]
        if given.save is not None:
            given.save.mkdir(parents=True, exist_ok=True)
            for place, image in enumerate(images):
                image.save(given.save / f"{form}-{place}.png")
        named, above = scored(probe, net, images, pairs)
        print(f"{form}: named {told(named)}, above the other half's {told(above)}", flush=True)
    real = [Image.new("RGB", (2 * SIDE, SIDE)) for _ in pairs]
    for image, pair in zip(real, pairs, strict=True):
        image.paste(pair[0].real, (0, 0))
        image.paste(pair[1].real, (SIDE, 0))
    named, above = scored(probe, net, real, pairs)
    print(f"real pictures: named {told(named)}, above the other half's {told(above)}", flush=True)


if __name__ == "__main__":
    main()
