"""Decides whether a network was taught to predict the noise or the velocity.

Takes what is known about a checkpoint, in this order: an explicit choice, the file's metadata, marker tensors, the end
of its schedule, the family, and last one call of the network. Gives the prediction and what decided it. Never guesses:
undecided is None.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from mezzotint.diffusion.prediction import FLOW, NOISE, PREDICTIONS, VELOCITY, Prediction
from mezzotint.families.checkpoint import Checkpoint
from mezzotint.families.configs import PREDICTION_TYPES, SCHEDULER
from mezzotint.families.family import Family
from mezzotint.families.layouts.single_file import V_PREDICTION
from mezzotint.families.schedules import Shift
from mezzotint.values.errors import BadModelFile, BadValue, shorten

NOISE_LIKE = 0.8
"""A correlation of input and output from which on a network surely returns its input noise."""
UNLIKE = 0.5
"""A correlation up to which it surely does not."""
PROBE_SIDE = 16
PROBE_TIME = 999


@dataclass(frozen=True)
class Decided:
    """A prediction and, in words, what decided it."""

    prediction: Prediction
    by: str


def decide(chosen: str | None, checkpoint: Checkpoint, family: Family) -> Decided | None:
    """The prediction as far as it can be told without running the network; None when it cannot.

    Raises BadModelFile for a prediction type that this program does not know, and for noise predicted from pure noise;
    BadValue for a choice where there is none.
    """
    decided = _stated(chosen, checkpoint, family)
    if decided and decided.prediction is NOISE and family.pure_noise:
        raise BadModelFile(
            checkpoint.path,
            f"was trained up to pure noise, where noise tells nothing of the picture, but {decided.by} says noise",
            hint="choose --prediction velocity or --zero-snr no",
        )
    return decided


def _stated(chosen: str | None, checkpoint: Checkpoint, family: Family) -> Decided | None:
    if isinstance(family.schedule, Shift):
        if chosen is not None:
            raise BadValue(
                "prediction", f"{family.title} predicts the flow, and nothing else", "leave it out"
            )
        return Decided(FLOW, f"the family: {family.title}")
    if chosen is not None:
        return Decided(PREDICTIONS[chosen], "the explicit choice")
    stated = _from_scheduler(checkpoint) or _from_metadata(checkpoint.source.metadata)
    if stated is not None:
        return stated
    if V_PREDICTION in checkpoint.source:
        return Decided(VELOCITY, f"the marker tensor {V_PREDICTION}")
    if family.pure_noise:
        return Decided(VELOCITY, "the schedule up to pure noise")
    if family.prediction is not None:
        return Decided(family.prediction, f"the family: {family.title}")
    return None


def _from_scheduler(checkpoint: Checkpoint) -> Decided | None:
    if SCHEDULER not in checkpoint.configs:
        return None
    config = checkpoint.config(SCHEDULER)
    if "prediction_type" not in config:
        return Decided(NOISE, f"{SCHEDULER}, which names none and so means epsilon")
    name = PREDICTION_TYPES.get(str(config["prediction_type"]))
    if name is None:
        raise BadModelFile(
            checkpoint.path / SCHEDULER,
            f"prediction_type is {shorten(config['prediction_type'], 30)}, which is not supported",
            hint="use a model that predicts epsilon or v_prediction",
        )
    return Decided(PREDICTIONS[name], SCHEDULER)


def _from_metadata(metadata: Mapping[str, str]) -> Decided | None:
    """What the `modelspec` entries say (Stability-AI/ModelSpec 1.0.0)."""
    stated = metadata.get("modelspec.prediction_type", "").lower()
    if stated in ("epsilon", "eps"):
        return Decided(NOISE, "the file's metadata (modelspec.prediction_type)")
    if stated in ("v", "v_prediction", "v-prediction"):
        return Decided(VELOCITY, "the file's metadata (modelspec.prediction_type)")
    if metadata.get("modelspec.architecture", "").endswith("-v"):
        return Decided(VELOCITY, "the file's metadata (modelspec.architecture)")
    return None


def probe(network: Callable[[Tensor, Tensor], Tensor], channels: int) -> Prediction | None:
    """What one call of `network` (x B C H W, t B -> B C H W) shows; None when it shows nothing.

    At the last training time the input is nearly all noise. A network that predicts the noise returns it; one that
    predicts the velocity, there almost the negative of the picture, does not.
    """
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(1, channels, PROBE_SIDE, PROBE_SIDE, generator=generator)
    with torch.inference_mode():
        output = network(x, torch.tensor([PROBE_TIME])).float()
    alike = float(torch.corrcoef(torch.stack([x.flatten(), output.flatten()]))[0, 1])
    if alike >= NOISE_LIKE:
        return NOISE
    return VELOCITY if alike <= UNLIKE else None
