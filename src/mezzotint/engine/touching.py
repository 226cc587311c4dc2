"""How guides touch the inside of a network: for each touch that they ask with, what is injected.

Takes the guides of a recipe and the network, whose sites they are about; gives an `Inject` by touch. Knows no formula
of a guide.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

from mezzotint.nets.conditioning import Attending, Inject
from mezzotint.nets.disturbed import identity, smoothed
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.unet import UNet
from mezzotint.values import guides as values
from mezzotint.values.errors import BadValue

SAG_SITE = "mid.attention.blocks.0.attn1"
"""The attention whose map says where a UNet looks: that of diffusers' StableDiffusionSAGPipeline."""


def touches_of(guides: Sequence[values.Guide], network: UNet | MMDiT) -> Mapping[str, Inject]:
    """What the questions of `guides` inject, by the name of their touch; "" is every other question's.

    Raises BadValue for a site or a block that the network does not have.
    """
    found = {"": Inject()}
    for guide in guides:
        match guide:
            case values.Pag():
                found[guide.kind] = Inject(attend=_everywhere(identity, guide.kind, guide.layers, network))
            case values.Seg():
                blur = math.inf if guide.blur is None else guide.blur
                found[guide.kind] = Inject(
                    attend=_everywhere(smoothed(blur), guide.kind, guide.layers, network)
                )
            case values.SkipLayers():
                found[guide.kind] = Inject(skips=_blocks(guide.layers, network))
            case values.Sag():
                found[""] = Inject(taps=frozenset({_tap(network)}))
            case _:
                continue
    return MappingProxyType(found)


def _everywhere(
    attending: Attending, kind: str, layers: Sequence[str], network: UNet | MMDiT
) -> Mapping[str, Attending]:
    """`attending` at the attentions of the picture to itself whose names begin with one of `layers`; without any, in
    the middle of the network."""
    sites = sorted(network.own_sites)
    wanted = layers or (_middle(network),)
    chosen: dict[str, Attending] = {}
    for layer in wanted:
        matching = [site for site in sites if f"{site}.".startswith(f"{layer}.")]
        if not matching:
            known = ", ".join(dict.fromkeys(".".join(site.split(".")[:2]) for site in sites))
            raise BadValue(f"{kind} layers", f"there is no attention below '{layer}'", f"use some of {known}")
        chosen |= dict.fromkeys(matching, attending)
    return MappingProxyType(chosen)


def _middle(network: UNet | MMDiT) -> str:
    return "mid" if isinstance(network, UNet) else f"blocks.{len(network.blocks) // 2}"


def _blocks(layers: Sequence[int], network: UNet | MMDiT) -> frozenset[str]:
    if isinstance(network, UNet):
        raise BadValue("skip-layers", "this model has no blocks to leave out", "use pag, or a model of SD 3")
    beyond = [layer for layer in layers if layer >= len(network.blocks)]
    if beyond:
        raise BadValue(
            "skip-layers layers",
            f"this model has no block {beyond[0]}",
            f"name some of 0 to {len(network.blocks) - 1}, as in skip-layers:layers=0+1",
        )
    return frozenset(f"blocks.{layer}" for layer in layers)


def _tap(network: UNet | MMDiT) -> str:
    if not isinstance(network, UNet) or SAG_SITE not in network.own_sites:
        raise BadValue("sag", "this model has no attention of a UNet's middle", "use pag or seg")
    return SAG_SITE
