"""Attention to several texts, each where it counts: one layer by hand, sizes, missing tokens, and a whole network."""

import pytest
import torch

from families.reduced import SMALL1, SMALL_X4
from mezzotint.families.toy import TOY, random_weight
from mezzotint.nets.blended import Looked, blended, looked_at
from mezzotint.nets.conditioning import Conditioning, Grid, Inject
from mezzotint.nets.unet import UNet, UNetGeometry

SITE = "mid.attention.blocks.0.attn2"


def rand(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed + sum(shape)))


def network(geometry: UNetGeometry = TOY.unet) -> UNet:
    net = UNet(geometry)
    net.load_state_dict({name: random_weight(name, tuple(t.shape)) for name, t in net.state_dict().items()})
    return net.eval()


def by_hand(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor) -> torch.Tensor:
    """Attention of one row and head, a pixel after the other, in float64: T D, S D, S D -> T D."""
    out = torch.zeros(len(q), v.shape[1], dtype=torch.float64)
    for place, query in enumerate(q.double()):
        weights = torch.tensor([float(query @ key.double()) / q.shape[1] ** 0.5 for key in k]).double()
        weights = (weights - weights.max()).exp()
        out[place] = (weights[:, None] * v.double()).sum(0) / weights.sum()
    return out


def test_one_site_is_what_it_is_by_hand() -> None:
    """Two rows of two heads on 2 x 3 pixels; the second row has two further texts, of which one is short."""
    q, k, v = (rand(2, 2, n, 4, seed=s) for n, s in ((6, 1), (5, 2), (5, 3)))
    shares = torch.tensor([[[1.0, 0.5, 0.0], [0.0, 0.25, 0.0]], [[0.0, 0.5, 0.0], [1.0, 0.5, 0.0]]])[None]
    seen = torch.tensor([[True, True, True, False]])
    texts = [
        Looked({SITE: rand(1, 5, 8, seed=4)}, {SITE: rand(1, 5, 8, seed=5)}),
        Looked({SITE: rand(1, 4, 8, seed=6)}, {SITE: rand(1, 4, 8, seed=7)}, seen),
    ]
    found = blended(texts, shares, torch.tensor([1]))[SITE](q, k, v, Grid(2, 3))
    for head in range(2):
        assert torch.allclose(found[0, head].double(), by_hand(q[0, head], k[0, head], v[0, head]), atol=1e-6)
        part = slice(4 * head, 4 * head + 4)
        answers = [by_hand(q[1, head], k[1, head], v[1, head])]
        for text, count in zip(texts, (5, 3), strict=True):
            keys, values = (x[SITE][0, :count, part] for x in (text.keys, text.values))
            answers.append(by_hand(q[1, head], keys, values))
        flat = shares[0].flatten(1).double()
        weights = torch.cat([1 - flat.sum(0, keepdim=True), flat])
        expected = sum(w[:, None] * a for w, a in zip(weights, answers, strict=True))
        assert torch.allclose(found[1, head].double(), expected, atol=1e-6)
        assert not torch.allclose(found[1, head].double(), answers[0], atol=1e-2)


def test_a_coarser_site_takes_the_means_of_shares() -> None:
    q, k, v = (rand(1, 1, n, 4, seed=s) for n, s in ((4, 1), (5, 2), (5, 3)))
    text = Looked({SITE: rand(1, 5, 4, seed=4)}, {SITE: rand(1, 5, 4, seed=5)})
    fine = rand(1, 1, 4, 4, seed=6).abs().clamp(max=1)
    coarse = fine.reshape(1, 1, 2, 2, 2, 2).mean(dim=(3, 5))
    one, other = (
        blended([text], part, torch.tensor([0]))[SITE](q, k, v, Grid(2, 2)) for part in (fine, coarse)
    )
    assert torch.allclose(one, other, atol=1e-6)


@pytest.mark.parametrize("geometry", [TOY.unet, SMALL1.unet, SMALL_X4.unet])
def test_one_text_everywhere_is_that_text(geometry: UNetGeometry) -> None:
    """Also where both attentions of a block look at the text, as in the x4 upscaler."""
    net = network(geometry).double()
    x, own, other = (
        rand(*shape).double()
        for shape in ((2, geometry.in_channels, 8, 8), (2, 7, geometry.context), (2, 9, geometry.context))
    )
    numbers = torch.zeros(2, 1) if geometry.classes else None

    def drawn(tokens: torch.Tensor, inject: Inject | None = None) -> torch.Tensor:
        return net(x, torch.tensor(500.0), Conditioning(tokens, None, numbers), inject).sample

    with torch.no_grad():
        looked = looked_at(net, other)
        assert looked.keys.keys() == net.attention_sites - net.own_sites
        whole = Inject(attend=blended([looked], torch.ones(2, 1, 8, 8), torch.arange(2)))
        none = Inject(attend=blended([looked], torch.zeros(2, 1, 8, 8), torch.arange(2)))
        half = torch.zeros(2, 1, 8, 8)
        half[..., :4] = 1
        mixed = drawn(own, Inject(attend=blended([looked], half, torch.arange(2))))
        plain, expected = drawn(own), drawn(other)
        scale = expected.abs().max()
        assert (drawn(own, whole) - expected).abs().max() / scale < 1e-12
        assert torch.equal(drawn(own, none), plain)
        assert (mixed - expected).abs().max() / scale > 1e-2 and (mixed - plain).abs().max() / scale > 1e-2
