"""Decides whether a model was trained up to pure noise, and makes its family so (zero terminal SNR).

Takes an explicit choice, the small files and the names of the tensors, in this order. Gives the answer and what decided
it. Where nothing speaks of it the schedule is that of the family. Knows no network. Paper: Lin et al. 2023.
"""

from dataclasses import dataclass, replace

from mezzotint.families.checkpoint import Checkpoint
from mezzotint.families.configs import SCHEDULER
from mezzotint.families.family import Family
from mezzotint.families.layouts.single_file import ZERO_SNR
from mezzotint.families.schedules import FLOOR, Betas
from mezzotint.values.errors import BadModelFile, BadValue, shorten
from mezzotint.values.names import YES

SETTING = "rescale_betas_zero_snr"
"""What diffusers calls it."""


@dataclass(frozen=True)
class Ending:
    """Whether the noise of training ends as pure noise and, in words, what decided it."""

    pure: bool
    by: str


def ending(chosen: str | None, checkpoint: Checkpoint) -> Ending:
    """How the noise of this checkpoint ends; `chosen` is a name in `names.YES_NO`. Raises BadModelFile."""
    if chosen is not None:
        return Ending(chosen == YES, "the explicit choice")
    stated = checkpoint.config(SCHEDULER).get(SETTING)
    if stated is not None and not isinstance(stated, bool):
        raise BadModelFile(
            checkpoint.path / SCHEDULER, f"{SETTING} is {shorten(stated, 30)}, not true or false"
        )
    if stated is not None:
        return Ending(stated, SCHEDULER)
    if ZERO_SNR in checkpoint.source:
        return Ending(True, f"the marker tensor {ZERO_SNR}")
    return Ending(False, "nothing that says otherwise")


def ended(family: Family, pure: bool) -> Family:
    """`family` with a schedule that ends so, and with the spacing that begins there.

    Raises BadValue for a straight path, whose end is pure noise anyway.
    """
    schedule = family.schedule
    if not isinstance(schedule, Betas):
        if not pure:
            return family
        raise BadValue("zero_snr", f"{family.title} always begins from pure noise", "leave it out")
    schedule = replace(schedule, floor=FLOOR if pure else None)
    if schedule == family.schedule:
        return family
    spacing = "trailing" if pure else family.defaults.spacing
    return replace(family, schedule=schedule, defaults=replace(family.defaults, spacing=spacing))
