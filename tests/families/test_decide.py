"""Noise or velocity: every source of the answer, their order, and the probe of one call."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor

from families.reduced import saved, single, small
from mezzotint.diffusion.prediction import NOISE, VELOCITY, Prediction
from mezzotint.families import toy
from mezzotint.families.checkpoint import FOLDER, SINGLE_FILE, Checkpoint
from mezzotint.families.configs import SCHEDULER
from mezzotint.families.decide import decide, probe
from mezzotint.families.family import Model
from mezzotint.families.registry import find, open_model
from mezzotint.families.sd1 import SD1
from mezzotint.families.sd2 import SD2
from mezzotint.values.errors import Ambiguous, BadModelFile
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.files import InMemory, save_tensors


def checkpoint(
    metadata: dict[str, str] | None = None, marker: bool = False, scheduler: dict[str, object] | None = None
) -> Checkpoint:
    tensors = {"v_pred": torch.zeros(0)} if marker else {}
    configs = {} if scheduler is None else {SCHEDULER: scheduler}
    source = InMemory(Path("a"), tensors, metadata)
    return Checkpoint(Path("a"), SINGLE_FILE if scheduler is None else FOLDER, source, configs)


def told(chosen: str | None, found: Checkpoint, family: object = SD2) -> Prediction | None:
    decided = decide(chosen, found, family)  # type: ignore[arg-type]
    return decided.prediction if decided else None


def test_the_explicit_choice_wins_over_everything() -> None:
    everything = checkpoint({"modelspec.prediction_type": "v"}, True, {"prediction_type": "v_prediction"})
    assert told("noise", everything) is NOISE and told("velocity", everything) is VELOCITY


@pytest.mark.parametrize(
    ("scheduler", "prediction"),
    [({"prediction_type": "epsilon"}, NOISE), ({"prediction_type": "v_prediction"}, VELOCITY), ({}, NOISE)],
)
def test_the_scheduler_of_a_folder_comes_next(scheduler: dict[str, object], prediction: Prediction) -> None:
    other = "v" if prediction is NOISE else "epsilon"
    assert told(None, checkpoint({"modelspec.prediction_type": other}, True, scheduler)) is prediction


@pytest.mark.parametrize("stated", ["sample", "flow", 7, None])
def test_a_prediction_type_that_is_not_known_is_an_error(stated: object) -> None:
    with pytest.raises(BadModelFile, match="prediction_type is"):
        told(None, checkpoint(scheduler={"prediction_type": stated}))


@pytest.mark.parametrize(
    ("metadata", "prediction"),
    [
        ({"modelspec.prediction_type": "epsilon"}, NOISE),
        ({"modelspec.prediction_type": "v"}, VELOCITY),
        ({"modelspec.prediction_type": "V_Prediction"}, VELOCITY),
        ({"modelspec.architecture": "stable-diffusion-v2-768-v"}, VELOCITY),
        ({"modelspec.architecture": "stable-diffusion-v2-512"}, None),
        ({"modelspec.prediction_type": "who knows", "other": "v"}, None),
        ({}, None),
    ],
)
def test_metadata(metadata: dict[str, str], prediction: Prediction | None) -> None:
    assert told(None, checkpoint(metadata)) is prediction


def test_the_marker_then_the_family_then_nothing() -> None:
    assert told(None, checkpoint(marker=True)) is VELOCITY
    assert told(None, checkpoint({"modelspec.prediction_type": "epsilon"}, marker=True)) is NOISE
    assert told(None, checkpoint(), SD1) is NOISE and told(None, checkpoint(marker=True), SD1) is VELOCITY
    assert told(None, checkpoint(), SD2) is None


def smooth(x: Tensor) -> Tensor:
    """A picture that a network might see in noise: its coarse structure only."""
    coarse = torch.nn.functional.avg_pool2d(x, 4)
    return torch.nn.functional.interpolate(coarse, scale_factor=4.0)


NETWORKS: dict[str, tuple[Callable[[Tensor, Tensor], Tensor], Prediction | None]] = {
    "noise, exactly": (lambda x, t: x, NOISE),
    "noise, less the picture it sees": (lambda x, t: x - 0.3 * smooth(x), NOISE),
    "velocity, the picture's negative": (lambda x, t: 0.07 * x - smooth(x) - 0.4, VELOCITY),
    "velocity of a mean picture": (lambda x, t: 0.07 * x - torch.linspace(-1, 1, 16).expand_as(x), VELOCITY),
    "the negative": (lambda x, t: -x, VELOCITY),
    "half and half": (lambda x, t: x + 1.1 * x.roll(1, dims=-1), None),
    "nothing": (lambda x, t: torch.zeros_like(x), None),
    "no number": (lambda x, t: x * float("nan"), None),
}


@pytest.mark.parametrize("name", NETWORKS)
def test_one_call_of_a_network_shows_what_it_predicts(name: str) -> None:
    network, prediction = NETWORKS[name]
    assert probe(network, 4) is prediction


def test_the_probe_is_one_call_at_the_last_time_and_always_the_same() -> None:
    seen: list[tuple[Tensor, Tensor]] = []

    def network(x: Tensor, t: Tensor) -> Tensor:
        seen.append((x, t))
        return x.half()

    assert probe(network, 3) is NOISE and probe(network, 3) is NOISE and len(seen) == 2
    assert torch.equal(seen[0][0], seen[1][0]) and seen[0][0].shape == (1, 3, 16, 16)
    assert seen[0][1].tolist() == [999] and abs(seen[0][0].std().item() - 1) < 0.1


def answering(model: Model, sign: float) -> dict[str, Tensor]:
    """Single-file tensors of SD 2 whose UNet gives `sign` times about its input.

    conv_in puts every latent channel into a group of its own, the last level passes it on through its shortcut (all
    other paths are zero), and conv_out reads it back.
    """
    tensors = {n: t.clone() for n, t in single("sd2").items()}
    prefix = "model.diffusion_model."
    for name in tensors:
        if name.startswith(prefix):
            tensors[name].zero_()
    first = tensors[prefix + "input_blocks.0.0.weight"]
    width = first.shape[0]
    for channel in range(width):
        # Both signs of each latent channel, so that SiLU(x) - SiLU(-x) = x.
        first[channel, (channel // 2) % 4, 1, 1] = 1.0 if channel % 2 else -1.0
    last = f"{prefix}output_blocks.3.0.skip_connection.weight"
    shortcut = tensors[last]
    for channel in range(width):
        shortcut[channel, shortcut.shape[1] - width + channel, 0, 0] = 1.0
    tensors[prefix + "out.0.weight"].fill_(1.0)
    out = tensors[prefix + "out.2.weight"]
    for channel in range(width):
        out[(channel // 2) % 4, channel, 1, 1] = sign * (1.0 if channel % 2 else -1.0) / (width / 8)
    assert model.family.name == "sd2"
    return tensors


@pytest.mark.parametrize(("sign", "prediction", "side"), [(1.0, NOISE, 512), (-1.0, VELOCITY, 768)])
def test_an_open_question_is_settled_by_the_network(
    sign: float, prediction: Prediction, side: int, tmp_path: Path
) -> None:
    path = tmp_path / "a.safetensors"
    save_tensors(answering(small("sd2"), sign), path)
    located = find(ModelUse(base=str(path)))
    assert located.prediction is None and located.family.defaults.width == 512
    model = open_model(located)
    assert model.prediction is prediction and model.family.defaults.width == side


def test_what_cannot_be_decided_is_asked(tmp_path: Path) -> None:
    path = saved(
        "sd2", tmp_path, **{n: t * 0 for n, t in single("sd2").items() if ".diffusion_model.out." in n}
    )
    with pytest.raises(Ambiguous, match="--prediction noise or --prediction velocity"):
        open_model(ModelUse(base=str(path)))
    assert open_model(ModelUse(base=str(path), prediction="velocity")).prediction is VELOCITY
    assert find(ModelUse(base=str(path), prediction="velocity")).family.defaults.width == 768


def test_the_toy_takes_both() -> None:
    assert open_model(ModelUse(base="toy")).prediction is NOISE
    assert open_model(ModelUse(base="toy", prediction="velocity")).prediction is VELOCITY
    open_family = replace(toy.TOY, prediction=None)
    assert (
        toy.make(open_family).prediction is NOISE and toy.make(open_family, VELOCITY).prediction is VELOCITY
    )
