"""Texts for parts of a picture: each answers where it counts, the prompt everywhere else.

Takes an Ask and how much each region counts at each place, gives an Ask whose answer to the prompt is that of all of
them together, so that every guide works on it (the latent form of regional prompts: Bar-Tal et al. 2023, section 4.2,
with one network call for each text). Does not know prompts.
"""

from collections.abc import Sequence

from torch import Tensor

from mezzotint.diffusion.denoise import POSITIVE, Answers, Ask, Question
from mezzotint.diffusion.path import Level


def region(place: int) -> Question:
    """What is asked of the text of the region in this place, counted from 0."""
    return Question(f"region {place}")


def regional(ask: Ask, shares: Tensor, places: Sequence[int]) -> Ask:
    """Answers the prompt with (1 - sum of shares) * answer + sum of share * answer of the region.

    `shares` are R B 1 H W within 0..1, at each place together at most 1; `places` are those of their R regions.
    """
    parts = [region(place) for place in places]

    def together(x: Tensor, level: Level, questions: Sequence[Question]) -> Answers:
        answers = ask(x, level, tuple(dict.fromkeys((POSITIVE, *questions, *parts))))
        clean = base = answers.clean[POSITIVE]
        for question, share in zip(parts, shares, strict=True):
            clean = clean + share.to(x) * (answers.clean[question] - base)
        return Answers(x, level, together, {**answers.clean, POSITIVE: clean}, answers.taps)

    return together
