"""The measurements of a model, one function each: pictures and questions in, a row of figures out.

Takes what was drawn, what was asked, and the instruments (features, classifier, LPIPS); gives `Row`s that name the
figure, its value, and what the same check says of real pictures. Draws nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor

from mezzotint.evaluate.answers import colour_of, fitted, in_order, psnr
from mezzotint.evaluate.features import parts, to_tensor
from mezzotint.evaluate.fidelity import distance
from mezzotint.evaluate.probe import Probe
from mezzotint.evaluate.questions import Question
from mezzotint.train.lpips import Lpips


@dataclass(frozen=True)
class Row:
    """One figure: what it is, its value, its unit, the number of pictures behind it, and what real pictures give."""

    name: str
    value: float
    unit: str
    count: int
    real: float | None = None


def share(verdicts: Sequence[bool]) -> float:
    """The part that is true, in percent."""
    return 100 * sum(verdicts) / max(1, len(verdicts))


def colours(questions: Sequence[Question], images: Sequence[Image.Image]) -> Row:
    """How often the thing has the colour that was asked for, by the dominant hue of what stands on the ground."""

    def right(pictures: Sequence[Image.Image]) -> float:
        pairs = zip(questions, pictures, strict=True)
        return share([colour_of(picture) == q.scene.things[0].colour for q, picture in pairs])

    real = right([question.real for question in questions])
    return Row("colour, unseen object x colour", right(images), "%", len(images), real)


def layouts(questions: Sequence[Question], pairs: Tensor, real_pairs: Tensor, probe: Probe) -> Row:
    """How often two things stand in the order asked for, by the classifier's scores of the two halves.

    `pairs` and `real_pairs` are features `2 N D`, the first and second half of each picture in turn. Chance is 50 %.
    """

    def right(features: Tensor) -> float:
        scores = probe.scores(features).reshape(-1, 2, len(probe.names))
        verdicts: list[bool] = []
        for question, (first, second) in zip(questions, scores, strict=True):
            a, b = (probe.names.index(thing.sprite.concept) for thing in question.scene.things)
            verdicts.append(in_order(first, second, (a, b)))
        return share(verdicts)

    return Row("layout, unseen pair", right(pairs), "%", len(questions), right(real_pairs))


def recognised(name: str, questions: Sequence[Question], made: Tensor, real: Tensor, probe: Probe) -> Row:
    """How often the classifier sees the thing that was asked for; `made` and `real` are features `N D`."""
    labels = [question.scene.things[0].sprite.concept for question in questions]
    return Row(name, 100 * probe.accuracy(made, labels), "%", len(labels), 100 * probe.accuracy(real, labels))


def distances(made: Tensor, real: Tensor, other: Tensor) -> list[Row]:
    """FID and KID of `made` against `real`, beside the floor: `other` real pictures against `real`."""
    here, floor = distance(made, real), distance(other, real)
    return [
        Row("FID", here.fid, "", here.n, floor.fid),
        Row("KID x 1000", 1000 * here.kid, "", here.n, 1000 * floor.kid),
    ]


def reconstructions(originals: Tensor, rebuilt: Tensor, lpips: Lpips) -> list[Row]:
    """PSNR and LPIPS of what the autoencoder makes of pictures `B 3 H W` in 0..1."""
    noise = psnr(rebuilt, originals).mean()
    near = nearest(rebuilt, originals, lpips, same=True).mean()
    count = len(originals)
    return [
        Row("autoencoder PSNR", float(noise), "dB", count),
        Row("autoencoder LPIPS", float(near), "", count),
    ]


def memorised(made: Sequence[Image.Image], known: Sequence[Image.Image], limit: float, lpips: Lpips) -> Row:
    """How many pictures are as near to a training sprite as the autoencoder's own copy of it would be.

    Both are cropped to their content and fitted into squares first. `limit` is that LPIPS distance.
    """
    ours, theirs = (to_tensor([fitted(image) for image in images]) for images in (made, known))
    return Row(
        "as near to a training sprite as its own reconstruction",
        share([bool(d <= limit) for d in nearest(ours, theirs, lpips)]),
        "%",
        len(made),
    )


@torch.inference_mode()
def nearest(a: Tensor, b: Tensor, lpips: Lpips, same: bool = False) -> Tensor:
    """The LPIPS distance `N` from each of `a` `N 3 H W` (0..1) to the nearest of `b`, or to its own partner."""
    if same:
        pairs = zip(parts(a), parts(b), strict=True)
        return torch.cat([lpips(x * 2 - 1, y * 2 - 1) for x, y in pairs])
    known = [lpips.features(part * 2 - 1) for part in parts(b)]
    best: list[Tensor] = []
    for picture in parts(a, 1):
        mine = lpips.features(picture * 2 - 1)
        best.append(torch.cat([_apart(mine, theirs, lpips) for theirs in known]).min())
    return torch.stack(best)


def _apart(one: list[Tensor], many: list[Tensor], lpips: Lpips) -> Tensor:
    """LPIPS from the features of one picture to those of several."""
    layers = zip(one, many, lpips.heads, strict=True)
    return torch.stack([((p - q).square() * head).sum(1).mean((1, 2)) for p, q, head in layers]).sum(0)
