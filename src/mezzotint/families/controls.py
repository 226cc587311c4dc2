"""Opens ControlNets and T2I-Adapters from any file that holds one.

Takes opened tensors in any spelling that such files have. Gives networks in float32 and evaluation mode, whose geometry
was read off the shapes. What does not fit is one typed error that lists it. Knows no file formats.
"""

from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import TypeVar

import torch

from mezzotint.families.assemble import filled
from mezzotint.families.geometry import Shape, Shapes, unet_geometry
from mezzotint.families.layouts import controlnet, single_file, t2i_adapter, unet_ldm
from mezzotint.families.sd1 import SD1
from mezzotint.families.sdxl import SDXL
from mezzotint.nets.controlnet import ControlNet, ControlNetGeometry
from mezzotint.nets.t2i_adapter import AdapterGeometry, T2IAdapter
from mezzotint.nets.unet import UNetGeometry, Vector
from mezzotint.values.errors import BadModelFile, BadValue
from mezzotint.weights.files import InMemory, TensorSource
from mezzotint.weights.layout import Layout, joined

Geometry = TypeVar("Geometry")

WHOLE_MODEL = ("model.diffusion_model.**", "first_stage_model.**", "cond_stage_model.**")
"""What the first ControlNet files carry besides: the Stable Diffusion they were trained with."""
HEAD = 64
"""The width of a head wherever projections are Linear (SD 2 and XL); SD 1 has a fixed number of heads."""


def controlnet_table(names: Iterable[str]) -> Layout:
    """The table for a file with these names: original with or without prefix, alone or beside a whole model, or of a
    diffusers folder."""
    listed = list(names)
    prefix = controlnet.PREFIX if any(name.startswith(controlnet.PREFIX) for name in listed) else ""
    own = [name.removeprefix(prefix) for name in listed if name.startswith(prefix)]
    hints = controlnet.hints_in(own)
    if any(name.startswith("controlnet_cond_embedding.") for name in own):
        return controlnet.diffusers(hints)
    rest = Layout((), (*WHOLE_MODEL, *single_file.SCHEDULE, *single_file.AVERAGED) if prefix else ())
    return joined(controlnet.original(*unet_ldm.numbering(own), hints).under(prefix, ""), rest)


def open_controlnet(source: TensorSource, heads: tuple[int, ...] | None = None) -> ControlNet:
    """The ControlNet in `source`; `heads` per level as its configuration has them, None as published.

    Raises WeightsMismatch (other names, other shapes) and BadModelFile (no numbers, sizes no network has).
    """
    table = controlnet_table(source)
    geometry = _sized(source, table, lambda shapes: controlnet_geometry(shapes, heads))
    return filled(lambda: ControlNet(geometry), table.load(source), source.path, table.theirs)


def controlnet_for(source: TensorSource, unet: UNetGeometry) -> ControlNet:
    """The ControlNet in `source` for models with this `unet`. It is a copy of its way down, so what shapes do not tell
    is as it is there.

    Raises BadModelFile, also for one that was made for other models, and WeightsMismatch.
    """
    table = controlnet_table(source)
    geometry = _sized(source, table, lambda shapes: controlnet_copying(shapes, unet, source.path))
    return filled(lambda: ControlNet(geometry), table.load(source), source.path, table.theirs)


def controlnet_copying(shapes: Shapes, unet: UNetGeometry, path: Path) -> ControlNetGeometry:
    """The ControlNet of these weights, a copy of the way down of this `unet`. Raises BadModelFile for another's."""
    channels = tuple(shapes.side(f"down.{i}.resnets.0.conv1.weight", 0) for i in range(shapes.count("down")))
    context = shapes.side("mid.attention.blocks.0.attn2.k.weight", 1)
    added = shapes.side("added_in.weight", 1) if shapes.has("added_in.weight") else 0
    inputs = shapes.side("conv_in.weight", 1)
    wanted = 0 if unet.added is None else unet.added.width
    same = (channels, context, added) == (unet.channels, unet.context, wanted)
    if not same or inputs not in (unet.in_channels, unet.out_channels):
        raise BadModelFile(
            path,
            f"is made for a model of widths {_listed(channels)} and text of {context}, this one has "
            f"{_listed(unet.channels)} and {unet.context}",
            "use a ControlNet of the family of this model",
        )
    return ControlNetGeometry(
        unet=replace(unet, in_channels=inputs, out_channels=inputs, classes=0),
        hint=_hint_widths(shapes),
        pixels=shapes.side("hint.0.weight", 1),
    )


def _listed(widths: tuple[int, ...]) -> str:
    return ", ".join(map(str, widths))


def _hint_widths(shapes: Shapes) -> tuple[int, ...]:
    # The first convolution of each width keeps the size, the next one goes on to the next width.
    return tuple(shapes.side(f"hint.{2 * n}.weight", 0) for n in range(shapes.count("hint") // 2))


def controlnet_geometry(shapes: Shapes, heads: tuple[int, ...] | None = None) -> ControlNetGeometry:
    """The ControlNet of these weights."""
    linear = shapes.rank("mid.attention.proj_in.weight") == 2

    def published(widths: Shape) -> Shape:
        if heads is not None:
            return heads
        return tuple(max(1, width // HEAD) if linear else SD1.unet.heads[0] for width in widths)

    return ControlNetGeometry(
        unet=unet_geometry(shapes, published, 32, _vector, outputs=shapes.side("conv_in.weight", 1)),
        hint=_hint_widths(shapes),
        pixels=shapes.side("hint.0.weight", 1),
    )


def _vector(width: int) -> Vector | None:
    """What SDXL adds to the time: its numbers, and the pooled text in front of them."""
    known = SDXL.unet.added
    assert known is not None
    sizes = known.numbers * known.waves
    if width <= sizes:
        raise BadValue("added", f"{width} values are added to the time", "use a ControlNet of SDXL")
    return Vector(width - sizes, known.numbers, known.waves)


def open_adapter(source: TensorSource) -> T2IAdapter:
    """The T2I-Adapter in `source`: full, full for SDXL, or light. Raises as `open_controlnet` does."""
    table = adapter_table(source)
    geometry = _sized(source, table, adapter_geometry)
    return filled(lambda: T2IAdapter(geometry), table.load(source), source.path, table.theirs)


def adapter_for(source: TensorSource, unet: UNetGeometry) -> T2IAdapter:
    """The T2I-Adapter in `source` for models with this `unet`. Raises as `controlnet_for` does."""
    adapter = open_adapter(source)
    widths, known = adapter.geometry.channels, (*unet.channels, unet.channels[-1])
    if widths != known[: len(widths)]:
        raise BadModelFile(
            source.path,
            f"is made for a model of widths {_listed(widths)}, this one has {_listed(unet.channels)}",
            "use a T2I-Adapter of the family of this model",
        )
    return adapter


def adapter_table(names: Iterable[str]) -> Layout:
    """The table for a file with these names."""
    listed = frozenset(names)
    if any(name.startswith("adapter.") for name in listed):
        return t2i_adapter.DIFFUSERS
    if any(name.startswith("body.0.body.") for name in listed):
        return t2i_adapter.LIGHT
    numbers = next(n for n in count() if f"body.{n}.block1.weight" not in listed)
    layers = 2
    return t2i_adapter.original(max(1, numbers // layers), layers)


def adapter_geometry(shapes: Shapes) -> AdapterGeometry:
    """The adapter of these weights. That of SDXL takes 16 hint pixels a side as channels and halves only once."""
    light = not shapes.has("conv_in.weight")
    blocks = shapes.count("blocks")
    first = "blocks.0.conv_in.weight" if light else "conv_in.weight"
    widths = [
        shapes.side(f"blocks.{i}.{'conv_out' if light else 'resnets.0.conv2'}.weight", 0)
        for i in range(blocks)
    ]
    values = shapes.side(first, 1)
    large = values % 256 == 0
    return AdapterGeometry(
        channels=tuple(widths),
        halved=tuple(i == 2 if large else i > 0 for i in range(blocks)),
        layers=shapes.count("blocks.0.resnets"),
        unshuffle=16 if large else 8,
        pixels=values // (256 if large else 64),
        light=light,
    )


def _sized(source: TensorSource, table: Layout, read: Callable[[Shapes], Geometry]) -> Geometry:
    empty = {n: torch.empty(info.shape, dtype=info.dtype, device="meta") for n, info in source.items()}
    loaded = table.load(InMemory(source.path, empty))
    shapes = Shapes({name: tuple(tensor.shape) for name, tensor in loaded.items()}, "", source.path)
    try:
        return read(shapes)
    except BadValue as error:
        raise BadModelFile(source.path, f"has sizes no network can have ({error.message})") from None
