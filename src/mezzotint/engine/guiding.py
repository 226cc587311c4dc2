"""From the guides of a recipe to those that steer a denoiser.

Takes a pass and what its model predicts; gives guides of `diffusion.guidance` in their order, and the texts that they
ask about. Knows no prompt and no sampler.
"""

from collections.abc import Sequence

from mezzotint.diffusion.denoise import POSITIVE
from mezzotint.diffusion.guidance import schedule
from mezzotint.diffusion.guidance.apg import apg
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.cfg_zero import cfg_zero
from mezzotint.diffusion.guidance.guide import Guide, Scale, Span, constant, everywhere, within
from mezzotint.diffusion.guidance.perp_neg import perp_neg
from mezzotint.diffusion.guidance.rescale import rescale
from mezzotint.diffusion.guidance.threshold import mimic, threshold
from mezzotint.diffusion.prediction import Prediction
from mezzotint.values import guides as values
from mezzotint.values.recipe import Pass


def guides_of(use: Pass, prediction: Prediction) -> tuple[Guide, ...]:
    """The guides of one run of `use`: those that remember something begin anew."""
    made = [_made(guide, use, prediction) for guide in use.guides]
    return tuple(guide for guide in made if guide is not None)


def texts_of(guides: Sequence[Guide]) -> tuple[str, ...]:
    """The names of the texts that `guides` ask about, the prompt first."""
    asked = [question.text for guide in guides for question in guide.questions]
    return tuple(dict.fromkeys((POSITIVE.text, *asked)))


def _made(guide: values.Guide, use: Pass, prediction: Prediction) -> Guide | None:
    """The guide of `diffusion.guidance`; None for one that does nothing, or that only changes `cfg`."""
    match guide:
        case values.Cfg():
            return _formed(guide.scale, use, prediction)
        case values.Rescale():
            return rescale(guide.amount, prediction)
        case values.Threshold():
            return threshold(guide.percentile, guide.limit)
        case values.Mimic():
            return mimic(guide.scale, guide.percentile)
        case _:
            return None


def _formed(start: float, use: Pass, prediction: Prediction) -> Guide | None:
    """Classifier-free guidance in the form, on the course and in the interval that the other guides of `use` say."""
    scale, span = _course(start, use), _span(use)
    for guide in use.guides:
        match guide:
            case values.Apg():
                return within(apg(scale, guide.eta, guide.norm, guide.momentum), span)
            case values.CfgZero():
                return within(cfg_zero(scale, prediction, guide.still), span)
            case values.PerpNeg():
                return within(perp_neg(scale, guide.weight), span)
            case _:
                continue
    courses = [guide for guide in use.guides if guide.kind in values.COURSES]
    return within(cfg(scale), span) if courses or start != 1 else None


def _course(start: float, use: Pass) -> Scale:
    for guide in use.guides:
        match guide:
            case values.Ramp():
                form = schedule.cosine if guide.form == "cosine" else schedule.linear
                return schedule.ramp(start, guide.end, form, use.steps)
            case values.Scales():
                return schedule.listed(guide.scales, use.steps)
            case _:
                continue
    return constant(start)


def _span(use: Pass) -> Span:
    for guide in use.guides:
        if isinstance(guide, values.Interval):
            if guide.unit == "sigma":
                return schedule.of_noise(guide.start, guide.stop)
            return schedule.of_steps(guide.start, guide.stop, use.steps)
    return everywhere
