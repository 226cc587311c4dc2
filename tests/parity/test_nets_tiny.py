"""The tiny autoencoders against diffusers' AutoencoderTiny, at toy width, with the same seeded random weights."""

from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderTiny

from mezzotint.families.layouts import tiny_numbered
from mezzotint.nets import tiny
from mezzotint.nets.tiny import TinyAutoencoder, TinyGeometry
from mezzotint.weights.files import InMemory
from parity.nets_reference import BOUND, error
from parity.through_layout import same, shared

FAR = 1e-3
GEOMETRIES = {"taesd": TinyGeometry(4, 8), "taesd3": TinyGeometry(16, 12)}


def pair(kind: str) -> tuple[TinyAutoencoder, AutoencoderTiny]:
    g = GEOMETRIES[kind]
    widths = (g.width,) * 4
    theirs = AutoencoderTiny(
        latent_channels=g.latent, encoder_block_out_channels=widths, decoder_block_out_channels=widths
    ).eval()
    ours = TinyAutoencoder(g).eval()
    shared(theirs, tiny_numbered.DIFFUSERS, ours)
    return ours, theirs


@pytest.mark.parametrize("kind", sorted(GEOMETRIES))
@pytest.mark.parametrize(("height", "width"), [(32, 32), (24, 48)])
@torch.no_grad()
def test_encode(kind: str, height: int, width: int) -> None:
    ours, theirs = pair(kind)
    x = torch.rand(2, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = theirs.encode(x).latents
    assert error(ours.encode(x), expected) <= BOUND
    assert error(ours.encode(x.flip(-1)), expected) > FAR
    assert error(ours.encoder(x), expected) > FAR


@pytest.mark.parametrize("kind", sorted(GEOMETRIES))
@pytest.mark.parametrize(("height", "width"), [(4, 4), (3, 7)])
@torch.no_grad()
def test_decode(kind: str, height: int, width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    ours, theirs = pair(kind)
    z = 3 * torch.randn(2, ours.geometry.latent, height, width, generator=torch.Generator().manual_seed(1))
    expected = theirs.decode(z).sample
    assert error(ours.decode(z), expected) <= BOUND
    monkeypatch.setattr(tiny, "CLAMP", 4.0)
    assert error(ours.decode(z), expected) > FAR


@torch.no_grad()
def test_the_two_original_files_hold_the_same() -> None:
    """The halves under TAESD's own names, which differ from diffusers' by prefixes and one number in the decoder."""
    ours, theirs = pair("taesd")
    named = theirs.state_dict()
    path = Path("taesd")
    halves = {half: {} for half in ("encoder", "decoder")}
    for name, weight in named.items():
        half, _, number, rest = name.split(".", 3)
        halves[half][f"{int(number) + (half == 'decoder')}.{rest}"] = weight
    loaded = tiny_numbered.ENCODER.load(InMemory(path, halves["encoder"]))
    loaded |= tiny_numbered.DECODER.load(InMemory(path, halves["decoder"]))
    assert same(loaded, dict(ours.state_dict()))
    split = {n: t for n, t in loaded.items() if n.startswith("decoder.")}
    assert same(tiny_numbered.DECODER.export(InMemory(path, split)), halves["decoder"])
    split = {n: t for n, t in loaded.items() if n.startswith("encoder.")}
    assert same(tiny_numbered.ENCODER.export(InMemory(path, split)), halves["encoder"])
