"""Guidance by a disturbed network: away from what the prompt gives when the inside is made worse.

One formula for perturbed-attention guidance (Ahn et al. 2024, PAG: pixels look at themselves alone), smoothed energy
guidance (Hong 2024, SEG: blurred queries) and skip-layer guidance (SD 3.5, sd3_impls.py: blocks left out). What is
disturbed is said by the touch of the question. Does not know networks.
"""

from torch import Tensor

from mezzotint.diffusion.denoise import POSITIVE, Answers, Question
from mezzotint.diffusion.guidance.guide import Guide, Span


def disturbed(scale: float, touch: str, span: Span) -> Guide:
    """Adds `scale` times what the positive answer has more than the one that is touched so, within `span`."""
    worse = Question(POSITIVE.text, touch)

    def move(clean: Tensor, answers: Answers) -> Tensor:
        return clean + scale * (answers.clean[POSITIVE] - answers.clean[worse])

    return Guide(move, (worse,), lambda level: scale != 0 and span(level))
