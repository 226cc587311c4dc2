"""Opens networks that stand alone at a path: a file, or the folder that diffusers and transformers write.

Takes a path; what lies there is told by its content. Gives a network in float32 and evaluation mode; its geometry
comes from the shapes and, in a folder, from its config.json. One function a kind of network. Settings that these
networks do not have are an error.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import cast

from mezzotint.families import controls, pictures
from mezzotint.families.configs import DEPTH_SETTINGS, SIGLIP_SETTINGS, VISION_SETTINGS
from mezzotint.families.geometry import Shapes
from mezzotint.families.layouts import checker_hf, siglip_hf, tiny_numbered
from mezzotint.families.picture_geometry import VISION_HEADS, vision_geometry
from mezzotint.nets.checker import CheckerGeometry, SafetyChecker
from mezzotint.nets.controlnet import ControlNet
from mezzotint.nets.depth import DepthNet
from mezzotint.nets.siglip import Siglip
from mezzotint.nets.t2i_adapter import T2IAdapter
from mezzotint.nets.tiny import TinyAutoencoder
from mezzotint.nets.vision import ClipVision
from mezzotint.values.errors import BadModelFile, shorten
from mezzotint.weights.files import TensorSource, open_tensors
from mezzotint.weights.folders import open_folder, read_json

CONFIG = "config.json"
Settings = Mapping[str, tuple[object, ...]]

CONTROL: Settings = MappingProxyType(
    {
        "act_fn": ("silu",),
        "class_embed_type": (None,),
        "controlnet_conditioning_channel_order": ("rgb",),
        "encoder_hid_dim_type": (None,),
        "global_pool_conditions": (False,),
        "norm_num_groups": (32,),
    }
)
TINY: Settings = MappingProxyType(
    {
        "act_fn": ("relu",),
        "latent_magnitude": (3,),
        "latent_shift": (0.5,),
        "upsample_fn": ("nearest",),
        "upsampling_scaling_factor": (2,),
    }
)
"""Settings that change what is computed, and the only values that our networks compute with."""


@dataclass(frozen=True)
class Standing:
    """What lies at `path`: its tensors, and what its config.json says (nothing for a file)."""

    path: Path
    source: TensorSource
    config: Mapping[str, object]

    def part(self, name: str) -> "Standing":
        """The same with only one section of its configuration."""
        section = self.config.get(name)
        inner = cast("dict[str, object]", section) if isinstance(section, dict) else {}
        return Standing(self.path, self.source, inner)

    def heads(self, name: str) -> int | None:
        """The number, of heads and the like, that `name` says. Raises BadModelFile for anything but a count."""
        value = self.config.get(name)
        if value is not None and (type(value) is not int or value < 1):
            raise self._unusable(name)
        return value

    def levels(self, name: str) -> tuple[int, ...] | None:
        """One count a level, as `name` says. Raises BadModelFile for anything else."""
        value = self.config.get(name)
        if value is None:
            return None
        listed = cast("list[object]", value if isinstance(value, list) else [value])
        counts = tuple(count for count in listed if type(count) is int and count > 0)
        if len(counts) != len(listed) or not counts:
            raise self._unusable(name)
        return counts if isinstance(value, list) else counts * self._depth()

    def eps(self, name: str) -> float | None:
        """A small positive number. Raises BadModelFile for anything else."""
        value = self.config.get(name)
        if value is not None and (not isinstance(value, float) or not 0 < value < 1):
            raise self._unusable(name)
        return value

    def text(self, name: str) -> str | None:
        """A name, where there is one."""
        value = self.config.get(name)
        return None if value is None else str(value)

    def _depth(self) -> int:
        widths = self.config.get("block_out_channels")
        if not isinstance(widths, list):
            raise self._unusable("block_out_channels")
        return len(cast("list[object]", widths))

    def _unusable(self, name: str) -> BadModelFile:
        return BadModelFile(
            self.path / CONFIG, f"{name} is {shorten(self.config.get(name), 30)}, not a usable number"
        )


def standing(path: Path, fixed: Settings = MappingProxyType({})) -> Standing:
    """What lies at `path`, with settings as `fixed` wants them where it says anything.

    Raises ModelNotFound, PickleRefused, Ambiguous, and BadModelFile, also for a setting that is not supported.
    """
    if not path.is_dir():
        return Standing(path, open_tensors(path), MappingProxyType({}))
    config = read_json(path / CONFIG) if (path / CONFIG).is_file() else {}
    found = Standing(path, open_folder(path), MappingProxyType(config))
    check_settings(found, fixed)
    return found


def check_settings(found: Standing, fixed: Settings) -> None:
    """Raises BadModelFile for a setting with another value than one of those in `fixed`."""
    for name, values in fixed.items():
        if name in found.config and found.config[name] not in values:
            raise BadModelFile(
                found.path / CONFIG,
                f"{name} is {shorten(found.config[name], 30)}, which is not supported",
                hint="use a network as it was published",
            )


def controlnet_at(path: Path) -> ControlNet:
    """The ControlNet of Stable Diffusion 1, 2 or XL at `path`. Raises what `standing` and opening it raise."""
    found = standing(path, CONTROL)
    heads = "num_attention_heads" if found.config.get("num_attention_heads") else "attention_head_dim"
    return controls.open_controlnet(found.source, found.levels(heads))


def adapter_at(path: Path) -> T2IAdapter:
    """The T2I-Adapter at `path`. Raises what `standing` and opening it raise."""
    return controls.open_adapter(standing(path).source)


def vision_at(path: Path) -> ClipVision:
    """The CLIP vision tower at `path`. Raises what `standing` and opening it raise."""
    found = standing(path, VISION_SETTINGS)
    return pictures.open_vision(found.source, found.heads("num_attention_heads"), found.text("hidden_act"))


def tower_at(path: Path) -> ClipVision | Siglip:
    """The vision tower at `path`, CLIP's or SigLIP's, as its weights tell. Raises what `standing` and opening it
    raise."""
    found = standing(path)
    if not any(name.endswith(siglip_hf.MARKER) for name in found.source):
        return vision_at(path)
    own = found.part("vision_config") if "vision_config" in found.config else found
    check_settings(own, SIGLIP_SETTINGS)
    return pictures.open_siglip(own.source, own.heads("num_attention_heads"), own.heads("image_size"))


def depth_at(path: Path) -> DepthNet:
    """The depth network at `path`. Raises what `standing` and opening it raise."""
    found = standing(path, DEPTH_SETTINGS)
    return pictures.open_depth(found.source, found.eps("layer_norm_eps"), found.heads("num_attention_heads"))


def tiny_at(path: Path, other: Path | None = None) -> TinyAutoencoder:
    """The tiny autoencoder at `path`, or the one whose halves are the files `path` and `other`, in any order.

    Raises what `standing` and opening it raise.
    """
    first = standing(path, TINY).source
    if other is None:
        return pictures.open_tiny(first)
    second = standing(other).source
    if pictures.table_for(first, (tiny_numbered.ENCODER, tiny_numbered.DECODER)) is tiny_numbered.DECODER:
        first, second = second, first
    return pictures.open_tiny(first, second)


def checker_at(path: Path) -> SafetyChecker:
    """The safety checker at `path`, or in the `safety_checker` folder of the model there.

    Raises what `standing` raises, WeightsMismatch and BadModelFile.
    """
    inside = path / checker_hf.PREFIX
    found = standing(inside if inside.is_dir() else path)
    tower = found.part("vision_config")
    check_settings(tower, VISION_SETTINGS)

    def make(shapes: Shapes) -> SafetyChecker:
        vision = vision_geometry(
            shapes.below("vision."),
            tower.heads("num_attention_heads") or VISION_HEADS,
            tower.text("hidden_act"),
        )
        return SafetyChecker(CheckerGeometry(vision, shapes.side("concepts", 0), shapes.side("special", 0)))

    return pictures.opened(found.source, checker_hf.LAYOUT, make)
