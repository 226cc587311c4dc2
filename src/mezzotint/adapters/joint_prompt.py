"""Opens IP-Adapter files for the transformers of Stable Diffusion 3, and writes them.

Takes opened tensors, as InstantX published them or as diffusers names them, and the geometry of the transformer. Gives
a `JointPrompt`, which changes no model. What does not fit is one typed error. Knows no picture and no strength.
"""

from collections.abc import Iterable
from pathlib import Path

from torch import Tensor

from mezzotint.adapters.image_prompt import OF_THIS_MODEL, form_of, resampler_geometry, shapes_of
from mezzotint.families.assemble import filled
from mezzotint.families.layouts import ip_adapter
from mezzotint.families.standing import standing
from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.values.errors import BadModelFile
from mezzotint.weights.files import InMemory, TensorSource
from mezzotint.weights.layout import Layout


def joint_prompt_table(names: Iterable[str]) -> Layout:
    """The table for a file with these names."""
    diffusers = any(".adaln_proj." in name for name in names)
    return ip_adapter.joint(ip_adapter.TIMED_DIFFUSERS if diffusers else ip_adapter.TIMED)


def open_joint_prompt(source: TensorSource, net: MMDiTGeometry) -> JointPrompt:
    """The IP-Adapter in `source` for a transformer of this geometry, in float32.

    Raises BadModelFile (no IP-Adapter, made for a UNet, for another width, values that are no numbers) and
    WeightsMismatch (made for a transformer with other attentions).
    """
    if ip_adapter.TIME not in source:
        form_of(source)
        told = "is an IP-Adapter for a model with a UNet, this one has a transformer (Stable Diffusion 3)"
        raise BadModelFile(source.path, told, OF_THIS_MODEL)
    table = joint_prompt_table(source)
    tensors = table.load(source)
    shapes = shapes_of(tensors, source.path)
    geometry, waves = resampler_geometry(shapes), shapes.side("time_in.weight", 1)
    if geometry.context != net.width:
        told = f"is made for a model of width {geometry.context}, this one has {net.width}"
        raise BadModelFile(source.path, told, OF_THIS_MODEL)
    return filled(lambda: JointPrompt(geometry, waves, net), tensors, source.path, table.theirs)


def joint_prompt_at(path: Path, net: MMDiTGeometry) -> JointPrompt:
    """The IP-Adapter in the file `path`, or in the folder there that holds one. Raises what opening it raises."""
    return open_joint_prompt(standing(path).source, net)


def written_joint(prompt: JointPrompt, projection: Layout = ip_adapter.TIMED) -> dict[str, Tensor]:
    """The weights of `prompt` under InstantX's names, or diffusers'; the inverse of `open_joint_prompt`."""
    return ip_adapter.joint(projection).export(InMemory(Path("ip-adapter"), prompt.state_dict()))
