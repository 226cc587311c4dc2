"""Checkpoints of a training run: a folder that is complete or not there.

Takes named tensors in groups and a small JSON; gives folders `checkpoints/step-00001000` with one safetensors file
for each group and `state.json`. A checkpoint takes its name in one move after every byte is on disk; the last two
are kept. Knows no module, no optimiser class and no training.
"""

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from mezzotint.train.typed import load_tensors, store_tensors
from mezzotint.values.errors import BadModelFile, ModelNotFound, OutputFailed

KEPT = 2
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """What was saved: groups of named tensors on the CPU, and the JSON beside them."""

    tensors: Mapping[str, Mapping[str, Tensor]]
    state: Mapping[str, Any]


def _folder(out: Path) -> Path:
    return out / "checkpoints"


def saved(out: Path) -> list[Path]:
    """The complete checkpoints of the run folder `out`, oldest first."""
    found = _folder(out).glob("step-*") if _folder(out).is_dir() else ()
    return sorted(path for path in found if (path / STATE).is_file())


def latest(out: Path) -> Path:
    """The newest checkpoint of the run folder `out`; raises ModelNotFound when there is none."""
    every = saved(out)
    if not every:
        raise ModelNotFound(str(out), "no checkpoint in it: train first, or name the run folder")
    return every[-1]


def _swap(part: Path, final: Path) -> None:
    """Let `part` take the name `final`; an older one of that name is back in place when that fails."""
    aside = part.with_suffix(".old")
    shutil.rmtree(aside, ignore_errors=True)
    if final.exists():
        final.rename(aside)
    try:
        part.rename(final)
    except OSError:
        if aside.exists():
            os.replace(aside, final)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def save(out: Path, step: int, checkpoint: Checkpoint) -> Path:
    """Write a checkpoint of `step` under `out` and drop all but the last two.

    Raises OutputFailed when the system refuses; whatever was there before is untouched then.
    """
    final = _folder(out) / f"step-{step:08d}"
    part = _folder(out) / f".{final.name}.part"
    try:
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir(parents=True)
        for group, tensors in checkpoint.tensors.items():
            plain = {name: t.detach().to("cpu", copy=False).contiguous() for name, t in tensors.items()}
            store_tensors(plain, part / f"{group}.safetensors")
            _sync(part / f"{group}.safetensors")
        (part / STATE).write_text(json.dumps(dict(checkpoint.state), indent=1, sort_keys=True))
        _sync(part / STATE)
        _swap(part, final)
        _sync(_folder(out))
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise OutputFailed(final, str(error)) from error
    for old in saved(out)[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def read(path: Path) -> Checkpoint:
    """The checkpoint in the folder `path`; raises BadModelFile when a part of it cannot be read."""
    try:
        tensors = {file.stem: load_tensors(file) for file in sorted(path.glob("*.safetensors"))}
        state = json.loads((path / STATE).read_text())
    except (OSError, SafetensorError, ValueError) as error:
        raise BadModelFile(path, f"not a readable checkpoint ({error})") from error
    return Checkpoint(tensors, state)


def flatten_optimizer(optimizer: torch.optim.Optimizer, names: list[str], prefix: str) -> dict[str, Tensor]:
    """The state of `optimizer` as flat tensors `prefix/parameter/key`; `names` in the order of its parameters."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    return {
        f"{prefix}/{name}/{key}": value
        for name, parameter in zip(names, parameters, strict=True)
        for key, value in optimizer.state.get(parameter, {}).items()
    }


def restore_optimizer(
    optimizer: torch.optim.Optimizer, names: list[str], prefix: str, flat: Mapping[str, Tensor]
) -> None:
    """Put what `flatten_optimizer` gave back into `optimizer`, bit for bit."""
    parameters = [p for group in optimizer.param_groups for p in group["params"]]
    for name, parameter in zip(names, parameters, strict=True):
        start = f"{prefix}/{name}/"
        state = {key[len(start) :]: value for key, value in flat.items() if key.startswith(start)}
        if state:
            # Adam's step counter stays where it was made (CPU, or the device when the step is fused)
            optimizer.state[parameter] = {
                key: value.clone() if value.ndim == 0 else value.to(parameter.device, copy=True)
                for key, value in state.items()
            }
