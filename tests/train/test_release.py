"""Three toy runs become the data files of the embedded model, and come back as the same networks."""

from pathlib import Path

import pytest
import torch
from toys import short, squares, worded

from mezzotint.families.mini import family, open_mini
from mezzotint.nets.autoencoder import AutoencoderGeometry
from mezzotint.nets.clip import ClipGeometry
from mezzotint.nets.conditioning import Conditioning
from mezzotint.nets.unet import UNetGeometry
from mezzotint.train.autoencoder import AutoencoderConfig, open_autoencoder, train_autoencoder
from mezzotint.train.denoiser import DenoiserConfig, Frozen, Stage, train_denoiser
from mezzotint.train.latents import LatentCache, Latents
from mezzotint.train.release import Runs, assemble, release
from mezzotint.train.text import TextConfig, open_text, prepare_vocabulary, train_text
from mezzotint.values.errors import BadValue


def small_runs(folder: Path) -> Runs:
    """Three runs of two steps."""
    runs = Runs(folder / "ae", folder / "text", folder / "unet")
    autoencoder = AutoencoderConfig(AutoencoderGeometry((8, 16), 1, 4, norm_groups=4), batch=2, lpips=0.0)
    train_autoencoder(autoencoder, short(runs.autoencoder, 2), squares, None)
    size = prepare_vocabulary(runs.text, (squares(i)[1] for i in range(50)), 540)
    train_text(
        TextConfig(ClipGeometry(size, 8, 16, 1, 2, 32, "quick_gelu"), 4, image_width=8),
        short(runs.text, 2),
        worded,
    )
    text, tokenizer = open_text(runs.text)
    opened = open_autoencoder(runs.autoencoder)
    cache = Latents(LatentCache(runs.denoiser / "latents", squares, opened, tokenizer, 4), 1, 1, 1)
    geometry = UNetGeometry(4, 4, (8, 16), 1, (True, True), (2, 2), 16, norm_groups=4)

    config = DenoiserConfig(geometry, 1.0, (Stage(16, 1),), 4)
    train_denoiser(config, short(runs.denoiser, 2), Frozen(text, tokenizer, opened, {16: cache}))
    return runs


def test_a_released_model_opens_as_the_same_networks(tmp_path: Path) -> None:
    runs = small_runs(tmp_path)
    model = release(runs, tmp_path / "mini", "toy", "float32")
    again = open_mini(family(tmp_path / "mini"), None, tmp_path / "mini")
    assert again.digest == model.digest
    assert again.family.title == "toy"
    assert again.prediction.name == "velocity"
    x, tokens = torch.randn(1, 4, 8, 8), torch.randn(1, 8, 16)
    made = [m.unet(x, torch.tensor([5.0]), Conditioning(tokens)).sample for m in (model, again)]
    assert torch.equal(made[0], made[1])
    assert again.text.tokenizer.padded("a red square") == model.text.tokenizer.padded("a red square")


def test_parts_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    runs = small_runs(tmp_path)
    other = tmp_path / "other"
    config = AutoencoderConfig(AutoencoderGeometry((8, 16), 1, 6, norm_groups=4), batch=2, lpips=0.0)
    train_autoencoder(config, short(other, 1), squares, None)
    with pytest.raises(BadValue):
        assemble(Runs(other, runs.text, runs.denoiser), "toy")
