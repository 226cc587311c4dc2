"""What a guide is, and how guides make a denoiser of an Ask.

A guide is a function from the clean latent so far and the answers of this step to the next clean latent. They work in
their order, the first on the answer to the prompt; a step asks only the questions of the guides that are active at its
level, so what is switched off costs nothing. Does not know networks or prompts.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Answers, Ask, Denoiser, Question
from mezzotint.diffusion.path import Level

Move = Callable[[Tensor, Answers], Tensor]
"""`(clean so far B C H W, answers) -> clean B C H W`."""

Span = Callable[[Level], bool]
"""Whether something holds at a level."""

Scale = Callable[[Level], float]
"""How strong something is at a level."""


def everywhere(level: Level) -> bool:
    """The span without an end."""
    return True


def constant(scale: float) -> Scale:
    """The same strength at every level."""
    return lambda level: scale


@dataclass(frozen=True)
class Guide:
    """A `move`, the `questions` that it wants answered besides the prompt, and where it is `active`."""

    move: Move
    questions: tuple[Question, ...] = ()
    active: Span = everywhere


def within(guide: Guide, span: Span) -> Guide:
    """`guide` where both it and `span` are active."""

    def active(level: Level) -> bool:
        return span(level) and guide.active(level)

    return replace(guide, active=active)


@dataclass(frozen=True, eq=False)
class Denoised:
    """The `clean` latent that a sampler steers to, B C H W, and the `answers` that it was made of."""

    clean: Tensor
    answers: Answers


Steered = Callable[[Tensor, Level], Denoised]
"""`(x B C H W, level) -> denoised`: what a sampler needs that reads the noise off another answer (CFG++)."""


def steered(ask: Ask, guides: Sequence[Guide], also: Sequence[Question] = ()) -> Steered:
    """The answer to the prompt, moved by every active guide; `also` is asked at every level, too."""

    def denoise(x: Tensor, level: Level) -> Denoised:
        active = [guide for guide in guides if guide.active(level)]
        wanted = (POSITIVE, *also, *(question for guide in active for question in guide.questions))
        answers = ask(x, level, tuple(dict.fromkeys(wanted)))
        clean = answers.clean[POSITIVE]
        for guide in active:
            clean = guide.move(clean, answers)
        return Denoised(clean, answers)

    return denoise


def paired(ask: Ask, guides: Sequence[Guide]) -> Denoiser:
    """The clean latent of `steered` and the answer to the negative prompt, `2 B C H W`, for CFG++."""
    denoise = steered(ask, guides, (NEGATIVE,))

    def both(x: Tensor, level: Level) -> Tensor:
        denoised = denoise(x, level)
        return torch.stack([denoised.clean, denoised.answers.clean[NEGATIVE]])

    return both


def guided(ask: Ask, guides: Sequence[Guide]) -> Denoiser:
    """The Denoiser of `steered`."""
    denoise = steered(ask, guides)
    return lambda x, level: denoise(x, level).clean
