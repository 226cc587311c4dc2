"""Opens ControlNets for several kinds of hints: xinsir's ControlNet++ for SDXL, in both editions, and the like.

Takes what stands at a path and the geometry of the UNet that is to be controlled. Gives a network in float32 and
evaluation mode. What does not fit is one typed error. Knows no picture.
"""

from collections.abc import Iterable, Mapping

from torch import Tensor

from mezzotint.families.assemble import filled
from mezzotint.families.controls import controlnet_copying
from mezzotint.families.geometry import Shapes
from mezzotint.families.layouts import control_union
from mezzotint.families.standing import Standing
from mezzotint.nets.control_union import ControlUnion, UnionGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import BadModelFile, BadValue

HEADS = 8
"""Heads of the attention that fuses, in both published ones."""
SIGNS = ("control_add_embedding.", "task_embedding")


def is_union(names: Iterable[str]) -> bool:
    """Whether these are the names of a network for several kinds of hints."""
    return any(name.startswith(SIGNS) for name in names)


def union_for(found: Standing, unet: UNetGeometry) -> ControlUnion:
    """The network that stands there, for models with this `unet`.

    Raises WeightsMismatch and BadModelFile, also for one that was made for other models.
    """
    source = found.source
    table = control_union.layout(source)
    tensors = table.load(source)
    geometry = _geometry(found, tensors, unet)
    return filled(lambda: ControlUnion(geometry), tensors, source.path, table.theirs)


def _geometry(found: Standing, tensors: Mapping[str, Tensor], unet: UNetGeometry) -> UnionGeometry:
    path = found.source.path
    own = Shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()}, "", path)
    kinds = own.side("kinds", 0)
    try:
        return UnionGeometry(
            control=controlnet_copying(own.below("net."), unet, path),
            kinds=kinds,
            waves=own.side("kinds_in.weight", 1) // max(1, kinds),
            heads=found.heads("num_trans_head") or HEADS,
            layers=own.count("fusion"),
        )
    except BadValue as error:
        told = f"has sizes no network can have ({error.message})"
        raise BadModelFile(path, told, "use a network as it was published") from None
