"""The samplers by name, and what can be set on each.

An entry says how to sample, which settings the method reads and what they are when none is asked for, how many
network calls a step takes and how fast the error falls. Knows no recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mezzotint.diffusion.samplers.ddim import ddim
from mezzotint.diffusion.samplers.dpm2 import dpm2
from mezzotint.diffusion.samplers.dpm2_a import dpm2_a
from mezzotint.diffusion.samplers.dpmpp_2m import dpmpp_2m
from mezzotint.diffusion.samplers.dpmpp_2s_a import dpmpp_2s_a
from mezzotint.diffusion.samplers.dpmpp_sde import dpmpp_sde
from mezzotint.diffusion.samplers.euler import euler
from mezzotint.diffusion.samplers.euler_a import euler_a
from mezzotint.diffusion.samplers.heun import heun
from mezzotint.diffusion.samplers.lcm import lcm
from mezzotint.diffusion.samplers.plms import plms
from mezzotint.diffusion.samplers.step import Sampler, Tuning
from mezzotint.diffusion.samplers.tcd import tcd

_PLAIN = Tuning()


@dataclass(frozen=True)
class SamplerEntry:
    """A sampler. `takes` are the fields of Tuning that it reads, `tuning` what they are by default.

    `order` is that of its error in the length of a step, for smooth answers and eta = 0, None where it has none;
    `calls` are the most network calls in one step. `brownian` asks for noise from one Brownian path.
    """

    sample: Sampler
    order: int | None
    takes: frozenset[str] = frozenset()
    tuning: Tuning = _PLAIN
    calls: int = 1
    brownian: bool = False

    def tuned(self, given: Mapping[str, float]) -> Tuning:
        """The tuning with the fields of `given` set; KeyError for one that the sampler does not read.

        A value that is there anyway is no error.
        """
        for name, value in given.items():
            if name not in self.takes and value != getattr(self.tuning, name):
                raise KeyError(name)
        return replace(self.tuning, **given)  # pyright: ignore[reportArgumentType]


_CHURN = frozenset({"s_churn", "s_tmin", "s_tmax", "s_noise"})
_ETA = frozenset({"eta"})
_FRESH = frozenset({"eta", "s_noise"})
_ALL_FRESH = Tuning(eta=1.0)

SAMPLERS: Mapping[str, SamplerEntry] = MappingProxyType(
    {
        "ddim": SamplerEntry(ddim, 1, _FRESH),
        "ddpm": SamplerEntry(ddim, None, frozenset({"s_noise"}), _ALL_FRESH),
        "plms": SamplerEntry(plms, 2, calls=2),
        "euler": SamplerEntry(euler, 1, _CHURN),
        "euler_a": SamplerEntry(euler_a, 1, _FRESH, _ALL_FRESH),
        "heun": SamplerEntry(heun, 2, _CHURN, calls=2),
        "dpm2": SamplerEntry(dpm2, 2, _CHURN, calls=2),
        "dpm2_a": SamplerEntry(dpm2_a, 2, _FRESH, _ALL_FRESH, calls=2),
        "dpmpp_2s_a": SamplerEntry(dpmpp_2s_a, 2, _FRESH, _ALL_FRESH, calls=2),
        "dpmpp_2m": SamplerEntry(dpmpp_2m, 2),
        "dpmpp_sde": SamplerEntry(dpmpp_sde, 1, _FRESH, _ALL_FRESH, calls=2, brownian=True),
        "lcm": SamplerEntry(lcm, None, frozenset({"s_noise"}), _ALL_FRESH),
        "tcd": SamplerEntry(tcd, None, _FRESH, Tuning(eta=0.3)),
    }
)
