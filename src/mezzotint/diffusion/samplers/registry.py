"""The samplers by name, and what can be set on each.

An entry says how to sample, which settings the method reads and what they are when none is asked for, how many
network calls a step takes and how fast the error falls. Knows no recipe.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType

from mezzotint.diffusion.samplers.ddim import ddim
from mezzotint.diffusion.samplers.deis import deis
from mezzotint.diffusion.samplers.dpm2 import dpm2
from mezzotint.diffusion.samplers.dpm2_a import dpm2_a
from mezzotint.diffusion.samplers.dpm_adaptive import dpm_adaptive
from mezzotint.diffusion.samplers.dpm_fast import dpm_fast
from mezzotint.diffusion.samplers.dpmpp_2m import dpmpp_2m
from mezzotint.diffusion.samplers.dpmpp_2m_cfg_pp import dpmpp_2m_cfg_pp
from mezzotint.diffusion.samplers.dpmpp_2m_sde import dpmpp_2m_sde
from mezzotint.diffusion.samplers.dpmpp_2s_a import dpmpp_2s_a
from mezzotint.diffusion.samplers.dpmpp_3m_sde import dpmpp_3m_sde
from mezzotint.diffusion.samplers.dpmpp_sde import dpmpp_sde
from mezzotint.diffusion.samplers.er_sde import er_sde
from mezzotint.diffusion.samplers.euler import euler
from mezzotint.diffusion.samplers.euler_a import euler_a
from mezzotint.diffusion.samplers.euler_cfg_pp import euler_cfg_pp
from mezzotint.diffusion.samplers.heun import heun
from mezzotint.diffusion.samplers.ipndm import ipndm
from mezzotint.diffusion.samplers.lcm import lcm
from mezzotint.diffusion.samplers.lms import lms
from mezzotint.diffusion.samplers.plms import plms
from mezzotint.diffusion.samplers.restart import restart
from mezzotint.diffusion.samplers.sa_solver import sa_solver
from mezzotint.diffusion.samplers.step import Sampler, Tuning
from mezzotint.diffusion.samplers.tcd import tcd
from mezzotint.diffusion.samplers.unipc import unipc

_PLAIN = Tuning()


@dataclass(frozen=True)
class SamplerEntry:
    """A sampler. `takes` are the fields of Tuning that it reads, `tuning` what they are by default.

    `order` is that of its error in the length of a step, for smooth answers, eta = 0 and its own first steps, None
    where it has none; `calls` are the most network calls in one step, 0 where the method decides. `brownian` asks for
    noise from one Brownian path, `pair` for a denoiser that answers with the guided clean latent and the one of the
    negative prompt, `2 B C H W`.
    """

    sample: Sampler
    order: int | None
    takes: frozenset[str] = frozenset()
    tuning: Tuning = _PLAIN
    calls: int = 1
    brownian: bool = False
    pair: bool = False

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
_ORDER = frozenset({"order"})
_RESTART = frozenset({"restarts", "restart_from", "restart_to", "s_noise"})
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
        "dpmpp_sde": SamplerEntry(dpmpp_sde, 2, _FRESH, _ALL_FRESH, calls=2, brownian=True),
        "dpmpp_2m_sde": SamplerEntry(dpmpp_2m_sde, 2, _FRESH, _ALL_FRESH, brownian=True),
        "dpmpp_3m_sde": SamplerEntry(dpmpp_3m_sde, 2, _FRESH, _ALL_FRESH, brownian=True),
        "lms": SamplerEntry(lms, 2, _ORDER, Tuning(order=4)),
        "ipndm": SamplerEntry(ipndm, 2, _ORDER, Tuning(order=4)),
        "deis": SamplerEntry(deis, 2, _ORDER, Tuning(order=3)),
        "unipc": SamplerEntry(unipc, 2, _ORDER, Tuning(order=2)),
        "dpm_fast": SamplerEntry(dpm_fast, 2),
        "dpm_adaptive": SamplerEntry(dpm_adaptive, None, frozenset({"tolerance"}), calls=0),
        "restart": SamplerEntry(restart, None, _RESTART, Tuning(restarts=1), calls=2),
        "er_sde": SamplerEntry(er_sde, None, _ORDER | frozenset({"s_noise"}), Tuning(eta=1.0, order=3)),
        "sa_solver": SamplerEntry(sa_solver, 2, _FRESH | _ORDER, Tuning(eta=1.0, order=3)),
        "euler_cfg_pp": SamplerEntry(euler_cfg_pp, 1, _FRESH, pair=True),
        "euler_a_cfg_pp": SamplerEntry(euler_cfg_pp, 1, _FRESH, _ALL_FRESH, pair=True),
        "dpmpp_2m_cfg_pp": SamplerEntry(dpmpp_2m_cfg_pp, 2, pair=True),
        "lcm": SamplerEntry(lcm, None, frozenset({"s_noise"}), _ALL_FRESH),
        "tcd": SamplerEntry(tcd, None, _FRESH, Tuning(eta=0.3)),
    }
)
