"""Writes what a run trained beside a model as the files of a partner: small, stored like the embedded model.

Takes the run folder of a control, an inpainting variant, an upscaler or a depth network; gives a folder that
`families.partners` opens. Trains and draws nothing.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from torch import Tensor

from mezzotint.families import mini, partners
from mezzotint.families.registry import open_model
from mezzotint.nets.t2i_adapter import T2IAdapter
from mezzotint.train.control import open_control
from mezzotint.train.depth import open_depth
from mezzotint.train.inpainting import open_change
from mezzotint.train.runs import settings
from mezzotint.train.upscaler import open_upscaler
from mezzotint.values.errors import BadValue
from mezzotint.values.recipe import ModelUse

Partner = partners.Control | partners.Adapter | partners.Depth | partners.Variant | partners.Upscaler
Packed = tuple[Partner, Mapping[str, Tensor]]


def _base(settings: Mapping[str, Any]) -> str:
    return open_model(ModelUse(base=settings["base"])).digest or ""


def _control(run: Path, settings: Mapping[str, Any], title: str) -> Packed:
    network, base, hint = open_control(run), _base(settings), settings["hint"]
    if isinstance(network, T2IAdapter):
        return partners.Adapter(title, base, hint, network.geometry), network.state_dict()
    return partners.Control(title, base, hint, network.control), network.state_dict()


def _depth(run: Path, settings: Mapping[str, Any], title: str) -> Packed:
    network = open_depth(run)
    return partners.Depth(title, network.geometry), network.state_dict()


def _variant(run: Path, settings: Mapping[str, Any], title: str) -> Packed:
    if settings["base"] != mini.family().name:
        raise BadValue(
            "base", "only variants of the embedded model are stored as a change of it", "train beside mini"
        )
    geometry, change = open_change(run)
    named = {f"unet.{name}": tensor for name, tensor in change.items()}
    return partners.Variant(title, _base(settings), geometry), named


def _upscaler(run: Path, settings: Mapping[str, Any], title: str) -> Packed:
    network = open_upscaler(run)
    return partners.Upscaler(title, network.geometry), network.state_dict()


_KINDS: Mapping[str, Callable[[Path, Mapping[str, Any], str], Packed]] = MappingProxyType(
    {"control": _control, "inpainting": _variant, "upscaler": _upscaler, "depth": _depth}
)
"""What makes a partner of a run, by the part of its run.json that describes it."""


def pack_run(run: Path, folder: Path, title: str, storage: str = "int8") -> Partner:
    """Write the averaged weights of `run` into `folder`; `storage` is a name in STORAGES.

    Raises ModelNotFound for a folder that holds no such run, BadValue, and what packing raises.
    """
    described = settings(run)
    kind = next((kind for kind in _KINDS if kind in described), None)
    if kind is None:
        hint = f"give the folder of a run of {', '.join(_KINDS)}"
        raise BadValue("run", f"{run.name} is no partner of a model", hint)
    what, tensors = _KINDS[kind](run, described[kind], title)
    partners.pack(what, tensors, folder, storage)
    return what
