"""The noise schedules that families were trained on, as few numbers, and the paths that these make.

Data. Knows no network.
"""

from dataclasses import dataclass

from mezzotint.diffusion.path import Diffused, Rectified, scaled_linear

FLOOR = 2.0**-24
"""The last abar of a model trained up to pure noise: sigma is 4096 there, as in diffusers' Euler and DPM-Solver."""


@dataclass(frozen=True)
class Betas:
    """The noise schedule of training: square roots evenly spaced from `first` to `last` over `count` times.

    `floor` is the last abar of one that was then rescaled to end in pure noise; None: it was not.
    """

    first: float = 0.00085
    last: float = 0.012
    count: int = 1000
    floor: float | None = None

    def path(self) -> Diffused:
        """The path from a picture to noise that was trained on."""
        return Diffused(scaled_linear(self.first, self.last, self.count), self.floor)


@dataclass(frozen=True)
class Shift:
    """The straight path of flow matching over `count` times, moved towards noise by `shift`."""

    shift: float = 3.0
    count: int = 1000

    def path(self) -> Rectified:
        """The path from a picture to noise that was trained on."""
        return Rectified(self.shift, self.count)
