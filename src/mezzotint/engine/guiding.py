"""From the guides of a recipe to those that steer a denoiser.

Takes a pass and its model; gives guides of `diffusion.guidance` in their order, the texts that they ask about, and what
they inject. Knows no prompt.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE, Question
from mezzotint.diffusion.guidance import schedule
from mezzotint.diffusion.guidance.apg import apg
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.cfg_zero import cfg_zero
from mezzotint.diffusion.guidance.disturbed import disturbed
from mezzotint.diffusion.guidance.guide import Guide, Scale, Span, constant, everywhere, within
from mezzotint.diffusion.guidance.image_cfg import image_cfg
from mezzotint.diffusion.guidance.perp_neg import perp_neg
from mezzotint.diffusion.guidance.rescale import rescale
from mezzotint.diffusion.guidance.sag import sag
from mezzotint.diffusion.guidance.threshold import mimic, threshold
from mezzotint.diffusion.prediction import Prediction
from mezzotint.diffusion.samplers.registry import SAMPLERS
from mezzotint.engine.touching import SAG_SITE, touches_of
from mezzotint.families.family import Model
from mezzotint.nets.conditioning import Inject
from mezzotint.nets.disturbed import blurred
from mezzotint.values import guides as values
from mezzotint.values.errors import BadValue
from mezzotint.values.recipe import Pass


@dataclass(frozen=True)
class Guiding:
    """What steers one run: its `guides`, and what their touches `inject` into the network.

    `pair`: the sampler wants the answer to the negative prompt beside the guided one (CFG++).
    """

    guides: tuple[Guide, ...]
    inject: Mapping[str, Inject]
    pair: bool = False

    @property
    def questions(self) -> tuple[Question, ...]:
        """All that is asked, the prompt first."""
        asked = (question for guide in self.guides for question in guide.questions)
        return tuple(dict.fromkeys((POSITIVE, *((NEGATIVE,) if self.pair else ()), *asked)))

    @property
    def texts(self) -> tuple[str, ...]:
        """The names of the texts that are asked about."""
        return tuple(dict.fromkeys(question.text for question in self.questions))


def guiding_of(use: Pass, model: Model) -> Guiding:
    """What steers one run of `use`: guides that remember something begin anew. Raises BadValue for a guide that needs
    a part of a network, or a picture, that `model` does not have."""
    if model.family.defaults.picture is None and any(isinstance(g, values.ImageCfg) for g in use.guides):
        told = f"image-cfg: {model.family.title} does not ask about a picture by itself"
        raise BadValue("guides", told, "leave it out, or use a model of instruct-pix2pix")
    made = [_made(guide, use, model.prediction) for guide in use.guides]
    return Guiding(
        tuple(guide for guide in made if guide is not None),
        touches_of(use.guides, model.denoiser),
        SAMPLERS[use.sampler].pair,
    )


def _made(guide: values.Guide, use: Pass, prediction: Prediction) -> Guide | None:
    """The guide of `diffusion.guidance`; None for one that does nothing, or that only changes `cfg`."""
    match guide:
        case values.Cfg():
            return _formed(guide.scale, use, prediction)
        case values.Pag() | values.Seg():
            span = schedule.of_steps(guide.start, guide.stop, use.steps)
            return disturbed(guide.scale, guide.kind, span)
        case values.SkipLayers():
            span = schedule.between_steps(guide.start, guide.stop, use.steps)
            return disturbed(guide.scale, guide.kind, span)
        case values.Sag():
            of = NEGATIVE if _has_negative(use) else POSITIVE
            return sag(guide.scale, of, SAG_SITE, partial(blurred, sigma=guide.blur, size=9), prediction)
        case values.ImageCfg():
            return image_cfg(guide.scale)
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


def _has_negative(use: Pass) -> bool:
    return any(isinstance(guide, values.Cfg) and guide.scale != 1 for guide in use.guides)


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
