"""A picture that the model looks at besides the one it draws: reference-only control.

Takes the network that draws, and pictures as latents. Gives what is added in each call: the keys and values that the
network itself makes of the reference at the same noise, for its attentions of the picture to itself (lllyasviel,
sd-webui-controlnet 1.1.153, "reference_only"); means and deviations of its features ("reference_adain"); or both.

Shapes: N pictures, B rows of a call, C h w a latent.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from types import MappingProxyType

import torch
from torch import Tensor

from mezzotint.diffusion.path import noised
from mezzotint.diffusion.prediction import Prediction
from mezzotint.diffusion.tiles import Tile
from mezzotint.engine.following import Adds, Rows, cut
from mezzotint.nets.conditioning import Inject, Manner, Memory
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.unet import UNet
from mezzotint.values.controls import ControlUse
from mezzotint.values.errors import BadValue


@dataclass(frozen=True, eq=False)
class Looking:
    """The `network` that looks, with its `prediction`; the `clean` latents N C h w of what it looks at, and the `noise`
    on them, float32."""

    network: UNet | MMDiT
    prediction: Prediction
    clean: Tensor
    noise: Tensor


def reference(looking: Looking, use: ControlUse, name: str, tiles: Sequence[Tile] | None) -> Adds:
    """What a reference adds to the pictures at some tiles, each of which sees its own part of it: one more call of the
    network, with the same texts and nothing else added. Raises BadValue for statistics of a network without planes."""
    clean, noise = cut(looking.clean, tiles, 1), cut(looking.noise, tiles, 1)
    network = looking.network
    wanted = _wanted(network, use)

    def adds(rows: Rows) -> Inject:
        x = noised(clean[rows.pictures], noise[rows.pictures], rows.level)
        x = looking.prediction.scale_in(x, rows.level).to(rows.x)
        seen = network(x, rows.t, rows.cond, wanted)
        weight = weight_of(use, rows.negative)
        memories = {name: Memory(seen.pairs, weight)} if wanted.recalled else {}
        manners = {name: Manner(seen.moments, weight)} if wanted.felt else {}
        return Inject(memories=MappingProxyType(memories), manners=MappingProxyType(manners))

    return adds


def _wanted(network: UNet | MMDiT, use: ControlUse) -> Inject:
    """What is asked of the network that looks: keys and values, means and deviations, or both."""
    felt = frozenset[str]()
    if use.takes_statistics:
        if not isinstance(network, UNet):
            told = f"form={use.form} is of features in planes, and this model is a transformer"
            raise BadValue("control form", told, "leave form out, or use a model with a UNet")
        felt = network.planes
    recalled = network.own_sites if use.takes_attention else frozenset[str]()
    return Inject(recalled=recalled, felt=felt)


def weight_of(use: ControlUse, negative: Tensor) -> Tensor | None:
    """How much the reference counts in each row: less in those of `negative` texts (bool B). None is 1 for all."""
    less = use.weight * (1 - use.kept_from_negative)
    if use.weight == 1 and (less == 1 or not negative.any()):
        return None
    return torch.where(negative, less, use.weight)
