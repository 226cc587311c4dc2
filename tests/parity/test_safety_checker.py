"""The safety checker against diffusers' StableDiffusionSafetyChecker, at toy size, with the same random weights."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers.pipelines.stable_diffusion.safety_checker import StableDiffusionSafetyChecker
from torch import Tensor
from transformers import CLIPConfig

from mezzotint.families.layouts import checker_hf
from mezzotint.nets import checker as module
from mezzotint.nets.checker import CheckerGeometry, SafetyChecker
from mezzotint.nets.vision import VisionGeometry
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error, fill
from parity.through_layout import same

PATH = Path("safety_checker")
TOWER = VisionGeometry(28, 7, 32, 2, 4, 48, "quick_gelu", 24)


def reference() -> StableDiffusionSafetyChecker:
    vision = {
        "hidden_size": TOWER.width,
        "intermediate_size": TOWER.hidden,
        "num_hidden_layers": TOWER.layers,
        "num_attention_heads": TOWER.heads,
        "image_size": TOWER.side,
        "patch_size": TOWER.patch,
        "hidden_act": TOWER.activation,
        "projection_dim": TOWER.projection,
    }
    return StableDiffusionSafetyChecker(
        CLIPConfig(vision_config=vision, projection_dim=TOWER.projection)
    ).eval()


def pair(special: float, concept: float) -> tuple[SafetyChecker, StableDiffusionSafetyChecker]:
    """Both checkers, with thresholds around these similarities."""
    theirs, ours = reference(), SafetyChecker(CheckerGeometry(TOWER)).eval()
    fill(theirs)
    with torch.no_grad():
        theirs.special_care_embeds_weights.mul_(0.3).add_(special)
        theirs.concept_embeds_weights.mul_(0.3).add_(concept)
    source = InMemory(PATH, dict(theirs.state_dict()))
    ours.load_state_dict(checker_hf.LAYOUT.load(source))
    back = checker_hf.LAYOUT.export(InMemory(PATH, ours.state_dict()))
    published = {
        name.replace("vision_model.", "vision_model.vision_model."): tensor
        for name, tensor in theirs.state_dict().items()
    }
    assert same(back, published)
    assert same(checker_hf.LAYOUT.load(InMemory(PATH, back)), dict(ours.state_dict()))
    return ours, theirs


def pixels(count: int = 24) -> Tensor:
    return torch.randn(count, 3, TOWER.side, TOWER.side, generator=torch.Generator().manual_seed(1))


def by_the_reference(theirs: StableDiffusionSafetyChecker, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Flags from the reference itself; its scores stay inside, so they are rebuilt from its words with its numbers."""
    _, flags = theirs(x, torch.ones(len(x), 1))
    vectors = theirs.visual_projection(theirs.vision_model(x)[1])

    def cosines(embeds: Tensor) -> np.ndarray:
        a, b = torch.nn.functional.normalize(vectors), torch.nn.functional.normalize(embeds)
        return torch.mm(a, b.t()).numpy()

    special, concepts = [], []
    for near_special, near in zip(
        cosines(theirs.special_care_embeds), cosines(theirs.concept_embeds), strict=True
    ):
        adjustment, row = 0.0, []
        for cosine, threshold in zip(near_special, theirs.special_care_embeds_weights, strict=True):
            row.append(float(round(cosine - threshold.item() + adjustment, 3)))
            if row[-1] > 0:
                adjustment = 0.01
        special.append(row)
        thresholds = [t.item() for t in theirs.concept_embeds_weights]
        concepts.append([float(round(c - t + adjustment, 3)) for c, t in zip(near, thresholds, strict=True)])
    return torch.tensor(flags), torch.tensor(concepts), torch.tensor(special)


@pytest.mark.parametrize(("special", "concept"), [(0.3, 0.4), (0.05, 0.4), (9.0, 0.45), (-9.0, 0.4)])
@torch.no_grad()
def test_flags_and_scores(special: float, concept: float) -> None:
    ours, theirs = pair(special, concept)
    x = pixels()
    flags, concepts, specials = by_the_reference(theirs, x)
    checked = ours(x)
    assert torch.equal(checked.flagged, flags)
    assert error(checked.concepts, concepts) <= BOUND
    assert error(checked.special, specials) <= BOUND
    assert 0 < flags.sum() < len(x)
    assert error(ours(x.flip(-1)).concepts, concepts) > 1e-3


@torch.no_grad()
def test_a_special_concept_makes_the_rest_stricter(monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pair(0.1, 0.4)
    x = pixels()
    _, concepts, specials = by_the_reference(theirs, x)
    assert (specials > 0).any() and not (specials > 0).all()
    monkeypatch.setattr(module, "STRICTER", 0.0)
    assert error(ours(x).concepts, concepts) > 1e-3
    assert error(ours(x).special, specials) > 1e-3
