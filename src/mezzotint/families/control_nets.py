"""The network that a control names: a ControlNet or T2I-Adapter in a file or folder, or a built-in partner.

Takes what people write and the network that is to be controlled. Gives a network in float32 and evaluation mode; what
does not fit that one is one typed error. Knows no picture and no strength.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from mezzotint.families import mini, partners
from mezzotint.families.controls import adapter_for, controlnet_for
from mezzotint.families.joint_controls import is_joint, joint_control_for
from mezzotint.families.kinds import ADAPTER, CONTROLNET, hint_for, kind_of
from mezzotint.families.standing import CONTROL, Settings, Standing, check_settings, standing
from mezzotint.families.union_controls import is_union, union_for
from mezzotint.nets.control_union import ControlUnion
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.mmdit_control import MMDiTControl
from mezzotint.nets.t2i_adapter import T2IAdapter
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.values.controls import REFERENCE
from mezzotint.values.errors import BadModelFile, ModelNotFound, shorten

Network = ControlNet | ControlUnion | T2IAdapter | MMDiTControl
PARTNERS = (partners.EDGES, partners.DEPTH)
"""The controls of the embedded model that come with the program, by name."""
FIXED: Settings = MappingProxyType({name: known for name, known in CONTROL.items() if "norm" not in name})
"""The settings of a ControlNet that its UNet does not decide."""


def _controlnet(found: Standing, unet: UNetGeometry) -> ControlNet | ControlUnion:
    return union_for(found, unet) if is_union(found.source) else controlnet_for(found.source, unet)


OPENERS: Mapping[str, Callable[[Standing, UNetGeometry], Network]] = MappingProxyType(
    {
        CONTROLNET: _controlnet,
        ADAPTER: lambda found, unet: adapter_for(found.source, unet),
    }
)


def control_path(name: str) -> Path:
    """Where the control that people call `name` lies: a path, or the folder of a built-in one. Raises ModelNotFound."""
    if name in PARTNERS:
        return partners.shipped(name)
    return existing(
        name, f"give the path of a ControlNet or T2I-Adapter, or use {', '.join((*PARTNERS, REFERENCE))}"
    )


def existing(name: str, hint: str) -> Path:
    """`name` as a path at which something lies. Raises ModelNotFound with the `hint`."""
    try:
        path = Path(name).expanduser()
        found = path.exists()
    except (OSError, RuntimeError, ValueError):
        found, path = False, Path()
    if not found:
        raise ModelNotFound(name, hint)
    return path


def open_control(path: Path, denoiser: UNet | MMDiT) -> Network:
    """The ControlNet or T2I-Adapter at `path` for models with this `denoiser`.

    Raises ModelNotFound, PickleRefused, Ambiguous, WeightsMismatch, and BadModelFile: for another kind of file, and for
    a network that was made for other models.
    """
    if (path / mini.GEOMETRY).is_file() or path.name in PARTNERS:
        return _partner(path, denoiser)
    found = standing(path)
    kind = kind_of(found.source)
    if kind not in OPENERS:
        hint = hint_for(kind, "use a ControlNet or T2I-Adapter of Stable Diffusion")
        raise BadModelFile(path, f"is {kind}, nothing that --control takes", hint)
    joint = is_joint(found.source)
    if joint and is_union(found.source):
        told = "is a network for several kinds of hints and a transformer, which nobody has described"
        raise BadModelFile(path, told, "use the ControlNet of one kind of hint")
    if joint != isinstance(denoiser, MMDiT):
        told = ("a UNet", "a transformer (Stable Diffusion 3)")
        raise BadModelFile(
            path,
            f"is made for a model with {told[joint]}, this one has {told[not joint]}",
            f"use {kind} of the family of this model",
        )
    if isinstance(denoiser, MMDiT):
        return joint_control_for(found, denoiser)
    check_settings(found, FIXED)
    return OPENERS[kind](found, denoiser.geometry)


def _partner(path: Path, denoiser: UNet | MMDiT) -> ControlNet | T2IAdapter:
    network, unet = partners.open_control(path), denoiser.geometry
    widths = unet.channels if isinstance(unet, UNetGeometry) else ()
    if isinstance(network, ControlNet):
        fits = (network.control.unet.channels, network.control.unet.context) == (widths, unet.context)
    else:
        fits = network.geometry.channels == widths[: len(network.geometry.channels)]
    if not fits:
        told = f"{shorten(path.name)} is a partner of the embedded model and fits no other"
        raise BadModelFile(path, told, "draw with --model mini")
    return network
