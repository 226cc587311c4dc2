"""One pass of one recipe: what is said, at which size, with which adapters, and which steps it walks.

Takes a recipe and the number of a pass. Everything that a pass inherits from its recipe or from the pass before is
looked up here. Knows no network.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from mezzotint.diffusion.plan import Plan
from mezzotint.values.noise import MAX_SEED
from mezzotint.values.recipe import AdapterUse, InversionUse, Pass, Prompt, Recipe
from mezzotint.values.source import Source

ROUNDING = 1e-9
"""A share of the steps that is a whole number of them but for rounding is that number."""


@dataclass(frozen=True)
class Walk:
    """The pass `number` (from 0) of `recipe`, which draws `width` x `height` pixels."""

    recipe: Recipe
    number: int
    width: int
    height: int

    @property
    def use(self) -> Pass:
        """The pass itself."""
        return self.recipe.passes[self.number]

    @property
    def source(self) -> Source | None:
        """What it starts from; None: noise."""
        return self.use.source

    @property
    def prompt(self) -> Prompt:
        """What it draws: its own prompt, or that of the recipe."""
        return self.use.prompt or self.recipe.prompt

    @property
    def adapters(self) -> tuple[AdapterUse, ...]:
        """What changes its model: what it names, or what the recipe names for its first model."""
        if self.use.adapters is not None:
            return self.use.adapters
        return self.recipe.adapters if self._first_model else ()

    @property
    def inversions(self) -> tuple[InversionUse, ...]:
        """The words that its prompt may hold: those of the recipe are for its first model."""
        return self.recipe.inversions if self._first_model else ()

    @property
    def _first_model(self) -> bool:
        return self.use.model == self.recipe.passes[0].model

    @property
    def seed(self) -> int:
        """The seed of its noise. A pass at the size of the one before takes the next one: the noise that a picture was
        drawn from would only draw it again. Behind the greatest seed comes 0."""
        passes = self.recipe.passes[1 : self.number + 1]
        return (self.recipe.seed + sum(after.scale == 1 for after in passes)) % (MAX_SEED + 1)


def walks(recipes: Sequence[Recipe], number: int, size: tuple[int, int]) -> tuple[Walk, ...]:
    """The pass `number` of each recipe at `size`, width and height."""
    return tuple(Walk(recipe, number, *size) for recipe in recipes)


def sized(use: Pass, before: tuple[int, int], multiple: int, enlarges: int = 1) -> tuple[int, int]:
    """The width and height of a pass after one that drew at `before`, as multiples of what its model draws in; that
    draws `enlarges` times as large as what it is shown."""
    scale = use.scale * enlarges
    across, down = (max(1, round(side * scale / multiple)) * multiple for side in before)
    return across, down


def first_step(use: Pass, plan: Plan) -> int:
    """The step of the whole plan, counted from 0, that a pass begins with."""
    if use.source is None or use.source.start == "kept":
        return _places(use, plan)[0]
    return len(plan) - int(len(plan) * use.source.strength + ROUNDING)


def walks_nothing(use: Pass) -> bool:
    """Whether a pass starts so late that it has no step to walk, as `first_step` counts."""
    if use.source is None or use.source.start == "kept":
        return False
    steps = use.steps if use.sigmas is None else len(use.sigmas)
    return int(steps * use.source.strength + ROUNDING) == 0


def last_step(use: Pass, plan: Plan) -> int:
    """The number of steps of the whole plan after which a pass stops."""
    return _places(use, plan)[1]


def _places(use: Pass, plan: Plan) -> tuple[int, int]:
    """The steps that the span of a pass begins and ends with.

    In training time a step belongs to the pass in whose share of time its network is called, as SDXL's base model and
    refiner share them (diffusers, `denoising_end`).
    """
    span, steps = use.span, len(plan)
    if span.unit == "steps":
        return int(span.start * steps + ROUNDING), int(span.stop * steps + ROUNDING)
    times = [float(level.t) for level in plan.levels[:-1]]
    ends = [plan.path.times * (1 - share) for share in (span.start, span.stop)]
    first, last = (sum(t >= end for t in times) for end in ends)
    return (0 if span.start == 0 else first), (steps if span.stop == 1 else last)
