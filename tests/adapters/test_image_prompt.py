"""IP-Adapter files of every form, opened for a UNet and written again."""

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from mezzotint.adapters.image_prompt import FACE, FULL_FACE, PLAIN, PLUS, Form, open_image_prompt, written
from mezzotint.nets.image_prompt import ImagePrompt, MlpProjection, VectorProjection, text_sites
from mezzotint.nets.resampler import Resampler, ResamplerGeometry
from mezzotint.nets.unet import UNetGeometry
from mezzotint.values.errors import BadModelFile, WeightsMismatch
from mezzotint.weights.files import InMemory, open_tensors, save_tensors
from parity.nets_reference import fill

UNET = UNetGeometry(4, 4, (8, 16), 1, (True, False), (2, 2), 6, norm_groups=4)
FORMS: dict[str, tuple[Form, nn.Module, tuple[int, ...]]] = {
    "plain": (PLAIN, VectorProjection(10, 6, 4), (10,)),
    "plus": (PLUS, Resampler(ResamplerGeometry(10, 6, 8, 2, tokens=5, layers=3, ratio=3)), (7, 10)),
    "full face": (FULL_FACE, MlpProjection(10, 10, 6), (7, 10)),
    "face": (FACE, MlpProjection(10, 20, 6, 4), (10,)),
}


def file_of(kind: str) -> dict[str, Tensor]:
    form, projection, _ = FORMS[kind]
    prompt = ImagePrompt(projection, 6, text_sites(UNET))
    fill(prompt)
    return written(prompt, form)


@pytest.mark.parametrize("kind", sorted(FORMS))
def test_there_and_back(kind: str, tmp_path: Path) -> None:
    form, projection, seen = FORMS[kind]
    file = file_of(kind)
    save_tensors(file, tmp_path / "a.safetensors")
    prompt = open_image_prompt(open_tensors(tmp_path / "a.safetensors"), UNET)
    again = written(prompt, form)
    assert again.keys() == file.keys() and all(torch.equal(again[n], file[n]) for n in file)
    with torch.no_grad():
        shown = torch.randn(2, *seen, generator=torch.Generator().manual_seed(1))
        stream = prompt(shown, torch.tensor(1.0))
        assert torch.equal(prompt.projection(shown), projection(shown))
    assert set(stream.keys) == {site.name for site in text_sites(UNET)} == set(stream.values)


def opened(**changed: Tensor | None) -> ImagePrompt:
    file = file_of("plain")
    for name, tensor in changed.items():
        key = name.replace("__", ".")
        if tensor is None:
            del file[key]
        else:
            file[key] = tensor
    return open_image_prompt(InMemory(Path("a"), file), UNET)


def test_what_does_not_fit() -> None:
    with pytest.raises(WeightsMismatch, match=r"1 missing \(ip_adapter\.1\.to_k_ip"):
        opened(ip_adapter__1__to_k_ip__weight=None)
    with pytest.raises(WeightsMismatch, match=r"unexpected \(ip_adapter\.99"):
        opened(ip_adapter__99__to_k_ip__weight=torch.ones(8, 6))
    with pytest.raises(WeightsMismatch, match=r"of wrong shape \(ip_adapter\.3"):
        opened(ip_adapter__3__to_k_ip__weight=torch.ones(16, 6))
    with pytest.raises(BadModelFile, match="width 8, this model's has 6"):
        opened(image_proj__norm__weight=torch.ones(8))
    with pytest.raises(BadModelFile, match="no IP-Adapter"):
        opened(image_proj__proj__weight=None)
    with pytest.raises(BadModelFile, match="no numbers"):
        opened(image_proj__norm__bias=torch.full((6,), torch.inf))


def test_kinds_that_cannot_be_used_are_named() -> None:
    lora = {
        f"ip_adapter.{n}.to_{part}_lora.{half}.weight": torch.ones(2, 2)
        for n in range(4)
        for part in ("q", "k", "v", "out")
        for half in ("up", "down")
    }
    plus = {"image_proj.perceiver_resampler.proj_in.weight": torch.ones(2, 2)}
    with pytest.raises(BadModelFile, match=r"kind FaceID, which holds a LoRA.*plus-face"):
        open_image_prompt(InMemory(Path("a"), file_of("face") | lora), UNET)
    with pytest.raises(BadModelFile, match=r"kind FaceID Plus, which sees a face with two networks"):
        open_image_prompt(InMemory(Path("a"), file_of("face") | lora | plus), UNET)
    with pytest.raises(BadModelFile, match="is a LoRA, not an IP-Adapter; give it with --lora"):
        open_image_prompt(InMemory(Path("a"), {"lora_unet_x.lora_up.weight": torch.ones(2, 2)}), UNET)
    assert open_image_prompt(InMemory(Path("a"), file_of("face")), UNET).names


def test_a_projection_of_no_width() -> None:
    file = file_of("plus") | {"image_proj.proj_in.weight": torch.ones(0, 10)}
    with pytest.raises(WeightsMismatch, match="of wrong shape"):
        open_image_prompt(InMemory(Path("a"), file), UNET)
