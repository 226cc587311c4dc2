"""IP-Adapter of SD 3 against diffusers: its timed resampler, and whole transformers with its extra attention."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from diffusers import SD3Transformer2DModel
from torch import Tensor

from mezzotint.adapters.joint_prompt import joint_prompt_table, open_joint_prompt, written_joint
from mezzotint.families.layouts import ip_adapter
from mezzotint.nets.conditioning import Inject, Stream
from mezzotint.nets.joint_prompt import JointPrompt
from mezzotint.nets.mmdit import MMDiT
from mezzotint.nets.resampler import ResamplerGeometry
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error, fill
from parity.test_nets_mmdit import FAR, FORMS, inputs, pair

WIDTH, WAVES, PATCHES = 20, 12, 9
SPELLINGS = {"InstantX": ip_adapter.TIMED, "diffusers": ip_adapter.TIMED_DIFFUSERS}
ONE = torch.tensor(1.0)


def adapter(form: str, spelling: str = "InstantX") -> tuple[JointPrompt, dict[str, dict[str, Tensor]]]:
    """An adapter with random weights, and the same as the two dictionaries that diffusers reads."""
    net = FORMS[form]
    geometry = ResamplerGeometry(WIDTH, net.width, 96, 1, tokens=5)
    ours = JointPrompt(geometry, WAVES, net).eval()
    fill(ours)
    file = written_joint(ours, SPELLINGS[spelling])
    again = open_joint_prompt(InMemory(Path("a"), file), net)
    assert all(torch.equal(again.state_dict()[name], t) for name, t in ours.state_dict().items())
    assert joint_prompt_table(file).match(file).unknown == ()
    parts: dict[str, dict[str, Tensor]] = {"image_proj": {}, "ip_adapter": {}}
    for name, tensor in file.items():
        part, rest = name.split(".", 1)
        parts[part][rest] = tensor
    return ours, parts


def both(form: str, spelling: str = "InstantX") -> tuple[MMDiT, JointPrompt, SD3Transformer2DModel]:
    net, theirs = pair(form)
    prompt, parts = adapter(form, spelling)
    theirs._load_ip_adapter_weights(parts, low_cpu_mem_usage=False)
    return net, prompt, theirs.eval()


def seen() -> Tensor:
    return torch.randn(2, PATCHES, WIDTH, generator=torch.Generator().manual_seed(3))


def expected(theirs: SD3Transformer2DModel, form: str, scale: float, shown: Tensor) -> Tensor:
    for processor in theirs.attn_processors.values():
        processor.scale = scale
    x, t, cond = inputs(FORMS[form])
    more = {"ip_adapter_image_embeds": shown}
    return theirs(x, cond.tokens, cond.pooled, t, joint_attention_kwargs=more).sample


def answer(net: MMDiT, form: str, stream: Stream | None) -> Tensor:
    x, t, cond = inputs(FORMS[form])
    return net(x, t, cond, Inject(streams={"a": stream}) if stream else None).sample


@pytest.mark.parametrize("spelling", SPELLINGS)
@torch.no_grad()
def test_tokens(spelling: str) -> None:
    _, prompt, theirs = both("sd3-medium", spelling)
    t = torch.tensor([981.5, 3.0])
    wanted, time = theirs.image_proj(seen(), t)
    tokens, vector = prompt.projection(seen(), t)
    assert error(tokens, wanted) <= BOUND and error(vector, time) <= BOUND
    assert error(prompt.projection(seen().flip(-1), t)[0], wanted) > FAR
    assert error(prompt.projection(seen(), t.flip(0))[0], wanted) > FAR


@pytest.mark.parametrize("form", sorted(FORMS))
@torch.no_grad()
def test_a_whole_transformer_with_its_extra_attention(form: str) -> None:
    """Also proves which matrices of the file belong to which attention."""
    net, prompt, theirs = both(form)
    _, t, _ = inputs(FORMS[form])
    shown = seen()[:, None]
    for scale in (1.0, 0.35):
        wanted = expected(theirs, form, scale, seen())
        assert error(answer(net, form, prompt(shown, t, torch.tensor(scale))), wanted) <= BOUND
    weight = torch.tensor(0.35)
    assert error(answer(net, form, prompt(shown, t, weight * 1.2)), wanted) > FAR
    assert error(answer(net, form, prompt(shown.flip(0), t, weight)), wanted) > FAR
    assert error(answer(net, form, prompt(shown, t.flip(0), weight)), wanted) > FAR
    assert error(answer(net, form, None), wanted) > FAR


@pytest.mark.parametrize("part", ["norm_q", "norm_k", "norm_extra", "modulation", "site"])
@torch.no_grad()
def test_every_part_of_a_site_matters(part: str) -> None:
    form = "sd3.5-medium"
    net, prompt, theirs = both(form)
    wanted = expected(theirs, form, 1.0, seen())
    if part == "site":
        prompt.sites[0].v.weight.copy_(prompt.sites[1].v.weight)
    else:
        weight = getattr(prompt.sites[0], part).weight
        weight.copy_(weight.roll(1, 0))
    assert error(answer(net, form, prompt(seen()[:, None], inputs(FORMS[form])[1], ONE)), wanted) > FAR


@torch.no_grad()
def test_two_pictures_side_by_side_are_the_tokens_of_both() -> None:
    _, prompt, _ = both("sd3-medium")
    t = torch.tensor([981.5, 3.0])
    pictures = [seen()[:, None], seen().flip(1)[:, None]]
    alone = [prompt(one, t, ONE) for one in pictures]
    stream = prompt(torch.cat(pictures, 1), t, ONE)
    for site in prompt.names:
        for part in ("keys", "values"):
            joined = torch.cat([getattr(one, part)[site] for one in alone], 1)
            assert error(getattr(stream, part)[site], joined) <= BOUND


@torch.no_grad()
def test_a_mask_says_where_and_a_weight_of_nothing_is_nothing() -> None:
    form = "sd3.5-medium"
    net, prompt, _ = both(form)
    stream = prompt(seen()[:, None], inputs(FORMS[form])[1], ONE)
    plain, whole = answer(net, form, None), answer(net, form, stream)
    assert torch.equal(answer(net, form, replace(stream, scale=0 * ONE)), plain)
    assert torch.equal(answer(net, form, replace(stream, mask=torch.zeros(1, 1, 9, 9))), plain)
    white = answer(net, form, replace(stream, mask=torch.ones(1, 1, 9, 9)))
    assert error(white, whole) <= BOUND and error(whole, plain) > FAR
    half = torch.zeros(1, 1, 8, 12)
    half[..., 6:] = 1.0
    some = answer(net, form, replace(stream, mask=half))
    assert error(some, plain) > FAR and error(some, whole) > FAR
