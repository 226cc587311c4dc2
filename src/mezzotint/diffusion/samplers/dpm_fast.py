"""DPM-Solver-fast (Lu et al. 2022, section 3.4): steps of third order, each over three levels of the plan.

The levels between are those where it calls. The groups are those of k-diffusion's `sample_dpm_fast`, and with levels
even in log sigma so is the rest. Draws no noise.
"""

from collections.abc import Iterator

from torch import Tensor

from mezzotint.diffusion.denoise import Denoiser
from mezzotint.diffusion.noise import Noise
from mezzotint.diffusion.path import Level
from mezzotint.diffusion.plan import Plan
from mezzotint.diffusion.samplers.dpm_solver import second, third
from mezzotint.diffusion.samplers.moves import pure, toward
from mezzotint.diffusion.samplers.step import Step, Tuning


def dpm_fast(denoise: Denoiser, x: Tensor, plan: Plan, noise: Noise, tuning: Tuning) -> Iterator[Step]:
    """One call a step; third order, lower in the rest that three does not divide."""
    index = 0
    for count in _groups(plan):
        first, begun = plan.levels[index], x
        answers: list[tuple[Tensor, Tensor, Level]] = []
        for here, there in zip(plan.levels[index:], plan.levels[index + 1 : index + count + 1], strict=False):
            index += 1
            clean = denoise(x, here)
            answers.append((clean, x, here))
            if len(answers) == 1:
                x = toward(clean, begun, first, there)
            elif len(answers) == count == 2:
                x = second(begun, first, there, answers)
            else:
                x = third(begun, first, there, answers)
            yield Step(index, there, x, clean)


def _groups(plan: Plan) -> list[int]:
    """How many steps go together; one alone from pure noise and to sigma = 0, where the logarithm is infinite."""
    steps = len(plan)
    first = plan.levels[0]
    alone = 1 if steps and (pure(first) or bool((first.alpha == 0).any())) else 0
    clean = 1 if bool((plan.levels[-1].sigma == 0).any()) and steps > alone else 0
    rest = steps - alone - clean
    threes = [3] * (rest // 3) + ([rest % 3] if rest % 3 else [])
    if rest and rest % 3 == 0 and not clean:
        threes = [*threes[:-1], 2, 1]
    return [1] * alone + threes + [1] * clean
