"""Strength and reach that change on the way: scales for each step, spans of steps and of noise.

A guidance that falls or rises: Wang et al. 2024 (Analysis of Classifier-Free Guidance Weight Schedulers); one that is
left out at both ends: Kynkaanniemi et al. 2024 (Applying Guidance in a Limited Interval), who state it in sigma. Does
not know guides.
"""

import math
from collections.abc import Callable, Sequence

from mezzotint.diffusion.guidance.guide import Scale, Span
from mezzotint.diffusion.path import Level

Form = Callable[[float], float]
"""How far from the start to the end something is, 0 .. 1, at a share 0 .. 1 of the way."""


def linear(share: float) -> float:
    """Even."""
    return share


def cosine(share: float) -> float:
    """Slow at both ends: half a wave."""
    return (1 - math.cos(math.pi * share)) / 2


def ramp(start: float, end: float, form: Form, steps: int) -> Scale:
    """From `start` in the first of `steps` steps to `end` in the last."""

    def scale(level: Level) -> float:
        share = form(min(level.step / (steps - 1), 1.0)) if steps > 1 else 0.0
        return start + share * (end - start)

    return scale


def listed(scales: Sequence[float], steps: int) -> Scale:
    """One scale for each of `steps` steps or, where they are not as many, for equal parts of the way."""
    return lambda level: scales[min(level.step * len(scales) // steps, len(scales) - 1)]


def of_steps(start: float, stop: float, steps: int) -> Span:
    """From the share `start` of `steps` steps up to, and without, the share `stop` (diffusers' guiders round so)."""
    first, end = (math.floor(share * steps + 1e-9) for share in (start, stop))
    return lambda level: first <= level.step < end


def between_steps(start: float, stop: float, steps: int) -> Span:
    """Where the number of the step, from 0, lies between these shares of `steps`, both ends left out (sd3_infer.py)."""
    return lambda level: start * steps < level.step < stop * steps


def of_noise(low: float, high: float) -> Span:
    """Where low < sigma <= high; of levels with a sigma for each image, the largest decides."""
    return lambda level: low < float(level.sigma.max()) <= high
