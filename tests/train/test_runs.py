"""Run folders that are none, or not those that were asked for, are told in one line."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mezzotint.train.autoencoder import open_autoencoder
from mezzotint.train.control import open_control
from mezzotint.train.denoiser import open_denoiser
from mezzotint.train.depth import open_depth
from mezzotint.train.inpainting import open_change
from mezzotint.train.runs import average, averaged, settings
from mezzotint.train.text import open_text
from mezzotint.train.typed import store_tensors
from mezzotint.train.upscaler import open_upscaler
from mezzotint.values.errors import BadModelFile, ModelNotFound, UnknownName

OPENERS = {
    "autoencoder": open_autoencoder,
    "text": open_text,
    "denoiser": open_denoiser,
    "control": open_control,
    "inpainting": open_change,
    "upscaler": open_upscaler,
    "depth": open_depth,
}


@pytest.mark.parametrize("part", OPENERS)
def test_what_is_no_run_of_the_part_is_said(tmp_path: Path, part: str) -> None:
    opened: Callable[[Path], object] = OPENERS[part]
    for text in (None, "no json", "[]"):
        if text is not None:
            (tmp_path / "run.json").write_text(text)
        with pytest.raises(ModelNotFound, match="give the folder that a training verb wrote"):
            opened(tmp_path)
    (tmp_path / "run.json").write_text(json.dumps({"another": {}}))
    with pytest.raises(BadModelFile, match=f"is no run that trained the {part}"):
        opened(tmp_path)
    for said in ({}, {"geometry": 3}):
        (tmp_path / "run.json").write_text(json.dumps({part: said}))
        with pytest.raises(BadModelFile, match=r"its run.json describes no network"):
            opened(tmp_path)


def test_a_kind_of_control_that_there_is_not_is_said(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(json.dumps({"control": {"kind": "adaptor"}}))
    with pytest.raises(UnknownName, match="did you mean adapter"):
        open_control(tmp_path)


def test_averaged_weights_come_by_their_prefix(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text("{}")
    assert settings(tmp_path) == {}
    with pytest.raises(ModelNotFound, match="no checkpoint in it"):
        average(tmp_path, "a.")
    saved = tmp_path / "checkpoints" / "step-00000001"
    saved.mkdir(parents=True)
    (saved / "state.json").write_text("{}")
    net = torch.nn.Linear(3, 2)
    tensors = {f"a.{name}": tensor + 1 for name, tensor in net.state_dict().items()}
    store_tensors({**tensors, "b.weight": torch.ones(1)}, saved / "average.safetensors")
    found = averaged(tmp_path, torch.nn.Linear(3, 2), "a.")
    assert torch.equal(found.weight, net.weight + 1) and torch.equal(found.bias, net.bias + 1)
    assert not found.training and not found.weight.requires_grad
    with pytest.raises(BadModelFile, match="holds no weights of the network"):
        averaged(tmp_path, torch.nn.Linear(3, 3), "a.")
