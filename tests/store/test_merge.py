"""Merged models: closed forms of the mean and of the added difference, blocks, and what does not fit."""

from pathlib import Path

import pytest
import torch

from cli.commands import error_of, here
from families.reduced import saved, single
from mezzotint.store.merge import Mix, mixed, shares_of, sign_of
from mezzotint.store.named import Named, named
from mezzotint.values.errors import BadModelFile, BadValue, UnknownName


def other(name: str, folder: Path, change: float) -> Path:
    """A second model of the same kind: every value moved by `change` and turned around."""
    folder.mkdir(exist_ok=True)
    return saved(name, folder, **{n: change - t for n, t in single(name).items() if t.is_floating_point()})


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Named, Named, Named]:
    folder = tmp_path_factory.mktemp("models")
    paths = (saved("sd1", folder), other("sd1", folder / "b", 0.5), other("sd1", folder / "c", -0.25))
    return named(paths[0]), named(paths[1]), named(paths[2])


@pytest.mark.parametrize("share", [-2, -0.3, 0.25, 0.5, 1.7])
def test_a_mean_is_the_weighted_sum(models: tuple[Named, Named, Named], share: float) -> None:
    a, b, _ = models
    for name, tensor in list(mixed(a, b, Mix(share)).items())[::97]:
        wanted = (1 - share) * a.tensors[name].double() + share * b.tensors[name].double()
        torch.testing.assert_close(tensor.double(), wanted, rtol=0, atol=1e-5)


def test_the_ends_of_a_mean_are_the_models_themselves(models: tuple[Named, Named, Named]) -> None:
    a, b, _ = models
    assert all(torch.equal(t, a.tensors[n]) for n, t in mixed(a, b, Mix(0)).items())
    assert all(torch.equal(t, b.tensors[n]) for n, t in mixed(a, b, Mix(1)).items())


def test_an_added_difference(models: tuple[Named, Named, Named]) -> None:
    a, b, c = models
    for name, tensor in mixed(a, b, Mix(0.7), base=c).items():
        wanted = a.tensors[name].double() + 0.7 * (b.tensors[name].double() - c.tensors[name].double())
        torch.testing.assert_close(tensor.double(), wanted, rtol=0, atol=1e-5)


def test_each_block_has_its_share(models: tuple[Named, Named, Named]) -> None:
    shares = shares_of(
        models[0], Mix(0.5, {"IN01": 0.1, "BASE": 0.2, "text": 0.3, "text.blocks.1": 0.4, "M00": 0})
    )
    assert shares["unet.down.0.resnets.0.conv1.weight"] == 0.1
    assert shares["unet.mid.resnets.0.conv1.weight"] == 0
    assert shares["unet.up.0.resnets.0.conv1.weight"] == 0.5
    assert shares["unet.time_in.weight"] == shares["autoencoder.encoder.conv_in.weight"] == 0.2
    assert shares["text.blocks.0.fc1.weight"] == 0.3 and shares["text.blocks.1.fc1.weight"] == 0.4


@pytest.mark.parametrize(
    ("theirs", "sign"),
    [
        ("model.diffusion_model.input_blocks.4.1.norm.weight", "IN04"),
        ("model.diffusion_model.middle_block.1.norm.weight", "M00"),
        ("model.diffusion_model.output_blocks.11.0.x", "OUT11"),
        ("model.diffusion_model.out.0.weight", "BASE"),
        ("first_stage_model.x", "BASE"),
    ],
)
def test_blocks_have_the_names_of_the_field(theirs: str, sign: str) -> None:
    assert sign_of(theirs) == sign


def test_an_inpainting_model_keeps_its_own_channels(
    tmp_path: Path, models: tuple[Named, Named, Named]
) -> None:
    inpainting = named(saved("sd1-inpainting", tmp_path))
    made = mixed(inpainting, models[1], Mix(1.0), base=models[2])
    before, after = (source["unet.conv_in.weight"] for source in (inpainting.tensors, made))
    difference = models[1].tensors["unet.conv_in.weight"] - models[2].tensors["unet.conv_in.weight"]
    torch.testing.assert_close(after[:, :4], before[:, :4] + difference)
    assert torch.equal(after[:, 4:], before[:, 4:]) and after.shape[1] == 9
    with pytest.raises(BadModelFile, match=r"does not fit sd1\.safetensors: 1 weights differ"):
        mixed(models[0], inpainting, Mix(0.5))


def test_what_cannot_be_mixed_is_refused(models: tuple[Named, Named, Named]) -> None:
    with pytest.raises(UnknownName, match="unknown block 'IN99'"):
        mixed(models[0], models[1], Mix(0.5, {"IN99": 0.1}))
    for share in (float("nan"), float("inf"), 11.0):
        with pytest.raises(BadValue, match=r"share: .* is out of range"):
            mixed(models[0], models[1], Mix(share))


def test_the_command_merges(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    a, b = saved("sd1", tmp_path), other("sd1", tmp_path / "b", 0.5)
    words = ["merge", str(a), str(b), "-o", str(tmp_path / "m.safetensors"), "--share", "0.25"]
    done = here(capsys, *words, "--block", "M00=1", "text=0", "--storage", "float16")
    assert done.code == 0 and done.out.endswith("sd1.safetensors with 0.25 of sd1.safetensors\n")
    made, second = named(tmp_path / "m.safetensors").tensors, named(b).tensors
    name = "unet.mid.resnets.0.conv1.weight"
    assert torch.equal(made[name], second[name].half())
    plus = here(capsys, *words[:3], "-o", str(tmp_path / "p.safetensors"), "--share", "1", "--minus", str(a))
    assert plus.out.endswith("with 1 of (sd1.safetensors - sd1.safetensors)\n")
    wrong = here(capsys, *words[:3], "-o", str(tmp_path / "x.safetensors"), "--share", "1", "--block", "M00")
    assert wrong.code == 2 and "'M00' is not NAME=SHARE" in error_of(wrong)
