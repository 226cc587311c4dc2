"""Several texts at once, each with its own signed pull (Liu et al. 2022, composable diffusion).

Takes an Ask and the weights of the texts, gives an Ask whose answer to the prompt is that of all of them together, so
that every guide works on it. Does not know prompts.
"""

from collections.abc import Sequence

from torch import Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Answers, Ask, Question
from mezzotint.diffusion.path import Level


def part(place: int) -> Question:
    """What is asked of the text in this place, counted from 0, of a prompt with several."""
    return Question(f"{POSITIVE.text} {place}")


def composed(ask: Ask, weights: Tensor) -> Ask:
    """Answers the prompt with negative + sum of weight * (answer - negative) over its texts.

    `weights` are P B: one for every text of every image. With classifier-free guidance the outcome is negative + scale
    * sum of weight * (answer - negative).
    """
    parts = [part(place) for place in range(len(weights))]

    def together(x: Tensor, level: Level, questions: Sequence[Question]) -> Answers:
        others = [question for question in questions if question not in (POSITIVE, NEGATIVE)]
        answers = ask(x, level, (*parts, NEGATIVE, *others))
        clean = negative = answers.clean[NEGATIVE]
        for question, weight in zip(parts, weights, strict=True):
            clean = clean + weight.to(x).reshape(-1, 1, 1, 1) * (answers.clean[question] - negative)
        return Answers(x, level, together, {**answers.clean, POSITIVE: clean}, answers.taps)

    return together
