"""Guides against diffusers: the formulas of its guiders and pipelines, and the networks as they disturb them."""

import warnings
from types import SimpleNamespace

import pytest
import torch
from diffusers.guiders.adaptive_projected_guidance import MomentumBuffer, normalized_guidance
from diffusers.guiders.classifier_free_zero_star_guidance import ClassifierFreeZeroStarGuidance
from diffusers.guiders.guider_utils import rescale_noise_cfg
from diffusers.models.attention_processor import (
    PAGIdentitySelfAttnProcessor2_0,
    PAGJointAttnProcessor2_0,
)
from torch import Tensor

from diffusion.test_guidance import KNOWN, LEVEL, X, known, near, outcome
from diffusion.toys import PATH
from mezzotint.diffusion.denoise import NEGATIVE, POSITIVE
from mezzotint.diffusion.guidance.apg import apg
from mezzotint.diffusion.guidance.cfg import cfg
from mezzotint.diffusion.guidance.cfg_zero import cfg_zero
from mezzotint.diffusion.guidance.guide import constant, guided
from mezzotint.diffusion.guidance.rescale import rescale
from mezzotint.diffusion.guidance.sag import looked_at
from mezzotint.diffusion.guidance.threshold import threshold
from mezzotint.diffusion.prediction import PREDICTIONS, Prediction
from mezzotint.nets.conditioning import Conditioning, Inject
from mezzotint.nets.disturbed import blurred, identity
from mezzotint.nets.unet import UNet
from parity import test_nets_mmdit as mmdits
from parity import test_nets_unet as unets
from parity.nets_reference import copied, error, unet_name

MID = "mid.attention.blocks.0.attn1"
BOUND = 1e-5


def outputs(prediction: Prediction) -> tuple[Tensor, Tensor]:
    return tuple(prediction.output(KNOWN[of], X, LEVEL) for of in (POSITIVE, NEGATIVE))


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS.keys())
def test_rescale_is_that_of_their_pipelines(prediction: Prediction) -> None:
    positive, negative = outputs(prediction)
    theirs = rescale_noise_cfg(negative + 5 * (positive - negative), positive, 0.7)
    wanted = prediction.clean(theirs, X, LEVEL)
    assert near(outcome([cfg(constant(5.0)), rescale(0.7, prediction)]), wanted)
    assert not near(outcome([cfg(constant(5.0)), rescale(0.6, prediction)]), wanted)


@pytest.mark.parametrize("norm", [0.0, 2.5])
def test_apg_is_that_of_their_guider_over_a_run(norm: float) -> None:
    memory = MomentumBuffer(-0.5)
    denoise = guided(known()[0], [apg(constant(5.0), 0.3, norm, -0.5)])
    other = guided(known()[0], [apg(constant(5.0), 0.4, norm, -0.5)])
    for step in range(3):
        theirs = normalized_guidance(KNOWN[POSITIVE], KNOWN[NEGATIVE], 4.0, memory, 0.3, norm, True)
        level = PATH.level(torch.tensor(2.0), step)
        assert near(denoise(X, level), theirs)
        assert not near(other(X, level), theirs)


@pytest.mark.parametrize("prediction", PREDICTIONS.values(), ids=PREDICTIONS.keys())
@pytest.mark.parametrize("step", [0, 1])
def test_cfg_zero_is_that_of_their_guider(prediction: Prediction, step: int) -> None:
    guider = ClassifierFreeZeroStarGuidance(guidance_scale=5.0, zero_init_steps=1)
    positive, negative = outputs(prediction)
    guider.set_state(step, 4, torch.tensor(500))
    wanted = prediction.clean(guider.forward(positive, negative.clone()).pred, X, LEVEL)
    level = PATH.level(torch.tensor(2.0), step)
    assert near(outcome([cfg_zero(constant(5.0), prediction, 1)], level=level), wanted)
    assert not near(outcome([cfg_zero(constant(5.0), prediction, 2 * step)], level=level), wanted)


def test_threshold_is_that_of_their_schedulers() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from diffusers import DPMSolverMultistepScheduler

    theirs = DPMSolverMultistepScheduler(
        thresholding=True, dynamic_thresholding_ratio=0.9, sample_max_value=1e6
    )
    clean = outcome([cfg(constant(5.0))])
    wanted = theirs._threshold_sample(clean.clone())
    assert near(outcome([cfg(constant(5.0)), threshold(0.9, 1.0)]), wanted)
    assert not near(outcome([cfg(constant(5.0)), threshold(0.95, 1.0)]), wanted)


@torch.no_grad()
@pytest.mark.parametrize("form", sorted(unets.FORMS))
def test_a_unet_with_identity_attention_is_theirs(form: str) -> None:
    """Their processor splits its batch: the second half is disturbed."""
    ours, theirs = UNet(unets.FORMS[form]).eval(), unets.reference(unets.FORMS[form])
    copied(theirs, ours, unet_name)
    x, text = unets.inputs(8, 6)
    theirs.mid_block.attentions[0].transformer_blocks[0].attn1.processor = PAGIdentitySelfAttnProcessor2_0()
    t = torch.tensor(500)
    plain, wanted = theirs(torch.cat([x, x]), t, torch.cat([text, text])).sample.chunk(2)
    found = ours(x, t, Conditioning(text), Inject(attend={MID: identity})).sample
    assert error(found, wanted) <= BOUND
    assert error(found, plain) > BOUND


@torch.no_grad()
@pytest.mark.parametrize("form", sorted(mmdits.FORMS))
def test_a_transformer_without_blocks_is_theirs(form: str) -> None:
    ours, theirs = mmdits.pair(form)
    x, t, cond = mmdits.inputs(mmdits.FORMS[form])
    wanted = theirs(x, cond.tokens, cond.pooled, t, skip_layers=[1]).sample
    assert error(ours(x, t, cond, Inject(skips=frozenset({"blocks.1"}))).sample, wanted) <= BOUND
    assert error(ours(x, t, cond, Inject(skips=frozenset({"blocks.0"}))).sample, wanted) > BOUND


@torch.no_grad()
@pytest.mark.parametrize("form", sorted(form for form, g in mmdits.FORMS.items() if not g.qk_norm))
def test_a_transformer_with_identity_attention_is_theirs(form: str) -> None:
    ours, theirs = mmdits.pair(form)
    x, t, cond = mmdits.inputs(mmdits.FORMS[form])
    theirs.transformer_blocks[0].attn.processor = PAGJointAttnProcessor2_0()
    twice = [torch.cat([part, part]) for part in (x, cond.tokens, cond.pooled, t)]
    plain, wanted = theirs(*twice).sample.chunk(2)
    found = ours(x, t, cond, Inject(attend={"blocks.0.attn": identity})).sample
    assert error(found, wanted) <= BOUND
    assert error(found, plain) > BOUND


def test_sag_degrades_what_their_pipeline_degrades() -> None:
    from diffusers.pipelines.deprecated.stable_diffusion_sag import pipeline_stable_diffusion_sag as theirs

    latent = torch.randn(2, 4, 12, 12, generator=torch.Generator().manual_seed(1))
    assert near(blurred(latent, 1.0, 9), theirs.gaussian_blur_2d(latent, kernel_size=9, sigma=1.0))
    assert not near(blurred(latent, 1.0, 7), theirs.gaussian_blur_2d(latent, kernel_size=9, sigma=1.0), 1e-6)
    scores = torch.randn(2, 3, 36, 6, 6, generator=torch.Generator().manual_seed(2))
    maps = (2 * scores).flatten(3).softmax(dim=-1).reshape(scores.shape)

    pipe = SimpleNamespace(
        unet=SimpleNamespace(config=SimpleNamespace(attention_head_dim=3)),
        scheduler=SimpleNamespace(add_noise=lambda degraded, noise, timesteps: degraded),
    )
    flat = maps.flatten(3).flatten(0, 1)
    wanted = theirs.StableDiffusionSAGPipeline.sag_masking(pipe, latent, flat, (6, 6), torch.tensor(1), None)
    mask = looked_at(maps, (12, 12))
    assert near(latent + mask * (blurred(latent, 1.0, 9) - latent), wanted)
    assert not near(latent + (1 - mask) * (blurred(latent, 1.0, 9) - latent), wanted)
