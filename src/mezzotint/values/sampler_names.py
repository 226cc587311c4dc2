"""What other programs call the samplers and spacings that we have.

Gives the title that web UIs write for each name, and finds the name for a title, an identifier or a class of other
programs. Where two methods differ in detail, the nearest is named; docs/samplers.md says how. Knows no method.
"""

from collections.abc import Mapping
from types import MappingProxyType

SAMPLER_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "ddim": "DDIM",
        "ddpm": "DDPM",
        "plms": "PLMS",
        "euler": "Euler",
        "euler_a": "Euler a",
        "heun": "Heun",
        "dpm2": "DPM2",
        "dpm2_a": "DPM2 a",
        "dpmpp_2s_a": "DPM++ 2S a",
        "dpmpp_2m": "DPM++ 2M",
        "dpmpp_sde": "DPM++ SDE",
        "dpmpp_2m_sde": "DPM++ 2M SDE",
        "dpmpp_3m_sde": "DPM++ 3M SDE",
        "lms": "LMS",
        "ipndm": "IPNDM",
        "deis": "DEIS",
        "unipc": "UniPC",
        "dpm_fast": "DPM fast",
        "dpm_adaptive": "DPM adaptive",
        "restart": "Restart",
        "er_sde": "ER SDE",
        "sa_solver": "SA Solver",
        "euler_cfg_pp": "Euler CFG++",
        "euler_a_cfg_pp": "Euler a CFG++",
        "dpmpp_2m_cfg_pp": "DPM++ 2M CFG++",
        "lcm": "LCM",
        "tcd": "TCD",
    }
)
"""The titles of AUTOMATIC1111's web UI and its relatives; DDPM and others it lacks are titled in its manner."""

SPACING_TITLES: Mapping[str, str] = MappingProxyType(
    {
        "leading": "DDIM",
        "trailing": "Trailing",
        "linspace": "Uniform",
        "karras": "Karras",
        "exponential": "Exponential",
        "polyexponential": "Polyexponential",
        "sgm_uniform": "SGM Uniform",
        "simple": "Simple",
        "beta": "Beta",
        "kl_optimal": "KL Optimal",
        "linear_quadratic": "Linear Quadratic",
        "turbo": "Turbo",
        "align_your_steps": "Align Your Steps",
        "align_your_steps_xl": "Align Your Steps XL",
        "align_your_steps_svd": "Align Your Steps SVD",
    }
)
"""The schedule types that place their levels in the same way ("DDIM": multiples of a whole stride, plus one)."""

_SAMPLER_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        # ComfyUI
        "euler_ancestral": "euler_a",
        "dpm_2": "dpm2",
        "dpm_2_ancestral": "dpm2_a",
        "dpmpp_2s_ancestral": "dpmpp_2s_a",
        "dpmpp_sde_gpu": "dpmpp_sde",
        "dpmpp_2m_sde_gpu": "dpmpp_2m_sde",
        "dpmpp_3m_sde_gpu": "dpmpp_3m_sde",
        "uni_pc": "unipc",
        "uni_pc_bh2": "unipc",
        "ipndm_v": "lms",
        "euler_ancestral_cfg_pp": "euler_a_cfg_pp",
        "ddim cfg++": "euler_cfg_pp",
        # diffusers
        "ddimscheduler": "ddim",
        "ddpmscheduler": "ddpm",
        "pndmscheduler": "plms",
        "eulerdiscretescheduler": "euler",
        "edmeulerscheduler": "euler",
        "flowmatcheulerdiscretescheduler": "euler",
        "eulerancestraldiscretescheduler": "euler_a",
        "heundiscretescheduler": "heun",
        "flowmatchheundiscretescheduler": "heun",
        "kdpm2discretescheduler": "dpm2",
        "kdpm2ancestraldiscretescheduler": "dpm2_a",
        "dpmsolvermultistepscheduler": "dpmpp_2m",
        "edmdpmsolvermultistepscheduler": "dpmpp_2m",
        "dpmsolversdescheduler": "dpmpp_sde",
        "lcmscheduler": "lcm",
        "flowmatchlcmscheduler": "lcm",
        "tcdscheduler": "tcd",
        "lmsdiscretescheduler": "lms",
        "ipndmscheduler": "ipndm",
        "deismultistepscheduler": "deis",
        "unipcmultistepscheduler": "unipc",
        "dpmsolversinglestepscheduler": "dpm_fast",
        "sasolverscheduler": "sa_solver",
    }
)

_SPACING_ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "normal": "linspace",
        "sgmuniform": "sgm_uniform",
        "ddim_uniform": "leading",
        "sd_turbo": "turbo",
        "align_your_steps_sdxl": "align_your_steps_xl",
    }
)


def sampler_called(name: str) -> str | None:
    """Our sampler for a title, an identifier or a class name; None where there is none. Case does not matter."""
    return _called(name, SAMPLER_TITLES, _SAMPLER_ALIASES)


def spacing_called(name: str) -> str | None:
    """Our spacing for a title or an identifier; None where there is none. Case does not matter."""
    return _called(name, SPACING_TITLES, _SPACING_ALIASES)


def _called(name: str, titles: Mapping[str, str], aliases: Mapping[str, str]) -> str | None:
    low = name.lower()
    if low in titles:
        return low
    titled = next((ours for ours, title in titles.items() if title.lower() == low), None)
    return titled or aliases.get(low)
