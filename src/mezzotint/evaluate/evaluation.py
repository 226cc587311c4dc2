"""The whole evaluation of a model on material that training never saw, from questions to a table.

Takes Settings, gives Progress while it works and a Scores at the end; draws through the engine. Everything is a
function of the settings, so the table in a model card can be made again.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import torch
from PIL import Image
from torch import Tensor

from mezzotint.engine.engine import Engine
from mezzotint.evaluate.answers import halves
from mezzotint.evaluate.drawing import drawn, recipes
from mezzotint.evaluate.features import Embed, features, open_inception, parts, to_tensor
from mezzotint.evaluate.measure import (
    Row,
    colours,
    distances,
    layouts,
    memorised,
    nearest,
    recognised,
    reconstructions,
)
from mezzotint.evaluate.probe import Probe, fit
from mezzotint.evaluate.questions import (
    Question,
    colour_questions,
    layout_questions,
    ordinary_questions,
    seen_questions,
    style_questions,
)
from mezzotint.families.registry import open_model
from mezzotint.train.data.sprites import Selection, Sprites, load
from mezzotint.train.lpips import Lpips, open_lpips
from mezzotint.values.errors import BadValue
from mezzotint.values.files import write_atomically
from mezzotint.values.recipe import ModelUse


@dataclass(frozen=True)
class Settings:
    """What is measured: `model` on the data folder `data`, whose training saw `concepts` things in `styles`.

    `judged_by` are other styles of the same things, on which the classifier is trained. `asked` questions of each
    kind and `fidelity` pictures for FID and KID.
    """

    data: Path
    concepts: int
    styles: tuple[str, ...]
    judged_by: tuple[str, ...]
    model: str = "mini"
    size: int = 64
    asked: int = 200
    fidelity: int = 1000
    seed: int = 20_000

    def __post_init__(self) -> None:
        if self.asked < 1 or self.fidelity < 2:
            raise BadValue(
                "asked",
                f"{self.asked} questions and {self.fidelity} pictures measure nothing",
                "ask for more",
            )


@dataclass(frozen=True)
class Progress:
    """`done` of `total` pictures of a stage of the work."""

    stage: str
    done: int
    total: int


@dataclass(frozen=True)
class Scores:
    """The finished table, the classifier's own accuracy among it, and the seconds it took."""

    rows: tuple[Row, ...]
    seconds: float

    def write(self, path: Path, settings: Settings) -> None:
        """Write the table with its settings as JSON. Raises OutputFailed."""
        plain = {
            "settings": asdict(settings),
            "seconds": self.seconds,
            "rows": [asdict(r) for r in self.rows],
        }
        text = json.dumps(plain, indent=1, default=str) + "\n"
        write_atomically(path, lambda file: file.write(text.encode()))

    def markdown(self) -> str:
        """The table, for a card."""
        lines = ["| measure | value | the same check on real pictures | n |", "|---|---|---|---|"]
        for row in self.rows:
            real = "" if row.real is None else f"{row.real:.1f} {row.unit}".strip()
            lines.append(f"| {row.name} | {row.value:.3g} {row.unit} | {real} | {row.count} |")
        return "\n".join(lines)


@dataclass(frozen=True)
class Instruments:
    """The networks that judge: LPIPS, and features for the classifier, FID and KID."""

    lpips: Lpips
    embed: Embed


def open_instruments(cache: Path) -> Instruments:
    """The published instruments; the first call fetches three packages (145 MB). Raises DataProblem."""
    return Instruments(open_lpips(cache), open_inception(cache))


class Evaluation:
    """One evaluation; `steps` does the work."""

    def __init__(self, settings: Settings, instruments: Instruments) -> None:
        self.settings = settings
        self.engine = Engine(batch=32)
        chosen = Selection(settings.concepts, settings.styles)
        self.sprites = load(settings.data, 128, chosen)
        self.hidden = load(settings.data, 128, Selection(settings.concepts, settings.styles, "held_style"))
        self.lpips, self.embed = instruments.lpips, instruments.embed
        self.rows: list[Row] = []
        self.copy_distance = 0.0

    def steps(self) -> Iterator[Progress | Scores]:
        """Progress while it works; the last value is the Scores. Raises DataProblem and what drawing raises."""
        started = perf_counter()
        yield from self._autoencoder()
        probe: list[Probe] = []
        yield from self._train_probe(probe)
        yield from self._recognition(probe[0])
        yield from self._colours()
        yield from self._layouts(probe[0])
        yield from self._fidelity()
        yield Scores(tuple(self.rows), perf_counter() - started)

    def _draw(self, stage: str, questions: Sequence[Question], out: list[Image.Image]) -> Iterator[Progress]:
        found: dict[int, Image.Image] = {}
        asked = recipes([q.prompt for q in questions], self.settings.model, self.settings.seed)
        for index, image in drawn(self.engine, asked):
            found[index] = image
            yield Progress(stage, len(found), len(questions))
        out += [found[index] for index in range(len(questions))]

    def _features(self, stage: str, images: Sequence[Image.Image], out: list[Tensor]) -> Iterator[Progress]:
        parts: list[Tensor] = []
        for part in features(self.embed, images):
            parts.append(part)
            yield Progress(stage, sum(len(p) for p in parts), len(images))
        out.append(torch.cat(parts))

    def _autoencoder(self) -> Iterator[Progress]:
        size, seed = self.settings.size, self.settings.seed
        real = to_tensor([q.real for q in style_questions(self.hidden, seed, size)])
        yield Progress("autoencoder on unseen sprites", 0, len(real))
        with torch.inference_mode():
            network = open_model(ModelUse(base=self.settings.model)).autoencoder
            rebuilt = torch.cat([network(part * 2 - 1) for part in parts(real)]) / 2 + 0.5
        self.rows += reconstructions(real, rebuilt.clamp(0, 1), self.lpips)
        self.copy_distance = float(nearest(rebuilt.clamp(0, 1), real, self.lpips, same=True).median())
        yield Progress("autoencoder on unseen sprites", len(real), len(real))

    def _train_probe(self, out: list[Probe]) -> Iterator[Progress]:
        """The classifier learns the things from other styles; its accuracy on real pictures stands in each row."""
        everything = load(self.settings.data, 128, Selection(None, self.settings.judged_by))
        known = frozenset(self.sprites.concepts) | frozenset(self.hidden.concepts)
        lessons = Sprites([sprite for sprite in everything.all if sprite.concept in known])
        questions = seen_questions(lessons, len(lessons.all), self.settings.seed, self.settings.size)
        held: list[Tensor] = []
        yield from self._features("classifier", [q.real for q in questions], held)
        out.append(fit(held[0], [q.scene.things[0].sprite.concept for q in questions]))

    def _recognition(self, probe: Probe) -> Iterator[Progress]:
        size, seed = self.settings.size, self.settings.seed
        hidden = style_questions(self.hidden, seed, size)[: self.settings.asked]
        seen = seen_questions(self.sprites, self.settings.asked, seed, size)
        images: list[Image.Image] = []
        for name, questions in (("object, unseen style of it", hidden), ("object, seen style", seen)):
            images = []
            both: list[Tensor] = []
            yield from self._draw(name, questions, images)
            yield from self._features(name, images, both)
            yield from self._features(name, [q.real for q in questions], both)
            self.rows.append(recognised(name, questions, both[0], both[1], probe))
        self._memorised(images)

    def _memorised(self, images: Sequence[Image.Image]) -> None:
        known = seen_questions(self.sprites, len(self.sprites.all), self.settings.seed, self.settings.size)
        self.rows.append(memorised(images, [q.real for q in known], self.copy_distance, self.lpips))

    def _colours(self) -> Iterator[Progress]:
        s = self.settings
        questions = colour_questions(self.sprites, s.asked, s.seed, s.size)
        images: list[Image.Image] = []
        yield from self._draw("colours", questions, images)
        self.rows.append(colours(questions, images))

    def _layouts(self, probe: Probe) -> Iterator[Progress]:
        s = self.settings
        known = set(probe.names)
        questions = [
            q
            for q in layout_questions(self.sprites, s.asked, s.seed, s.size)
            if all(thing.sprite.concept in known for thing in q.scene.things)
        ]
        images: list[Image.Image] = []
        both: list[Tensor] = []
        yield from self._draw("layouts", questions, images)
        for pictures in (images, [q.real for q in questions]):
            parts = [half for p, q in zip(pictures, questions, strict=True) for half in halves(p, q.scene)]
            yield from self._features("layouts", parts, both)
        self.rows.append(layouts(questions, both[0], both[1], probe))

    def _fidelity(self) -> Iterator[Progress]:
        s = self.settings
        questions = ordinary_questions(self.sprites, s.fidelity, s.seed, s.size)
        others = ordinary_questions(self.sprites, s.fidelity, s.seed + 1, s.size)
        images: list[Image.Image] = []
        sets: list[Tensor] = []
        yield from self._draw("fidelity", questions, images)
        for pictures in (images, [q.real for q in questions], [q.real for q in others]):
            yield from self._features("fidelity", pictures, sets)
        self.rows += distances(sets[0], sets[1], sets[2])
