"""What happens while pictures are drawn, as values that the caller iterates over.

Takes nothing; the engine makes these and surfaces show them. Knows no terminal, no socket and no tensor.
"""

from dataclasses import dataclass

from mezzotint.values.picture import Picture


@dataclass(frozen=True)
class Prepared:
    """The model `model` (its name) is open and the plan is made: `recipe_count` pictures, `steps` steps each, in the
    pass `number` (from 1) of `passes`."""

    recipe_count: int
    steps: int
    model: str
    number: int = 1
    passes: int = 1


@dataclass(frozen=True)
class Stepped:
    """Step `step` of `steps` (from 1) is done. `sigma` is the noise level reached, `seconds` the step's time."""

    step: int
    steps: int
    sigma: float
    seconds: float


@dataclass(frozen=True)
class Drawn:
    """Picture `index` (from 0, in the order of the recipes) is finished."""

    index: int
    picture: Picture


Event = Prepared | Stepped | Drawn
"""Everything that an engine reports."""
