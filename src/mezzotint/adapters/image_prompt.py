"""Opens IP-Adapter files for one UNet, and writes them: a picture as a prompt, by extra keys and values.

Takes opened tensors and the geometry of the UNet. Gives an `ImagePrompt`, which changes no model: what it makes of a
picture goes into a network as a stream. What does not fit is one typed error. Knows no picture and no strength.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor, nn

from mezzotint.families.assemble import filled
from mezzotint.families.geometry import Shapes
from mezzotint.families.kinds import IMAGE_PROMPT, UNKNOWN, hint_for, kind_of
from mezzotint.families.layouts import ip_adapter
from mezzotint.families.standing import standing
from mezzotint.nets.image_prompt import ImagePrompt, MlpProjection, VectorProjection, text_sites
from mezzotint.nets.resampler import Resampler, ResamplerGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import BadModelFile
from mezzotint.weights.files import InMemory, TensorSource
from mezzotint.weights.layout import Layout

IP_ADAPTERS = "use an IP-Adapter, plain, plus, plus-face or full-face"
FACES = "use ip-adapter-plus-face or ip-adapter-full-face, which need no face recogniser"
OF_THIS_MODEL = "use an IP-Adapter of the family of this model"
HEAD_WIDTH = 64
"""Of the attention in the resampler, in every published file."""


@dataclass(frozen=True)
class Form:
    """One kind of IP-Adapter: the weight that only it has, its table, and the making of its projection."""

    marker: str
    table: Layout
    make: Callable[[Shapes], nn.Module]
    context: str


def _vector(shapes: Shapes) -> nn.Module:
    context = shapes.side("norm.weight", 0)
    return VectorProjection(shapes.side("proj.weight", 1), context, shapes.side("proj.weight", 0) // context)


def _mlp(shapes: Shapes) -> nn.Module:
    context = shapes.side("norm.weight", 0)
    inner, width = shapes.side("fc1.weight", 0), shapes.side("fc1.weight", 1)
    return MlpProjection(width, inner, context, shapes.side("fc2.weight", 0) // context)


def resampler_geometry(shapes: Shapes) -> ResamplerGeometry:
    """The resampler of these weights."""
    hidden = shapes.side("proj_in.weight", 0)
    return ResamplerGeometry(
        width=shapes.side("proj_in.weight", 1),
        context=shapes.side("proj_out.weight", 0),
        hidden=hidden,
        heads=max(1, shapes.side("layers.0.q.weight", 0) // HEAD_WIDTH),
        tokens=shapes.side("latents", 1),
        layers=shapes.count("layers"),
        ratio=shapes.side("layers.0.fc1.weight", 0) // max(1, hidden),
    )


def _resampler(shapes: Shapes) -> nn.Module:
    return Resampler(resampler_geometry(shapes))


PLAIN = Form("image_proj.proj.weight", ip_adapter.VECTOR, _vector, "norm.weight")
FULL_FACE = Form("image_proj.proj.3.weight", ip_adapter.FULL_FACE, _mlp, "norm.weight")
PLUS = Form("image_proj.latents", ip_adapter.PLUS, _resampler, "norm_out.weight")
FACE = Form("image_proj.proj.0.weight", ip_adapter.FACE, _mlp, "norm.weight")
FORMS = (PLAIN, FULL_FACE, PLUS, FACE)
"""In the order in which they are looked for: a full face file has the marker of a face file, too."""


OTHERS: tuple[tuple[re.Pattern[str], str], ...] = (
    (
        re.compile(r"image_proj\.perceiver_resampler\."),
        "FaceID Plus, which sees a face with two networks at once",
    ),
    (re.compile(r"ip_adapter\.\d+\.to_\w+_lora\."), "FaceID, which holds a LoRA for every attention as well"),
)
"""Published kinds that cannot be used, by a name that only they have; FaceID Plus has that of FaceID, too."""


def form_of(source: TensorSource) -> Form:
    """Which kind of IP-Adapter for a UNet `source` holds. Raises BadModelFile: none, or one that cannot be used."""
    if ip_adapter.TIME in source:
        told = "is an IP-Adapter for a model with a transformer (Stable Diffusion 3), this one has a UNet"
        raise BadModelFile(source.path, told, OF_THIS_MODEL)
    for sign, kind in OTHERS:
        if any(sign.match(name) for name in source):
            raise BadModelFile(
                source.path,
                f"is an IP-Adapter of the kind {kind}: it cannot be used",
                hint=FACES,
            )
    for form in FORMS:
        if form.marker in source:
            return form
    kind = kind_of(source)
    if kind in (IMAGE_PROMPT, UNKNOWN):
        raise BadModelFile(source.path, "is no IP-Adapter that is known", hint=IP_ADAPTERS)
    raise BadModelFile(source.path, f"is {kind}, not an IP-Adapter", hint_for(kind, IP_ADAPTERS))


def open_image_prompt(source: TensorSource, unet: UNetGeometry) -> ImagePrompt:
    """The IP-Adapter in `source` for a UNet of this geometry, in float32.

    Raises BadModelFile (no IP-Adapter, made for text of another width, values that are no numbers) and
    WeightsMismatch (made for a UNet with other attentions).
    """
    form, sites = form_of(source), text_sites(unet)
    table = ip_adapter.layout(form.table, len(sites))
    tensors = table.load(source)
    shapes = shapes_of(tensors, source.path)
    context = shapes.side(form.context, 0)
    if context != unet.context:
        raise BadModelFile(
            source.path,
            f"is made for text of width {context}, this model's has {unet.context}",
            hint=OF_THIS_MODEL,
        )
    return filled(lambda: ImagePrompt(form.make(shapes), context, sites), tensors, source.path, table.theirs)


def image_prompt_at(path: Path, unet: UNetGeometry) -> ImagePrompt:
    """The IP-Adapter in the file `path`, or in the folder there that holds one. Raises what opening it raises."""
    return open_image_prompt(standing(path).source, unet)


def written(prompt: ImagePrompt, form: Form) -> dict[str, Tensor]:
    """The weights of `prompt` under the names of IP-Adapter files; the inverse of `open_image_prompt`."""
    table = ip_adapter.layout(form.table, len(prompt.names))
    return table.export(InMemory(Path("ip-adapter"), prompt.state_dict()))


def shapes_of(tensors: Mapping[str, Tensor], path: Path) -> Shapes:
    """The shapes of the projection among the weights of an image prompt."""
    return Shapes({name: tuple(tensor.shape) for name, tensor in tensors.items()}, "projection.", path)
