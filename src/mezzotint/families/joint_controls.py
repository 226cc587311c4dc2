"""Opens ControlNets of Stable Diffusion 3 and 3.5 from files and diffusers folders.

Takes what stands at a path and the transformer that is to be steered. Gives a network in float32 and evaluation mode;
what shapes do not tell comes from the folder's configuration, and else is as published. What does not fit is one typed
error. Knows no picture.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from types import MappingProxyType

import torch

from mezzotint.families.assemble import filled
from mezzotint.families.geometry import Shapes, mmdit_geometry
from mezzotint.families.layouts import mmdit_control, mmdit_diffusers
from mezzotint.families.standing import Settings, Standing, check_settings
from mezzotint.nets.mmdit import MMDiT, MMDiTGeometry
from mezzotint.nets.mmdit_control import LENT, MMDiTControl, MMDiTControlGeometry
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.weights.files import TensorSource
from mezzotint.weights.layout import Layout

HEAD = 64
"""The width of a head in every published one."""
MARKER = "pos_embed_input.proj.weight"
"""A weight that only these have, in both layouts."""
SETTINGS: Settings = MappingProxyType(
    {
        "force_zeros_for_pooled_projection": (True, False),
        "pos_embed_type": ("sincos", None),
        "qk_norm": ("rms_norm", None),
    }
)
KINDS: Mapping[int, str] = MappingProxyType({0: "blur", 1: "canny", 2: "depth"})
"""What the numbers in original files say that the hints show."""


def is_joint(names: Iterable[str]) -> bool:
    """Whether these are the names of a ControlNet for a transformer."""
    return MARKER in names


def joint_table(names: Iterable[str]) -> Layout:
    """The table for a file with these names."""
    original = any(name.endswith(".attn.qkv.weight") for name in names)
    return mmdit_control.ORIGINAL if original else mmdit_diffusers.CONTROL


def joint_control_for(found: Standing, steered: MMDiT) -> MMDiTControl:
    """The ControlNet that stands there, for models with the transformer `steered`, whose patches and places it shares
    where it has none of its own.

    Raises WeightsMismatch and BadModelFile, also for one that was made for other models.
    """
    source = found.source
    check_settings(found, SETTINGS)
    table = joint_table(source)
    tensors = dict(table.load(source))
    own = steered.state_dict()
    lent = {name: own[name] for name in LENT if name not in tensors}
    geometry = _geometry(found, {**tensors, **lent}, steered)
    network = filled(lambda: MMDiTControl(geometry), {**tensors, **lent}, source.path, table.theirs)
    if len(lent) == len(LENT):
        network.patches, network.position = steered.patches, steered.position
    return network


def _geometry(found: Standing, tensors: Mapping[str, torch.Tensor], steered: MMDiT) -> MMDiTControlGeometry:
    wanted = steered.geometry
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    own = Shapes({"context.weight": (wanted.width, wanted.context), **shapes}, "", found.source.path)
    reads = own.has("blocks.0.context")
    try:
        net = mmdit_geometry(own, lambda width: found.heads("num_attention_heads") or max(1, width // HEAD))
        made = MMDiTControlGeometry(
            net,
            wanted.layers,
            own.side("hint.weight", 1),
            reads,
            bool(found.config.get("force_zeros_for_pooled_projection", reads)),
            _kind(found.source),
        )
    except BadValue as error:
        told = f"has sizes no network for this model can have ({error.message})"
        raise BadModelFile(found.source.path, told, "use a ControlNet of this model") from None
    if _sizes(net) != _sizes(wanted):
        told = (
            f"is made for a model of width {net.width} and text of {net.context}, this one has "
            f"{wanted.width} and {wanted.context}"
        )
        raise BadModelFile(found.source.path, told, "use a ControlNet of the family of this model")
    return made


def _sizes(net: MMDiTGeometry) -> MMDiTGeometry:
    """What a ControlNet has in common with the transformer that it steers."""
    return replace(net, layers=1, heads=1, positions=1, qk_norm=False, dual=0)


def _kind(source: TensorSource) -> str | None:
    if mmdit_control.KIND not in source:
        return None
    told = source.tensor(mmdit_control.KIND)
    return next((kind for number, kind in KINDS.items() if bool((told == number).all())), None)
