"""Trains the text encoder from nothing, by contrast with pictures.

This is CLIP with a small image tower that is thrown away afterwards. Takes pictures with two captions each (the same
truth in other words) and a third that is wrong in one fact; leaves a run folder whose averaged weights,
run.json, vocab.json and merges.txt make a ClipText and its tokenizer. Knows no autoencoder and no denoiser.
"""

import dataclasses
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, Protocol

import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Generator, Tensor, nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Dataset

from mezzotint.nets.clip import ClipGeometry, ClipText
from mezzotint.text import vocabulary
from mezzotint.text.clip import ClipTokenizer
from mezzotint.train.checkpoint import read
from mezzotint.train.loop import LoopConfig, Outcome, Turn, train
from mezzotint.train.runs import averaged, geometry
from mezzotint.train.samples import HELD, RESULT, StepIndices, to_network
from mezzotint.train.typed import from_array, pieces, seed_all

SHARPEST = 100.0
"""The largest inverse temperature (Radford et al. 2021, section 2.5)."""


class Pairs(Protocol):
    """Pictures with two captions of the same truth and one that is nearly right, by index."""

    def __call__(self, index: int, /) -> tuple[NDArray[Any], str, str, str]:
        """The picture of `index` (`H W 3` uint8), its caption, another caption, a wrong one (empty: there is none)."""
        ...


@dataclass(frozen=True)
class TextConfig:
    """What to train; `synonyms` weighs the caption-to-caption loss against the picture-to-caption loss of 1."""

    geometry: ClipGeometry
    batch: int = 96
    synonyms: float = 0.5
    image_width: int = 32
    temperature: float = 0.07
    workers: int = 0


class Contrast(nn.Module):
    """Text tower, image tower and the learned inverse temperature."""

    def __init__(self, geometry: ClipGeometry, width: int, temperature: float) -> None:
        super().__init__()
        self.text = ClipText(geometry)
        out = geometry.projection or geometry.width
        widths = (3, width, 2 * width, 4 * width, 8 * width)
        parts: list[nn.Module] = []
        for before, after in pairwise(widths):
            parts += [nn.Conv2d(before, after, 3, stride=2, padding=1), nn.GroupNorm(8, after), nn.SiLU()]
        self.image = nn.Sequential(*parts)
        self.out = nn.Linear(widths[-1] * 16, out)
        self.sharpness = nn.Parameter(torch.tensor(1 / temperature).log())

    def see(self, pictures: Tensor) -> Tensor:
        """Pictures `B 3 H W` in -1..1 -> unit vectors `B P`."""
        cells = F.adaptive_avg_pool2d(self.image(pictures), 4).flatten(1)
        return F.normalize(self.out(cells), dim=-1)

    def read(self, ids: Tensor, eos: int) -> Tensor:
        """Token ids `B T` -> unit vectors `B P`. Columns after the last end token are left out: the tower is causal."""
        ends = (ids == eos).int().argmax(-1)
        return F.normalize(self.text(ids[:, : int(ends.max()) + 1], eos).pooled, dim=-1)


def contrast(a: Tensor, b: Tensor, sharpness: Tensor, same: Tensor, wrong: Tensor) -> Tensor:
    """Symmetric InfoNCE of unit vectors `B P`; pairs that are `same` (`B B` bool) by chance are no negatives.

    `wrong` `W P` are further negatives of `a`: what nearly fits one of its rows. Among other pictures' captions almost
    none has the same things in another order, so without them order is never learned (Yuksekgonul et al. 2023).
    """
    scale = sharpness.exp().clamp(max=SHARPEST)
    scores = scale * a @ b.T
    others = same & ~torch.eye(len(a), dtype=torch.bool, device=a.device)
    scores = scores.masked_fill(others, -torch.inf)
    wanted = torch.arange(len(a), device=a.device)
    tempted = torch.cat([scores, scale * a @ wrong.T], dim=1)
    return 0.5 * (F.cross_entropy(tempted, wanted) + F.cross_entropy(scores.T, wanted))


class _Captioned(Dataset[tuple[Tensor, str, str, str]]):
    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs

    def __getitem__(self, index: int) -> tuple[Tensor, str, str, str]:
        picture, *captions = self.pairs(index)
        first, other, wrong = captions
        return from_array(picture), first, other, wrong


Batch = tuple[Tensor, Sequence[str], Sequence[str], Sequence[str]]


@dataclass
class TextTask:
    """The text encoder's side of the training loop."""

    config: TextConfig
    pairs: Pairs
    tokenizer: ClipTokenizer
    seed: int
    device: str = "cpu"
    title: str = "text"
    figures: tuple[str, ...] = ("loss", "picture", "synonym", "hits")
    averaged: tuple[str, ...] = ("contrast",)
    modules: dict[str, nn.Module] = field(init=False)

    def __post_init__(self) -> None:
        seed_all(self.seed)
        self.network = Contrast(self.config.geometry, self.config.image_width, self.config.temperature)
        self.modules = {"contrast": self.network}

    def description(self) -> dict[str, Any]:
        """Geometry and settings, as JSON."""
        return {"text": dataclasses.asdict(self.config)}

    def compiled(self) -> tuple[nn.Module, ...]:
        """Both towers."""
        return (self.network.text, self.network.image)

    def batches(self, start: int) -> Iterator[Batch]:
        """Pictures `B 3 H W` uint8 and three lists of captions: two right ones, and wrong or empty ones."""
        indices = StepIndices(start, self.config.batch)
        yield from DataLoader(_Captioned(self.pairs), batch_sampler=indices, num_workers=self.config.workers)

    def ids(self, captions: Sequence[str]) -> Tensor:
        """Padded token ids `B T`."""
        return torch.tensor([self.tokenizer.padded(text)[0] for text in captions], device=self.device)

    def turns(self, step: int, batch: Batch, generator: Generator) -> Iterator[Turn]:
        """One turn: pictures against captions, captions against their other wording, both against mistakes."""
        pictures, captions, others, mistakes = batch
        seen = self.network.see(to_network(pictures, self.device))
        told = [*captions, *others, *filter(None, mistakes)]
        count, read = len(captions), self.network.read(self.ids(told), self.tokenizer.eos)
        first, second, wrong = read[:count], read[count : 2 * count], read[2 * count :]
        same = _equal(captions, self.device)
        picture = contrast(seen, first, self.network.sharpness, same, wrong)
        either = same | _equal(others, self.device)
        synonym = contrast(first, second, self.network.sharpness, either, wrong)
        loss = picture + self.config.synonyms * synonym
        hits = _hits(seen, first, same)
        figures = {"loss": loss, "picture": picture, "synonym": synonym, "hits": hits}
        yield Turn("contrast", loss, {name: value.detach() for name, value in figures.items()})

    def sample(self, modules: Mapping[str, nn.Module]) -> Image.Image | None:
        """No picture: the figures say it."""
        return None


def _equal(captions: Sequence[str], device: str) -> Tensor:
    numbers = {text: index for index, text in enumerate(dict.fromkeys(captions))}
    row = torch.tensor([numbers[text] for text in captions], device=device)
    return row[:, None] == row[None]


def _hits(a: Tensor, b: Tensor, same: Tensor) -> Tensor:
    """The part of `a` whose nearest row of `b` is its own, or one that says the same."""
    nearest = (a @ b.T).argmax(-1)
    return same[torch.arange(len(a), device=a.device), nearest].float().mean()


def _nearer(a: Tensor, right: Tensor, wrong: Tensor) -> float:
    """The part of rows of `a` that are nearer to `right` than to `wrong`, all `N P`."""
    return float(((a * right).sum(-1) > (a * wrong).sum(-1)).float().mean())


@torch.no_grad()
def measure(network: Contrast, task: TextTask, count: int = 256) -> dict[str, float]:
    """Retrieval among `count` pictures that training never sees: picture to caption, wording to wording; and how
    often a picture, or a caption, is nearer to the right wording than to the one with a mistake (chance one half)."""
    rows = [task.pairs(HELD + index) for index in range(count)]
    pictures = torch.stack([from_array(row[0]) for row in rows])
    captions, others = [row[1] for row in rows], [row[2] for row in rows]
    tempted = {index: row[3] for index, row in enumerate(rows) if row[3]}
    seen = torch.cat([network.see(to_network(part)) for part in pieces(pictures, 64)])
    first, second = (network.read(task.ids(texts), task.tokenizer.eos) for texts in (captions, others))
    same = _equal(captions, "cpu")
    places = list(tempted)
    wrong = network.read(task.ids([*tempted.values(), ""]), task.tokenizer.eos)[:-1]
    return {
        "picture_to_caption": float(_hits(seen, first, same)),
        "caption_to_picture": float(_hits(first, seen, same)),
        "wording_to_wording": float(_hits(second, first, same)),
        "picture_against_mistake": _nearer(seen[places], second[places], wrong),
        "wording_against_mistake": _nearer(first[places], second[places], wrong),
    }


@torch.no_grad()
def nearest_words(text: ClipText, tokenizer: ClipTokenizer, words: Sequence[str]) -> dict[str, str]:
    """For each of `words`, the one among the others whose pooled vector is nearest."""
    ids = torch.tensor([tokenizer.padded(word)[0] for word in words])
    vectors = F.normalize(text(ids, tokenizer.eos).pooled, dim=-1)
    scores = vectors @ vectors.T - 2 * torch.eye(len(words))
    return {word: words[int(best)] for word, best in zip(words, scores.argmax(-1), strict=True)}


def open_text(run: Path) -> tuple[ClipText, ClipTokenizer]:
    """The averaged text encoder of the run folder `run` and its tokenizer, for use on the CPU."""
    text = averaged(run, ClipText(geometry(run, "text", ClipGeometry)), "contrast.text.")
    return text, open_tokenizer(run, text.geometry.length)


def open_tokenizer(run: Path, length: int) -> ClipTokenizer:
    """The tokenizer of the vocabulary in the run folder; pads with the end token, as SD 1 does."""
    vocab, merges = vocabulary.load(run / "vocab.json", run / "merges.txt")
    return ClipTokenizer.from_files(vocab, merges, vocab[vocabulary.END], length)


def prepare_vocabulary(out: Path, captions: Iterator[str], size: int) -> int:
    """Learn a vocabulary from `captions` and keep it in the run folder `out`; gives its size.

    A run folder that has one keeps it: a resumed run must read the same ids.
    """
    if not (out / "merges.txt").is_file():
        out.mkdir(parents=True, exist_ok=True)
        vocabulary.save(vocabulary.train(captions, size), out)
    return len(vocabulary.load(out / "vocab.json", out / "merges.txt").vocab)


def train_text(config: TextConfig, loop: LoopConfig, pairs: Pairs) -> Outcome:
    """Train (or go on with) the text encoder of `loop.out`, which holds a vocabulary; writes result.json."""
    tokenizer = open_tokenizer(loop.out, config.geometry.length)
    task = TextTask(config, pairs, tokenizer, loop.seed, loop.device)
    outcome = train(task, loop)
    task.device = "cpu"
    network = Contrast(config.geometry, config.image_width, config.temperature).eval()
    flat = read(outcome.checkpoint).tensors["average"]
    network.load_state_dict({name.removeprefix("contrast."): t for name, t in flat.items()})
    result: dict[str, Any] = {"step": outcome.step, "seconds": outcome.seconds, **measure(network, task)}
    (loop.out / RESULT).write_text(json.dumps(result, indent=1) + "\n")
    return outcome
