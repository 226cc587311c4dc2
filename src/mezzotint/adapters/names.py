"""Finds our weight for the name that an adapter file gives to a layer, whatever dialect it is written in.

Takes the layouts of a model's parts and our weights' names. Gives for a layer's name the weights it is made of. Derived
from the layouts that also load checkpoints: a layer is called as in a diffusers folder or as in a single file, with
dots or with underscores, behind one of the prefixes that the dialects put before each part.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mezzotint.families.family import Family
from mezzotint.families.layouts import (
    clip_hf,
    mmdit_diffusers,
    mmdit_original,
    t5_hf,
    unet_diffusers,
    unet_ldm,
)
from mezzotint.nets.mmdit import MMDiTGeometry
from mezzotint.weights.layout import SAME, Layout, Placed


@dataclass(frozen=True)
class Spelling:
    """One way to name the weights of a part: what dialects put before, our prefix, and the layout between."""

    before: tuple[str, ...]
    ours: str
    layout: Layout


UNET = ("unet.", "lora_unet_", "oft_unet_", "diffusion_model.", "")
TEXT, TEXT_2 = ("text_encoder.", "lora_te_", "lora_te1_"), ("text_encoder_2.", "lora_te2_")
TEXT_3 = ("text_encoder_3.", "lora_te3_")
MMDIT = ("transformer.", "lora_unet_", "lora_transformer_", "diffusion_model.", "")
TEXTS: Mapping[str, tuple[str, ...]] = MappingProxyType({"text": TEXT, "text_l": TEXT, "text_g": TEXT_2})
"""What stands before the names of each text encoder."""
PEFT = "base_model.model."


def spellings(family: Family) -> tuple[Spelling, ...]:
    """All spellings of the parts of `family` that adapters change."""
    if isinstance(family.denoiser, MMDiTGeometry):
        return mmdit_spellings(family.denoiser.layers)
    single = unet_ldm.layout(family.denoiser.layers, family.denoiser.attention)
    return (
        Spelling(UNET, "unet.", unet_diffusers.LAYOUT),
        Spelling(UNET, "unet.", single),
        *(Spelling(TEXTS[part.name], f"{part.name}.", clip_hf.LAYOUT) for part in family.texts),
    )


def mmdit_spellings(layers: int) -> tuple[Spelling, ...]:
    """All spellings of the parts of SD 3, whose transformer has `layers` blocks."""
    return (
        Spelling(MMDIT, "mmdit.", mmdit_original.LAYOUT),
        Spelling(MMDIT, "mmdit.", mmdit_diffusers.layout(layers)),
        Spelling(TEXT, "clip_l.", clip_hf.LAYOUT),
        Spelling(TEXT_2, "clip_g.", clip_hf.LAYOUT),
        Spelling(TEXT_3, "t5.", t5_hf.FOLDER),
    )


class Names:
    """The layers of one model by every name that a file may give them."""

    def __init__(self, spelled: Iterable[Spelling], weights: Iterable[str]) -> None:
        self._weights = list(weights)
        self._places: dict[tuple[str, str], Placed] = {}
        for spelling in spelled:
            for name in self._weights:
                if name.startswith(spelling.ours):
                    self._enter(spelling, name.removeprefix(spelling.ours))

    def _enter(self, spelling: Spelling, name: str) -> None:
        for found in spelling.layout.spellings(name):
            module, _, leaf = found.theirs.rpartition(".")
            place = Placed(found.theirs, tuple(spelling.ours + ours for ours in found.ours), found.op)
            for before in spelling.before:
                self._places.setdefault((_plain(before + module), leaf), place)

    def find(self, module: str, leaf: str) -> Placed | None:
        """Where the weight or bias of the layer `module` lies; None when this model has none of that name."""
        return self._places.get((_plain(module.removeprefix(PEFT)), leaf))

    def numbered(self, metadata: Mapping[str, str]) -> Mapping[str, Placed]:
        """Places by the names of cloneofsimo's files, `unet:0` ...: the number of a layer among those trained.

        The order is that in which diffusers of early 2023 built its modules: down, up, middle, in a block the first
        attention, the feed-forward, the second attention. `metadata` says which kinds of layer were counted.
        """
        named = {name: Placed(name, (name,), SAME) for name in self._weights}
        gated = "GEGLU" in _listed(metadata.get("unet"))
        unet = sorted((key, name) for name in named if (key := _order(name, gated)) is not None)
        text = sorted((key, name) for name in named if (key := _text_order(name)) is not None)
        return MappingProxyType(
            {f"unet:{n}": named[name] for n, (_, name) in enumerate(unet)}
            | {f"text_encoder:{n}": named[name] for n, (_, name) in enumerate(text)}
        )


def _plain(name: str) -> str:
    return name.replace(".", "_")


def _listed(text: str | None) -> list[str]:
    try:
        parsed: object = json.loads(text or "[]")
    except (ValueError, RecursionError):
        return []
    return [str(item) for item in parsed] if isinstance(parsed, list) else []  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


_BLOCK = re.compile(
    r"unet\.(?P<part>down|up|mid)(?:\.(?P<level>\d+)\.attentions\.(?P<layer>\d+)|\.attention)"
    r"\.blocks\.(?P<block>\d+)\.(?P<leaf>[\w.]+)\.weight"
)
_PARTS = ("down", "up", "mid")
_ATTENTION = ("q", "k", "v", "out")
_IN_BLOCK = (*(f"attn1.{x}" for x in _ATTENTION), "ff.proj", *(f"attn2.{x}" for x in _ATTENTION))
_IN_TEXT = re.compile(r"text\.blocks\.(\d+)\.attention\.([kvq]|out)\.weight")
_TEXT_PARTS = ("k", "v", "q", "out")


def _order(name: str, gated: bool) -> tuple[int, ...] | None:
    found = _BLOCK.fullmatch(name)
    if not found or found["leaf"] not in _IN_BLOCK or (found["leaf"] == "ff.proj" and not gated):
        return None
    numbers = (int(found[part] or 0) for part in ("level", "layer", "block"))
    return (_PARTS.index(found["part"]), *numbers, _IN_BLOCK.index(found["leaf"]))


def _text_order(name: str) -> tuple[int, int] | None:
    found = _IN_TEXT.fullmatch(name)
    return (int(found[1]), _TEXT_PARTS.index(found[2])) if found else None
