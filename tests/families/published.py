"""The published checkpoints as sources of empty tensors: real names, shapes and types, no data."""

import gzip
import json
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from mezzotint.families.checkpoint import FOLDER, SINGLE_FILE, Checkpoint
from mezzotint.weights.files import InMemory

FOLDER_OF = Path(__file__).parent / "manifests"
FILES = (
    *("ldm_sd15", "ldm_sd15-inpainting", "ldm_sd2-base", "ldm_sd2-768-v", "ldm_sd2-inpainting"),
    *("ldm_sd2-depth", "ldm_sd21-unclip-h", "ldm_sd21-unclip-l", "ldm_sd-x4-upscaler"),
    *("sgm_sdxl-base", "sgm_sdxl-refiner"),
)
FOLDERS = (
    *("diffusers_sd15", "diffusers_sd15-inpainting", "diffusers_sd21-768-v", "diffusers_sd2-inpainting"),
    *("diffusers_sd-x4-upscaler", "diffusers_sdxl-base", "diffusers_sdxl-refiner"),
)
KINDS = (*FILES, *FOLDERS)


def manifest(kind: str) -> dict[str, Any]:
    return json.loads(gzip.decompress((FOLDER_OF / f"{kind}.json.gz").read_bytes()))


def empty(entry: list[Any], default: str) -> Tensor:
    named = entry and isinstance(entry[0], str) and entry[0] != "n"
    dtype, shape = (entry[0], entry[1:]) if named else (default, entry)
    return torch.empty(
        [1 if side == "n" else side for side in shape], dtype=getattr(torch, dtype), device="meta"
    )


def tensors(kind: str, optional: bool = False) -> dict[str, Tensor]:
    data = manifest(kind)
    listed = data["tensors"] | (data.get("optional_tensors", {}) if optional else {})
    return {name: empty(entry, data["default_dtype"]) for name, entry in listed.items()}


def checkpoint(kind: str, made: dict[str, Tensor] | None = None) -> Checkpoint:
    data = manifest(kind)
    layout = FOLDER if data["layout"] == "diffusers" else SINGLE_FILE
    configs = {k: v for k, v in data["config"].items() if k.endswith(".json")} if layout == FOLDER else {}
    return Checkpoint(
        Path(kind), layout, InMemory(Path(kind), tensors(kind) if made is None else made), configs
    )
