"""How a picture was sampled, in infotexts: the settings of samplers, levels and guides.

Takes a pass and gives pairs of key and value; takes the pairs of any program's infotext and gives flat options and the
texts of guides. Keys are those of AUTOMATIC1111's web UI 1.10 and of Forge's extensions; what these have no key for
has one of ours. Reading never fails: what cannot be read or does not hold here is left out.
"""

import re
from collections.abc import Iterator, Mapping
from types import MappingProxyType

from mezzotint.values.errors import MezzotintError
from mezzotint.values.guide_text import from_text, to_text
from mezzotint.values.guides import Cfg, Guide, Pag, Sag
from mezzotint.values.recipe import Pass
from mezzotint.values.sampler_names import spacing_called
from mezzotint.values.sampling import MAX_SIGMAS

_REAL = r"([0-9]{1,7}(\.[0-9]{0,20})?|\.[0-9]{1,20})(e-[0-9]{1,3})?"
_PAG, _SAG = "PerturbedAttentionGuidance", "sag"
"""How the keys of Forge's extensions begin."""

_REALS: Mapping[str, str] = MappingProxyType(
    {
        "Sigma churn": "s_churn",
        "Sigma tmin": "s_tmin",
        "Sigma tmax": "s_tmax",
        "Sigma noise": "s_noise",
        "Schedule rho": "rho",
        "Shift": "shift",
    }
)
_WHOLE: Mapping[str, str] = MappingProxyType(
    {"Order": "order", "UniPC order": "order", "Restarts": "restarts"}
)
_ZERO_IS_DEFAULT = frozenset({"s_tmax", "rho", "shift", "order"})

_AUTOMATIC: Mapping[str, str] = MappingProxyType(
    {
        "dpmpp_2m": "karras",
        "dpmpp_sde": "karras",
        "dpmpp_2s_a": "karras",
        "dpm2": "karras",
        "dpm2_a": "karras",
        "restart": "karras",
        "dpmpp_2m_sde": "exponential",
        "dpmpp_3m_sde": "exponential",
        "ddim": "leading",
        "plms": "leading",
        "unipc": "leading",
        "euler_cfg_pp": "leading",
    }
)
"""What the web UI takes "Automatic" for; for the others it is "Uniform"."""


def written(walk: Pass) -> Iterator[tuple[str, str]]:
    """The settings of `walk` beside steps, sampler, spacing and scale, in the order in which web UIs write them."""
    if walk.eta is not None:
        yield _eta(walk.sampler), shown(walk.eta)
    given = walk.options.given() | {"rho": walk.rho, "shift": walk.shift}
    for key, name in _REALS.items():
        if (value := given.get(name)) is not None:
            yield key, shown(value)
    if walk.options.order is not None:
        yield "UniPC order" if walk.sampler == "unipc" else "Order", str(walk.options.order)
    if walk.options.restarts is not None:
        yield "Restarts", str(walk.options.restarts)
    if walk.sigmas is not None:
        yield "Sigmas", " ".join(map(shown, walk.sigmas))
    for guide in walk.guides:
        yield from _forge(guide)
    others = [to_text(guide) for guide in walk.guides if not isinstance(guide, Cfg)]
    if others:
        yield "Guides", " ".join(others)


def shown(number: float) -> str:
    """The number as web UIs write it: without a fraction where it has none."""
    return repr(number).removesuffix(".0")


def _eta(sampler: str | None) -> str:
    return "Eta DDIM" if sampler == "ddim" else "Eta"


def _forge(guide: Guide) -> Iterator[tuple[str, str]]:
    """What Forge's extensions write for a guide that is like theirs."""
    if isinstance(guide, Pag) and guide == Pag(scale=guide.scale):
        yield f"{_PAG}_enabled", "True"
        yield f"{_PAG}_scale", shown(guide.scale)
    if isinstance(guide, Sag):
        yield f"{_SAG}_enabled", "True"
        yield f"{_SAG}_scale", shown(guide.scale)
        yield f"{_SAG}_blur_sigma", shown(guide.blur)
        yield f"{_SAG}_threshold", "1"


def read(params: Mapping[str, str], sampler: str | None, steps: object) -> dict[str, object]:
    """The flat options that the settings of an infotext settle, for our `sampler` and its number of `steps`."""
    flat: dict[str, object] = {}
    for key, name in _REALS.items():
        flat[name] = _real(params.get(key, ""))
    for key, name in _WHOLE.items():
        if re.fullmatch("[0-9]{1,3}", params.get(key, "")):
            flat[name] = int(params[key])
    flat["eta"] = _real(params.get(_eta(sampler), params.get("Eta", "")))
    flat["sigmas"] = _sigmas(params.get("Sigmas", ""), steps)
    return {
        name: value
        for name, value in flat.items()
        if value is not None and not (value == 0 and name in _ZERO_IS_DEFAULT)
    }


def spacing(title: str, sampler: str | None) -> str | None:
    """Our spacing for a schedule type; "Automatic" depends on the sampler."""
    if title == "Automatic" and sampler is not None:
        return _AUTOMATIC.get(sampler, "linspace")
    return spacing_called(title)


def guides(params: Mapping[str, str]) -> tuple[str, ...]:
    """The guides beside cfg that an infotext tells of, as `values.guide_text` reads them; ours count before Forge's."""
    found = params["Guides"].split() if "Guides" in params else list(_foreign(params))
    return tuple(text for text in found if _holds(text))


def _foreign(params: Mapping[str, str]) -> Iterator[str]:
    """Guides in the words of other programs: Forge's PAG and SAG, and extensions that rescale."""
    if params.get(f"{_PAG}_enabled") == "True":
        yield f"pag:{params.get(f'{_PAG}_scale', '3')}"
    if params.get(f"{_SAG}_enabled") == "True" and params.get(f"{_SAG}_threshold", "1") in ("1", "1.0"):
        yield f"sag:{params.get(f'{_SAG}_scale', '0.5')},{params.get(f'{_SAG}_blur_sigma', '2')}"
    if amount := _real(params.get("CFG Rescale phi", params.get("CFG rescale", ""))):
        yield f"rescale:{shown(amount)}"


def _holds(text: str) -> bool:
    try:
        from_text(text)
    except MezzotintError:
        return False
    return True


def _real(text: str) -> float | None:
    return float(text) if re.fullmatch(_REAL, text) else None


def _sigmas(text: str, steps: object) -> tuple[float, ...] | None:
    """A list of sigmas with one number for each step."""
    numbers = [_real(word) for word in text.split(" ", MAX_SIGMAS)] if text else []
    found = tuple(number for number in numbers if number)
    return found if found and len(found) == len(numbers) == steps else None
