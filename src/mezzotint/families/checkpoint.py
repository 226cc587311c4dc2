"""A model on disk, as it lies there: one file, or a diffusers folder with its small JSON files.

Takes a path. Gives all tensors as one source, the configurations beside them and the name of the layout. Reads
headers only. Knows neither families nor networks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from mezzotint.families.layouts import folder as folder_layout
from mezzotint.values.errors import BadModelFile, ModelNotFound
from mezzotint.weights.files import Joined, TensorSource, open_tensors
from mezzotint.weights.folders import open_folder, read_json

SINGLE_FILE = "single file"
FOLDER = "diffusers folder"

DENOISERS = (folder_layout.UNET, folder_layout.TRANSFORMER)
TEXTS = (folder_layout.TEXT, folder_layout.TEXT_2, folder_layout.TEXT_3)
CONFIGS = (
    "unet/config.json",
    "transformer/config.json",
    "vae/config.json",
    "text_encoder/config.json",
    "text_encoder_2/config.json",
    "text_encoder_3/config.json",
    "scheduler/scheduler_config.json",
    "low_res_scheduler/scheduler_config.json",
    "tokenizer/special_tokens_map.json",
    "tokenizer/tokenizer_config.json",
    "tokenizer_2/special_tokens_map.json",
    "tokenizer_2/tokenizer_config.json",
)
PICTURE_CONFIGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        folder_layout.DEPTH: ("depth_estimator/config.json",),
        folder_layout.IMAGE: ("image_encoder/config.json", "image_noising_scheduler/scheduler_config.json"),
    }
)
"""Read where these folders are."""

Config = Mapping[str, object]


@dataclass(frozen=True)
class Checkpoint:
    """What lies at `path`: its `layout`, all its tensors, and by name the `configs` that were beside them."""

    path: Path
    layout: str
    source: TensorSource
    configs: Mapping[str, Config] = field(default_factory=lambda: MappingProxyType[str, Config]({}))

    def config(self, name: str) -> Config:
        """One configuration; empty when the checkpoint has none of that name."""
        return self.configs.get(name, {})


def open_checkpoint(path: Path) -> Checkpoint:
    """What lies at `path`. Raises ModelNotFound, PickleRefused, Ambiguous, BadModelFile."""
    if not path.is_dir():
        return Checkpoint(path, SINGLE_FILE, open_tensors(path))
    present = [p for p in (*DENOISERS, folder_layout.AUTOENCODER, *TEXTS) if (path / p).is_dir()]
    if not present:
        raise ModelNotFound(
            str(path),
            "this folder has no unet/, vae/ and text_encoder/; give such a folder, or a .safetensors file",
        )
    denoiser = next((part for part in DENOISERS if part in present), folder_layout.UNET)
    several = denoiser == folder_layout.TRANSFORMER or folder_layout.TEXT_2 in present
    needed = (denoiser, folder_layout.AUTOENCODER, *(() if several else (folder_layout.TEXT,)))
    if absent := [part for part in needed if part not in present]:
        raise BadModelFile(path, f"has no {', '.join(absent)}", hint="download the whole folder")
    opened = {part: open_folder(path / part) for part in present}
    looks = [part for part in folder_layout.pictures_in(opened[denoiser]) if (path / part).is_dir()]
    source = Joined(path, opened | {part: open_folder(path / part) for part in looks})
    names = (*CONFIGS, *(name for part in looks for name in PICTURE_CONFIGS.get(part, ())))
    configs = {name: read_json(path / name) for name in names if (path / name).is_file()}
    return Checkpoint(path, FOLDER, source, MappingProxyType(configs))
