"""Each trainer learns one toy task from nothing, and the cache between them is what it says."""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch import Generator, Tensor
from toys import column, short, squares, worded

from mezzotint.nets.autoencoder import Autoencoder, AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry, ClipText
from mezzotint.nets.unet import UNetGeometry
from mezzotint.text.clip import ClipTokenizer
from mezzotint.train.adversary import PatchCritic, balance, hinge
from mezzotint.train.autoencoder import AutoencoderConfig, draw, kl_mean, open_autoencoder, train_autoencoder
from mezzotint.train.denoiser import (
    DenoiserConfig,
    DenoiserTask,
    Frozen,
    Stage,
    open_denoiser,
    train_denoiser,
)
from mezzotint.train.latents import LatentCache, Latents
from mezzotint.train.lpips import Lpips
from mezzotint.train.samples import picture_batches, split, to_network
from mezzotint.train.shaping import even_start, narrow, standardise
from mezzotint.train.text import (
    TextConfig,
    contrast,
    nearest_words,
    open_text,
    open_tokenizer,
    prepare_vocabulary,
    train_text,
)
from mezzotint.values.errors import BadValue, ModelNotFound

SMALL = AutoencoderGeometry((8, 16), 1, 4, norm_groups=4)


def text_parts(folder: Path) -> tuple[ClipText, ClipTokenizer]:
    """A fresh text encoder and its tokenizer."""
    size = prepare_vocabulary(folder, (squares(i)[1] for i in range(50)), 540)
    geometry = ClipGeometry(size, 8, 16, 1, 2, 32, "quick_gelu")
    return ClipText(geometry).eval().requires_grad_(False), open_tokenizer(folder, 8)


def test_autoencoder_learns_one_batch(tmp_path: Path) -> None:
    def one_batch(index: int):
        return squares(index % 4)

    config = AutoencoderConfig(SMALL, batch=4, lpips=0.0)
    train_autoencoder(config, short(tmp_path, 60, rate=1e-2), one_batch, None)
    l1 = column(tmp_path, "l1")
    assert l1[-1] < 0.35 * l1[0]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["psnr"] > 10
    assert result["scale"] == 1
    network = open_autoencoder(tmp_path)
    x = to_network(next(picture_batches(squares, 0, 2, 0))[0])
    assert network(x).shape == x.shape
    assert not network.training


def test_a_decoder_can_learn_alone(tmp_path: Path) -> None:
    first = AutoencoderConfig(SMALL, batch=2, lpips=0.0)
    train_autoencoder(first, short(tmp_path / "a", 3), squares, None)
    alone = dataclasses.replace(first, decoder_only=True)
    train_autoencoder(alone, short(tmp_path / "b", 3, init_from=tmp_path / "a"), squares, None)
    before, after = open_autoencoder(tmp_path / "a"), open_autoencoder(tmp_path / "b")
    x = to_network(next(picture_batches(squares, 0, 2, 0))[0])
    assert torch.equal(before.encode(x)[0], after.encode(x)[0])
    assert not torch.equal(before.decoder.conv_out.weight, after.decoder.conv_out.weight)


def test_autoencoder_with_adversary_and_lpips_takes_both_turns(tmp_path: Path) -> None:
    config = AutoencoderConfig(SMALL, batch=2, adversarial_start=3, critic_width=8)

    def big(index: int):
        return squares(index, 48)

    train_autoencoder(config, short(tmp_path, 6, log_every=3), big, Lpips())
    header, before, after = (tmp_path / "loss.csv").read_text().splitlines()
    assert dict(zip(header.split(","), before.split(","), strict=True))["critic"] == ""
    assert float(dict(zip(header.split(","), after.split(","), strict=True))["critic"]) > 0


def test_an_even_start_is_nearly_linear_and_keeps_colours() -> None:
    network = Autoencoder(SMALL)
    x, block = torch.rand(2, 8, 8, 8), network.decoder.up[1].resnets[1]
    torch.nn.init.normal_(block.conv2.weight)
    assert not torch.equal(block(x), x)
    even_start(network)
    assert torch.equal(block(x), x)
    flat = torch.ones(1, 16, 4, 4)
    assert torch.allclose(network.decoder.up[0].upsample(flat), flat, atol=1e-6)
    narrow(network, -6.0)
    _, logvar = network.encode(torch.rand(2, 3, 16, 16))
    assert torch.equal(logvar, torch.full_like(logvar, -6.0))


def test_standardised_latents_decode_to_the_same_picture() -> None:
    network = Autoencoder(SMALL).eval().requires_grad_(False)
    x = torch.rand(3, 3, 16, 16) * 2 - 1
    mean, logvar = network.encode(x)
    picture = network.decode(mean)
    center, spread = mean.mean((0, 2, 3)), mean.std((0, 2, 3))
    standardise(network, center, spread)
    again, narrower = network.encode(x)
    assert torch.allclose(again.mean((0, 2, 3)), torch.zeros(4), atol=1e-4)
    assert torch.allclose(again.std((0, 2, 3)), torch.ones(4), atol=1e-3)
    assert torch.allclose(narrower, logvar - 2 * spread.log()[:, None, None], atol=1e-4)
    assert torch.allclose(network.decode(again), picture, atol=1e-4)
    assert not torch.allclose(network.decode(mean), picture, atol=1e-2)


def test_kl_and_samples_of_the_posterior() -> None:
    assert float(kl_mean(torch.zeros(3), torch.zeros(3))) == 0
    assert float(kl_mean(torch.ones(3), torch.zeros(3))) == pytest.approx(0.5)
    made = draw(torch.full((20000,), 2.0), torch.full((20000,), 0.25).log(), Generator().manual_seed(0))
    assert float(made.mean()) == pytest.approx(2, abs=0.02)
    assert float(made.std()) == pytest.approx(0.5, abs=0.02)


def test_the_balance_makes_two_pulls_equal() -> None:
    last = torch.tensor([1.0, 2.0], requires_grad=True)
    near, fool = (last * 3).sum(), (last * 0.5).sum()
    weight = balance(near, fool, last)
    assert float(weight) == pytest.approx(6, rel=1e-3)
    assert float(hinge(torch.full((2,), 2.0), torch.full((2,), -2.0))) == 0
    assert PatchCritic(8)(torch.zeros(2, 3, 32, 32)).shape[:2] == (2, 1)


def test_text_learns_pictures_and_synonyms(tmp_path: Path) -> None:
    size = prepare_vocabulary(tmp_path, (text for i in range(60) for text in worded(i)[1:3]), 560)
    geometry = ClipGeometry(size, 12, 32, 1, 2, 64, "quick_gelu", 16)
    config = TextConfig(geometry, batch=16, image_width=8)
    train_text(config, short(tmp_path, 40, rate=3e-3), worded)
    assert column(tmp_path, "loss")[-1] < 0.5 * column(tmp_path, "loss")[0]
    result = json.loads((tmp_path / "result.json").read_text())
    assert result["picture_to_caption"] > 0.7
    assert result["picture_against_mistake"] > 0.9
    assert result["wording_against_mistake"] > 0.9
    text, tokenizer = open_text(tmp_path)
    near = nearest_words(text, tokenizer, ["a red square", "square, red", "a blue square", "square, blue"])
    assert near["a red square"] == "square, red"
    assert near["square, blue"] == "a blue square"


def test_contrast_pushes_away_what_is_nearly_right() -> None:
    a, sharp, same = torch.eye(3), torch.tensor(10.0).log(), torch.eye(3, dtype=torch.bool)
    none, far = torch.zeros(0, 3), -torch.eye(3)[:1]
    near = torch.tensor([[0.8, 0.6, 0.0]], requires_grad=True)
    assert contrast(a, a, sharp, same, none) < contrast(a, a, sharp, same, far)
    loss = contrast(a, a, sharp, same, near)
    loss.backward()
    assert loss > contrast(a, a, sharp, same, far)
    # The mistake is pulled from what it resembles most: the gradient points there.
    assert near.grad is not None and int(near.grad[0].argmax()) == 0


def test_contrast_does_not_punish_equal_captions() -> None:
    a, none = torch.eye(4), torch.zeros(0, 4)
    sharp = torch.tensor(10.0).log()
    apart = contrast(a, a, sharp, torch.eye(4, dtype=torch.bool), none)
    b = a.clone()
    b[1] = b[0]
    same = torch.eye(4, dtype=torch.bool)
    clash = contrast(b, b, sharp, same, none)
    same[0, 1] = same[1, 0] = True
    assert float(contrast(b, b, sharp, same, none)) == pytest.approx(float(apart), abs=1e-3)
    assert float(clash) > float(apart) + 0.3


def latents(folder: Path, autoencoder: Autoencoder, tokenizer: ClipTokenizer, size: int = 8) -> LatentCache:
    return LatentCache(folder, squares, autoencoder, tokenizer, size)


def test_cache_is_the_same_when_it_is_made_again(tmp_path: Path) -> None:
    _, tokenizer = text_parts(tmp_path)
    autoencoder = Autoencoder(SMALL).eval()
    one, two = (latents(tmp_path / name, autoencoder, tokenizer) for name in "ab")
    second = one.chunk(1)
    first = one.chunk(0)
    assert two.path(1).exists() is False
    assert torch.equal(two.chunk(1).mean, second.mean)
    assert one.path(1).read_bytes() == two.path(1).read_bytes()
    assert not torch.equal(first.mean, second.mean)
    mean, logvar = autoencoder.encode(to_network(torch.from_numpy(squares(8)[0]).permute(2, 0, 1)[None]))
    assert torch.allclose(second.mean[:1].float(), mean, atol=2e-3)
    assert torch.allclose(second.std[:1].float(), (0.5 * logvar).exp(), atol=2e-3)
    assert tuple(second.ids[0].tolist()) == tokenizer.padded(squares(8)[1])[0]
    one.path(0).write_bytes(b"damaged")
    assert torch.equal(one.chunk(0).mean, first.mean)
    assert not list((tmp_path / "a").glob("*.part"))


def test_latents_grow_with_the_step_alone(tmp_path: Path) -> None:
    _, tokenizer = text_parts(tmp_path)
    cache = latents(tmp_path / "c", Autoencoder(SMALL).eval(), tokenizer, 4)
    one = Latents(cache, first=1, most=3, grow_every=10)
    assert [one.count(step) for step in (0, 9, 10, 20, 500)] == [1, 1, 2, 3, 3]
    drawn = [one.draw(step, seed=step, batch=5) for step in (0, 25)]
    fresh = Latents(cache, first=1, most=3, grow_every=10)
    assert all(torch.equal(a, b) for a, b in zip(drawn[1], fresh.draw(25, 25, 5), strict=True))
    assert drawn[0][0].shape == (5, 4, 8, 8)


def frozen(folder: Path) -> Frozen:
    text, tokenizer = text_parts(folder)
    autoencoder = Autoencoder(SMALL).eval().requires_grad_(False)
    narrow(autoencoder, -8.0)
    cache = latents(folder / "latents", autoencoder, tokenizer, 4)
    return Frozen(text, tokenizer, autoencoder, {16: Latents(cache, 1, 1, 1)})


GEOMETRY = UNetGeometry(4, 4, (16, 32), 1, (True, True), (2, 2), 16, norm_groups=8)


@pytest.mark.parametrize("prediction", ["velocity", "noise"])
def test_denoiser_learns_one_batch_and_draws(tmp_path: Path, prediction: str) -> None:
    config = DenoiserConfig(
        GEOMETRY, 2.0, (Stage(16, 1),), 16, prediction, shown=("a red square", "a blue square"), shown_steps=3
    )
    train_denoiser(config, short(tmp_path, 48, rate=1e-2, log_every=4), frozen(tmp_path))
    losses = column(tmp_path, "loss")
    assert sum(losses[-3:]) < 0.6 * 3 * losses[0]
    assert len(list((tmp_path / "samples").glob("*.png"))) == 1
    unet = open_denoiser(tmp_path)
    assert unet.geometry == GEOMETRY
    average = load_file(next(tmp_path.glob("checkpoints/*48/average.safetensors")))
    assert torch.equal(unet.conv_in.weight, average["unet.conv_in.weight"])


def test_captions_are_dropped_at_the_asked_rate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    task = DenoiserTask(DenoiserConfig(GEOMETRY, 1.0, (Stage(16, 1),), dropped=0.25), frozen(tmp_path), 0)
    given: list[Tensor] = []

    def note(ids: Tensor) -> Tensor:
        given.append(ids)
        return torch.zeros(len(ids), 8, 16)

    monkeypatch.setattr(task, "states", note)
    mean, std, ids = task.frozen.latents[16].draw(0, 0, 400)
    next(task.turns(0, (mean, std, ids), Generator().manual_seed(1)))
    empty = (given[0] == task.captions.ids(("",))).all(1)
    assert 0.18 < float(empty.float().mean()) < 0.32
    assert torch.equal(given[0][~empty], ids[~empty])


def test_equal_texts_have_equal_states(tmp_path: Path) -> None:
    parts = frozen(tmp_path)
    task = DenoiserTask(DenoiserConfig(GEOMETRY, 1.0, (Stage(16, 1),)), parts, 0)
    ids = torch.tensor([parts.tokenizer.padded(text)[0] for text in ("red", "blue", "red")])
    states = task.states(ids)
    assert torch.equal(states[0], states[2])
    assert torch.allclose(states, parts.text(ids, parts.tokenizer.eos).tokens, atol=1e-6)


def test_stages_follow_each_other(tmp_path: Path) -> None:
    parts = frozen(tmp_path)
    both = Frozen(
        parts.text, parts.tokenizer, parts.autoencoder, {16: parts.latents[16], 32: parts.latents[16]}
    )
    task = DenoiserTask(DenoiserConfig(GEOMETRY, 1.0, (Stage(16, 3), Stage(32, 2))), both, 0)
    assert [task.stage(step).size for step in range(7)] == [16, 16, 16, 32, 32, 32, 32]
    with pytest.raises(BadValue):
        DenoiserTask(DenoiserConfig(GEOMETRY, 1.0, (Stage(64, 3),)), parts, 0)


def test_a_folder_without_a_run_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run.json").write_text(
        json.dumps(
            {"autoencoder": {"geometry": {"channels": [8], "layers": 1, "latent": 2, "norm_groups": 4}}}
        )
    )
    with pytest.raises(ModelNotFound):
        open_autoencoder(tmp_path)


def test_batches_split_in_order() -> None:
    parts = split((torch.arange(5), list("abcde")), 2)
    assert [part[0].tolist() for part in parts] == [[0, 1], [2, 3, 4]]
    assert [part[1] for part in parts] == [["a", "b"], ["c", "d", "e"]]


def test_batches_start_at_any_step() -> None:
    pictures, captions = next(picture_batches(squares, 3, 4, 0))
    assert captions == [squares(index)[1] for index in range(12, 16)]
    assert torch.equal(pictures[1], torch.from_numpy(squares(13)[0]).permute(2, 0, 1))
