"""The samplers by name.

An entry says how to sample, which eta the method has when none is asked for, and whether it uses eta at all.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mezzotint.diffusion.samplers.ddim import ddim
from mezzotint.diffusion.samplers.dpmpp_2m import dpmpp_2m
from mezzotint.diffusion.samplers.euler import euler
from mezzotint.diffusion.samplers.euler_a import euler_a
from mezzotint.diffusion.samplers.plms import plms
from mezzotint.diffusion.samplers.step import Sampler


@dataclass(frozen=True)
class SamplerEntry:
    """A sampler, its own eta, and whether another eta changes anything."""

    sample: Sampler
    default_eta: float = 0.0
    takes_eta: bool = False


SAMPLERS: Mapping[str, SamplerEntry] = MappingProxyType(
    {
        "ddim": SamplerEntry(ddim, default_eta=0.0, takes_eta=True),
        "plms": SamplerEntry(plms),
        "euler": SamplerEntry(euler),
        "euler_a": SamplerEntry(euler_a, default_eta=1.0, takes_eta=True),
        "dpmpp_2m": SamplerEntry(dpmpp_2m),
    }
)
