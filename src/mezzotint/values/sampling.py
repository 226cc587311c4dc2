"""What can be set on a sampler beside its name.

Takes plain values, gives a frozen record; None is the sampler's own default. Which sampler reads which field is known
to the registry of the samplers, and a test holds the names equal.
"""

from itertools import pairwise
from typing import Annotated

from pydantic import Field

from mezzotint.values.errors import BadValue
from mezzotint.values.value import POSITIVE_ZERO, Value, option

MOST_SIGMA = 1e6
MAX_SIGMAS = 1000
"""The most levels that a recipe may list."""


def falling(sigmas: tuple[float, ...] | None) -> tuple[float, ...] | None:
    """`sigmas` as they are. Raises BadValue unless there are 1 to MAX_SIGMAS, all positive, each below the last."""
    if sigmas is None:
        return None
    if not 1 <= len(sigmas) <= MAX_SIGMAS:
        raise BadValue("sigmas", f"has {len(sigmas)} entries", f"give 1 to {MAX_SIGMAS} of them")
    for before, after in pairwise((MOST_SIGMA * 2, *sigmas)):
        if not 0 < after < before or after > MOST_SIGMA:
            told = f"{after:g} does not lie between 0 and the one before it"
            raise BadValue("sigmas", told, "list falling numbers above 0, and leave the final 0 out")
    return sigmas


Nonnegative = Annotated[float, POSITIVE_ZERO]


class SamplerOptions(Value):
    """The settings of samplers, each read by some of them; one that the chosen sampler does not read is an error.

    `s_churn`, `s_tmin`, `s_tmax` and `s_noise` are those of Karras et al. 2022, algorithm 2. `restarts` repeats the
    stretch between two ratios of noise to signal, `restart_from` down to `restart_to`. `tolerance` is the relative
    error that a step of adaptive length may have.
    """

    s_noise: Annotated[
        Nonnegative | None,
        option("s_noise", "strength of the noise drawn on the way (1 is as it should be)", least=0, most=2),
    ] = None
    s_churn: Annotated[
        Nonnegative | None,
        option(
            "s_churn",
            "noise put in before steps, shared out over all of them (0 is none)",
            least=0,
            most=1000,
        ),
    ] = None
    s_tmin: Annotated[
        Nonnegative | None,
        option("s_tmin", "smallest sigma at which s_churn acts", least=0, most=1000),
    ] = None
    s_tmax: Annotated[
        Nonnegative | None,
        option("s_tmax", "largest sigma at which s_churn acts", least=0, most=1000),
    ] = None
    order: Annotated[
        int | None, option("order", "how many answers of the model a step combines, at most", least=1, most=4)
    ] = None
    restarts: Annotated[
        int | None, option("restarts", "how often the restart sampler goes back up", least=0, most=20)
    ] = None
    restart_from: Annotated[float | None, Field(ge=0.001, le=1000)] = None
    restart_to: Annotated[float | None, Field(ge=0.001, le=1000)] = None
    tolerance: Annotated[float | None, Field(ge=0.001, le=1)] = None

    def given(self) -> dict[str, float]:
        """The fields that are set."""
        return {name: value for name, value in self if value is not None}
