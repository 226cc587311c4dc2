"""What the texts of recipes steer a network with, at every step.

Takes passes and an opened model's encoders. Gives a `Steering`. Knows no network but the encoders, and no sampler.

Shapes: N pictures, P texts of one picture that are drawn together, K texts of one call of the network.
"""

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import BLANK, EMPTY, NEGATIVE
from mezzotint.diffusion.guidance.composed import part
from mezzotint.diffusion.guidance.regional import region
from mezzotint.engine.walk import Walk
from mezzotint.families.conditions import Asked
from mezzotint.families.look import Seen
from mezzotint.families.wording import Wording
from mezzotint.nets.conditioning import Conditioning
from mezzotint.text.grammar import DIALECTS, plain, read
from mezzotint.text.prompt import Part, Passage
from mezzotint.values.errors import BadValue
from mezzotint.values.names import YES
from mezzotint.values.recipe import Prompt

Encoded = Callable[[Asked, int | None], Conditioning]
"""`(what is asked for, clip skip) -> conditioning of one picture`."""


@dataclass(frozen=True)
class Said:
    """What one pass says: the `parts` of its prompt, which are drawn together, its `negative` text, and the texts of
    its `regions`."""

    parts: tuple[Part, ...]
    negative: Part
    regions: tuple[Part, ...] = ()

    @property
    def plain(self) -> bool:
        """Whether there is one text, of weight 1."""
        return [part.weight for part in self.parts] == [1]

    def text(self, name: str) -> Part:
        """The text that a question's name stands for."""
        if name in (NEGATIVE.text, BLANK.text):
            return self.negative
        if name == EMPTY.text:
            return plain("", 1).parts[0]
        places = {part(place).text: one for place, one in enumerate(self.parts)}
        places |= {region(place).text: one for place, one in enumerate(self.regions)}
        return places.get(name, self.parts[0])


def said(prompt: Prompt, steps: int) -> Said:
    """What `prompt` says over `steps` steps. Raises BadValue for one that its dialect refuses."""
    negative = read(prompt.dialect, prompt.negative, steps, negative=True)
    regions = tuple(_alone(read(prompt.dialect, one.text, steps).parts) for one in prompt.regions)
    return Said(read(prompt.dialect, prompt.text, steps).parts, negative.parts[0], regions)


def _alone(parts: tuple[Part, ...]) -> Part:
    first, *others = parts
    if others:
        raise BadValue("region", "several texts are joined by AND", "make a region of each")
    return first


def told(walk: Walk) -> Said:
    """What a pass says. Raises as `said` does."""
    return said(walk.prompt, walk.use.steps)


def asked_together(one: Said, texts: Sequence[str]) -> tuple[str, ...]:
    """The names of all texts that are encoded for a prompt and its guides' `texts`, those of its parts first and those
    of its regions last."""
    regions = tuple(region(place).text for place in range(len(one.regions)))
    if one.plain:
        return (*texts, *regions)
    parts = (part(place).text for place in range(len(one.parts)))
    return tuple(dict.fromkeys((*parts, NEGATIVE.text, *texts, *regions)))


@dataclass(frozen=True, eq=False)
class Batch:
    """Conditionings of one length, stacked, and the `places` (int64) that they have among the K N."""

    places: Tensor
    conditioning: Conditioning


@dataclass(frozen=True, eq=False)
class Steering:
    """`weights` float64 P N of the texts against the negative one; `stretches` begin at the steps `starts`, and each
    has the conditionings of N pictures by the name of the text."""

    weights: Tensor
    starts: tuple[int, ...]
    stretches: tuple[Mapping[str, Sequence[Conditioning]], ...]

    def at(self, step: int) -> int:
        """The stretch that `step`, counted from 0, is in."""
        return max(0, bisect_right(self.starts, step) - 1)

    def batches(self, stretch: int, texts: Sequence[str]) -> tuple[Batch, ...]:
        """The conditionings of K texts, picture by picture for every text, in as many batches as they have lengths."""
        parts = [one for text in texts for one in self.stretches[stretch][text]]
        lengths: dict[int, list[int]] = {}
        for place, one in enumerate(parts):
            lengths.setdefault(one.tokens.shape[1], []).append(place)
        return tuple(
            Batch(torch.tensor(places, device=parts[0].tokens.device), stacked([parts[i] for i in places]))
            for places in lengths.values()
        )

    def over(self, parts: Sequence[Callable[[Conditioning], Conditioning]]) -> "Steering":
        """The same for parts of the pictures: all pictures at the first part, then all at the next."""
        stretches = [
            {name: [part(one) for part in parts for one in row] for name, row in stretch.items()}
            for stretch in self.stretches
        ]
        return replace(self, stretches=tuple(stretches))

    @property
    def plain(self) -> bool:
        """Whether there is one text a picture, of weight 1."""
        return self.weights.shape[0] == 1 and bool((self.weights == 1).all())


def steering(
    walks: Sequence[Walk], texts: Sequence[str], encoded: Encoded, seen: Sequence[Seen] = ()
) -> Steering:
    """The steering of passes that are all plain, or have equally many texts; `texts` are what the guides ask about, and
    `seen` what stands beside every text because of a picture.

    Equal texts are encoded once, each by itself, so that a prompt's states never depend on its neighbours. Texts of one
    picture are brought to one length where its recipe says so, and those between ANDs always. Raises BadValue as `said`
    and the encoders do.
    """
    every, looks = [told(walk) for walk in walks], seen or [Seen()] * len(walks)
    parts = () if every[0].plain else tuple(part(place).text for place in range(len(every[0].parts)))
    rows = {name: [one.text(name) for one in every] for name in asked_together(every[0], texts)}
    starts = sorted({span.first for row in rows.values() for text in row for span in text.spans})
    made: dict[tuple[Asked, int | None], Conditioning] = {}

    def conditioning(name: str, place: int, start: int, more: int = 0) -> Conditioning:
        negative = name in (NEGATIVE.text, EMPTY.text, BLANK.text)
        asked = replace(_asked(rows[name][place], walks[place], start, negative), more=more)
        key = asked, walks[place].prompt.clip_skip
        if key not in made:
            made[key] = encoded(*key)
        return looks[place].beside(name).joined(made[key])

    def stretch(start: int) -> Mapping[str, Sequence[Conditioning]]:
        found = {name: [conditioning(name, place, start) for place in range(len(walks))] for name in rows}
        for place, walk in enumerate(walks):
            if _pads(walk.prompt):
                longest = _longest(row[place] for row in found.values())
                for name, row in found.items():
                    row[place] = conditioning(name, place, start, longest - row[place].tokens.shape[1])
            longest = _longest(found[name][place] for name in parts)
            for name in parts:
                found[name][place] = _drawn_out(found[name][place], longest)
        return found

    pulls = [[one.parts[p].weight for one in every] for p in range(len(every[0].parts))]
    return Steering(torch.tensor(pulls, dtype=torch.float64), tuple(starts), tuple(map(stretch, starts)))


def _asked(text: Part, walk: Walk, step: int, negative: bool) -> Asked:
    prompt, content = walk.prompt, text.at(step)
    if prompt.dialect == "plain":
        assert isinstance(content, Passage)
        return Asked(content.text, walk.width, walk.height, negative)
    wording = Wording(content, prompt.dialect, prompt.emphasis or DIALECTS[prompt.dialect].emphasis)
    return Asked(wording.text, walk.width, walk.height, negative, wording)


def _pads(prompt: Prompt) -> bool:
    """Whether all texts of a picture are filled up with empty chunks to the length of the longest."""
    return DIALECTS[prompt.dialect].pads if prompt.pad is None else prompt.pad == YES


def _longest(conditionings: Iterable[Conditioning]) -> int:
    return max((one.tokens.shape[1] for one in conditionings), default=0)


def _drawn_out(one: Conditioning, length: int) -> Conditioning:
    """The last token again and again, up to `length`: the web UI's way with the shorter of texts between ANDs."""
    missing = length - one.tokens.shape[1]
    if not missing:
        return one
    return replace(one, tokens=torch.cat([one.tokens, one.tokens[:, -1:].expand(-1, missing, -1)], dim=1))


def stacked(parts: Sequence[Conditioning]) -> Conditioning:
    """Conditionings of one kind and length as one, along the batch."""

    def joined(values: Sequence[Tensor | None]) -> Tensor | None:
        present = [value for value in values if value is not None]
        return torch.cat(present) if present else None

    return Conditioning(
        tokens=torch.cat([part.tokens for part in parts]),
        pooled=joined([part.pooled for part in parts]),
        numbers=joined([part.numbers for part in parts]),
        planes=joined([part.planes for part in parts]),
    )
