"""Classifier-free guidance (Ho & Salimans 2022): away from the negative answer, through the positive one.

It acts on clean latents; as they are affine in the output, with the same coefficients for all answers, the outcome is
that of guiding the outputs. The strength may differ from level to level; where it is 1 the negative is not asked.
Does not know prompts.
"""

from torch import Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Answers, Denoiser, Predictor, always
from mezzotint.diffusion.guidance.guide import Guide, Scale, guided


def cfg(scale: Scale) -> Guide:
    """Adds (scale - 1) times what the positive answer has more than the negative one."""

    def move(clean: Tensor, answers: Answers) -> Tensor:
        positive, negative = answers.clean[POSITIVE], answers.clean[NEGATIVE]
        return clean + (scale(answers.level) - 1) * (positive - negative)

    return Guide(move, (NEGATIVE,), lambda level: scale(level) != 1)


def plain(predict: Predictor) -> Denoiser:
    """Takes the only answer, K = 1; ValueError for another K."""
    return guided(always(predict, (POSITIVE,)), ())
