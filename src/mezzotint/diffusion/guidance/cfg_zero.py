"""CFG-Zero* (Fan et al. 2025): a fitted negative answer, and first steps that stand still.

Stands in the place of `cfg`. Made for flow matching, where early velocities are poor; it acts on outputs, so it has to
be told what the network predicts. Does not know prompts.
"""

from torch import Tensor

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Answers
from mezzotint.diffusion.guidance.guide import Guide, Scale
from mezzotint.diffusion.prediction import Prediction

_IMAGE = (1, 2, 3)


def cfg_zero(scale: Scale, prediction: Prediction, still: int) -> Guide:
    """Guides from s* times the negative output; the first `still` steps have the output zero."""

    def move(clean: Tensor, answers: Answers) -> Tensor:
        x, level = answers.x, answers.level
        positive = prediction.output(answers.clean[POSITIVE], x, level)
        if level.step < still:
            return prediction.clean(positive.new_zeros(()).expand_as(positive), x, level)
        negative = prediction.output(answers.clean[NEGATIVE], x, level)
        reached = prediction.output(clean, x, level)
        base = optimal_scale(positive, negative) * negative
        return prediction.clean(reached + (scale(level) - 1) * (positive - base), x, level)

    return Guide(move, (NEGATIVE,), lambda level: scale(level) != 1 or level.step < still)


def optimal_scale(positive: Tensor, negative: Tensor) -> Tensor:
    """s* of every image, B 1 1 1: what brings s * `negative` nearest to `positive` (B C H W both; equation 8)."""
    product = (positive * negative).sum(dim=_IMAGE, keepdim=True)
    return product / ((negative * negative).sum(dim=_IMAGE, keepdim=True) + 1e-8)
