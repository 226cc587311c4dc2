"""Behaviour of image prompts and of the streams of a UNet that needs no reference library."""

import re
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from families.published import manifest, tensors
from mezzotint.nets.attention import attend, attend_streams
from mezzotint.nets.conditioning import Conditioning, Inject, Norms, Stream
from mezzotint.nets.image_prompt import ImagePrompt, VectorProjection, text_sites
from mezzotint.nets.unet import UNet, UNetGeometry
from mezzotint.values.errors import BadValue
from parity.nets_reference import fill

GEOMETRY = UNetGeometry(4, 4, (8, 16), 1, (True, False), (2, 2), 6, norm_groups=4)
SD1 = UNetGeometry(4, 4, (320, 640, 1280, 1280), 2, (True, True, True, False), (8,) * 4, 768)
SDXL = UNetGeometry(
    4, 4, (320, 640, 1280), 2, (False, True, True), (5, 10, 20), 2048, blocks=10, depth=(1, 2, 10)
)
SITE = "mid.attention.blocks.0.attn2"


def nets() -> tuple[UNet, ImagePrompt]:
    net, prompt = UNet(GEOMETRY).eval(), ImagePrompt(VectorProjection(5, 6), 6, text_sites(GEOMETRY)).eval()
    fill(net)
    fill(prompt)
    return net, prompt


def answer(net: UNet, inject: Inject | None, count: int = 2) -> Tensor:
    generator = torch.Generator().manual_seed(1)
    x, text = torch.randn(2, 4, 6, 4, generator=generator), torch.randn(2, 3, 6, generator=generator)
    return net(x[:count], torch.tensor(500), Conditioning(text[:count]), inject).sample


def seen() -> Tensor:
    return torch.randn(2, 5, generator=torch.Generator().manual_seed(2))


@pytest.mark.parametrize(("kind", "geometry"), [("ip-adapter_sd15", SD1), ("ip-adapter_sdxl", SDXL)])
def test_sites_are_counted_as_in_the_files(kind: str, geometry: UNetGeometry) -> None:
    listed = manifest(kind)["config"]["index_to_module"]
    theirs = [
        re.sub(r"(down|up)_blocks", r"\1", name)
        .replace("mid_block.attentions.0", "mid.attention")
        .replace("transformer_blocks", "blocks")
        for _, name in listed
    ]
    sites = text_sites(geometry)
    assert [site.name for site in sites] == theirs
    assert [number for number, _ in listed] == [2 * n + 1 for n in range(len(sites))]
    shapes = tensors(kind)
    for n, site in enumerate(sites):
        assert tuple(shapes[f"ip_adapter.{2 * n + 1}.to_k_ip.weight"].shape) == (site.width, geometry.context)


@torch.no_grad()
def test_nothing_injected_and_nothing_that_counts_change_no_bit() -> None:
    net, prompt = nets()
    plain = answer(net, None)
    assert torch.equal(answer(net, Inject()), plain)
    assert torch.equal(answer(net, Inject(streams={"a": prompt(seen(), torch.tensor(0.0))})), plain)
    black = prompt(seen(), torch.tensor(1.0), torch.zeros(1, 1, 9, 9))
    assert torch.equal(answer(net, Inject(streams={"a": black})), plain)
    assert not torch.equal(answer(net, Inject(streams={"a": prompt(seen(), torch.tensor(1.0))})), plain)


@torch.no_grad()
def test_a_weight_for_each_image_of_the_batch() -> None:
    net, prompt = nets()
    both = answer(net, Inject(streams={"a": prompt(seen(), torch.tensor([0.0, 0.7]))}))
    assert torch.allclose(both[:1], answer(net, None)[:1], atol=1e-6)
    alone = answer(net, Inject(streams={"a": prompt(seen(), torch.tensor(0.7))}))
    assert torch.allclose(both[1:], alone[1:], atol=1e-6)
    assert not torch.allclose(both[:1], alone[:1], atol=1e-3)


@torch.no_grad()
def test_two_streams_add_up_and_sites_may_be_left_out() -> None:
    net, prompt = nets()
    stream = prompt(seen(), torch.tensor(0.4))
    twice = answer(net, Inject(streams={"a": stream, "b": stream}))
    assert torch.allclose(
        twice, answer(net, Inject(streams={"a": replace(stream, scale=torch.tensor(0.8))})), atol=1e-5
    )
    one = replace(stream, keys={SITE: stream.keys[SITE]}, values={SITE: stream.values[SITE]})
    some = answer(net, Inject(streams={"a": one}))
    assert not torch.allclose(some, answer(net, None), atol=1e-4)
    assert not torch.allclose(some, answer(net, Inject(streams={"a": stream})), atol=1e-4)


class Weighed(torch.nn.Module):
    """A UNet with a stream as a function of tensors alone, as torch.export wants it."""

    def __init__(self, net: UNet, stream: Stream) -> None:
        super().__init__()
        self.net, self.stream = net, stream

    def forward(self, x: Tensor, text: Tensor, scale: Tensor) -> Tensor:
        inject = Inject(streams={"a": replace(self.stream, scale=scale)})
        return self.net(x, torch.tensor(500), Conditioning(text), inject).sample


@torch.no_grad()
def test_one_graph_serves_every_scale() -> None:
    net, prompt = nets()
    stream = prompt(
        seen(), torch.tensor(1.0), torch.rand(1, 1, 12, 8, generator=torch.Generator().manual_seed(5))
    )
    x, text = torch.randn(2, 4, 6, 4), torch.randn(2, 3, 6)
    weighed = Weighed(net, stream)
    program = torch.export.export(weighed, (x, text, torch.tensor(0.5))).module()
    for scale in (torch.tensor(0.1), torch.tensor(1.3)):
        assert torch.allclose(program(x, text, scale), weighed(x, text, scale), atol=1e-5)
    assert not torch.allclose(program(x, text, scale), program(x, text, 0 * scale), atol=1e-3)


def test_what_a_stream_adds() -> None:
    generator = torch.Generator().manual_seed(4)
    q, k, v = (torch.randn(2, 2, n, 3, generator=generator) for n in (6, 5, 5))
    extra = torch.randn(2, 4, 6, generator=generator)
    mask = torch.rand(1, 1, 2, 3, generator=generator)
    stream = Stream({SITE: extra}, {SITE: 2 * extra}, torch.tensor([0.5, 1.5]), mask)
    plain = attend(q, k, v, SITE)
    heads = extra.reshape(2, 4, 2, 3).transpose(1, 2)
    added = (
        attend(q, heads, 2 * heads, SITE)
        * mask.reshape(1, 1, 6, 1)
        * torch.tensor([0.5, 1.5]).reshape(2, 1, 1, 1)
    )
    assert torch.allclose(attend_streams(plain, (q, k, v), [stream], SITE), plain + added, atol=1e-6)
    assert attend_streams(plain, (q, k, v), [stream], "elsewhere") is plain


def test_masks_follow_the_resolution() -> None:
    stream = Stream({}, {}, torch.tensor(1.0), torch.ones(1, 1, 8, 8))
    assert stream.at(3, 5).mask is not None and stream.at(3, 5).mask.shape == (1, 1, 3, 5)
    assert replace(stream, mask=None).at(3, 5).mask is None


def test_streams_that_do_not_fit() -> None:
    net, prompt = nets()
    stream = prompt(seen(), torch.tensor(1.0))
    with pytest.raises(BadValue, match="no attention 'nowhere'"):
        answer(
            net, Inject(streams={"a": replace(stream, keys={"nowhere": seen()}, values={"nowhere": seen()})})
        )
    with pytest.raises(BadValue, match="different sites"):
        answer(net, Inject(streams={"a": replace(stream, keys={})}))
    norms = {site: Norms(torch.ones(4), torch.ones(4)) for site in stream.keys}
    with pytest.raises(BadValue, match="norms where this network takes none"):
        answer(net, Inject(streams={"a": replace(stream, norms=norms)}))
    with pytest.raises(BadValue, match="one batch"):
        answer(net, Inject(streams={"a": stream}), count=1)
    with pytest.raises(BadValue, match="sites"):
        ImagePrompt(VectorProjection(5, 6), 6, ())
