"""Stable Diffusion 1.5 at its published size: adapters of every kind come and go, and not one bit of them stays."""

import random
import resource
import time
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path

import pytest
import torch
from torch import Tensor

from adapters.loras import published
from families.published import tensors
from mezzotint.adapters.model import ModelAdapters, original_of, weights
from mezzotint.families.registry import find, open_model
from mezzotint.families.toy import random_weight
from mezzotint.values.recipe import ModelUse
from mezzotint.weights.digest import digest
from mezzotint.weights.files import save_tensors

UP = ".lora_up.weight"
OPERATIONS = 20


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file with the names, shapes and precision of the published one, and weights from their names."""
    path = tmp_path_factory.mktemp("full") / "sd15.safetensors"
    made = {name: filled(name, like) for name, like in tensors("ldm_sd15").items()}
    save_tensors(made, path)
    yield path
    path.unlink()


def filled(name: str, like: Tensor) -> Tensor:
    if not like.dtype.is_floating_point:
        return torch.arange(like.numel()).reshape(like.shape).to(like.dtype)
    return random_weight(name, tuple(like.shape)).half()


def low_rank() -> dict[str, Tensor]:
    """Every layer of the published kind: 192 of the UNet and 72 of the text encoder."""
    return {name: torch.randn(t.shape).half() / 8 for name, t in published("lora_kohya-sd15").items()}


def others(sizes: Mapping[str, tuple[int, int]]) -> dict[str, Tensor]:
    """Eight layers of every other kind, each kind at layers of its own."""
    layers, made = iter(sizes), dict[str, Tensor]()
    for layer in islice(layers, 8):
        out, into = sizes[layer]
        made |= {f"{layer}{UP}": torch.randn(out, 4), f"{layer}.lora_down.weight": torch.randn(4, into)}
        made |= {f"{layer}.dora_scale": torch.rand(out, 1)}
    for layer in islice(layers, 8):
        for n in (1, 2):
            made |= {f"{layer}.hada_w{n}_a": torch.randn(sizes[layer][0], 4)}
            made |= {f"{layer}.hada_w{n}_b": torch.randn(4, sizes[layer][1])}
    for layer in islice(layers, 8):
        out, into = sizes[layer]
        made |= {f"{layer}.lokr_w1": torch.randn(8, 8), f"{layer}.lokr_w2": torch.randn(out // 8, into // 8)}
    for layer in islice(layers, 8):
        out = sizes[layer][0]
        made |= {f"{layer}.oft_blocks": torch.randn(8, out // 8, out // 8), f"{layer}.alpha": torch.ones(1)}
    for layer in islice(layers, 8):
        made |= {f"{layer}.oft_diag": torch.randn(8, sizes[layer][0] // 8, sizes[layer][0] // 8)}
    for layer in islice(layers, 8):
        made |= {f"{layer}.weight": torch.randn(sizes[layer][1]), f"{layer}.on_input": torch.tensor(1)}
    return made


def matrices() -> dict[str, tuple[int, int]]:
    """Outputs and inputs of every linear layer that the published kind changes."""
    listed = {
        name.removesuffix(UP): t.shape
        for name, t in published("lora_kohya-sd15").items()
        if name.endswith(UP)
    }
    downs = published("lora_kohya-sd15")
    return {
        layer: (shape[0], downs[f"{layer}.lora_down.weight"].shape[1])
        for layer, shape in listed.items()
        if len(shape) == 2
    }


@pytest.mark.slow
def test_nothing_stays_behind_in_the_whole_model(checkpoint: Path, tmp_path: Path) -> None:
    torch.manual_seed(3)
    files = [tmp_path / f"{name}.safetensors" for name in ("low", "half", "others")]
    low, every = low_rank(), matrices()
    save_tensors(low, files[0])
    save_tensors({name: t for name, t in low.items() if name.startswith("lora_te_")}, files[1])
    save_tensors(others(every), files[2])

    located = find(ModelUse(base=str(checkpoint)))
    model = open_model(located)
    live, adapters = weights(model), ModelAdapters(model, original_of(located))
    first, choice = digest(live), random.Random(11)
    stack: list[tuple[Path, float]] = []
    empty, began = 0, time.monotonic()
    for n in range(OPERATIONS):
        if n % 5 == 4:
            stack = []
        elif not stack or choice.random() < 0.4:
            stack = [*stack, (choice.choice(files), choice.uniform(-2, 2))]
        elif choice.random() < 0.5:
            place = choice.randrange(len(stack))
            stack = [*stack[:place], (stack[place][0], choice.uniform(-100, 100)), *stack[place + 1 :]]
        elif choice.random() < 0.5:
            stack = stack[::-1]
        else:
            stack = stack[1:]
        adapters.use(stack)
        if not stack:
            empty += 1
            assert digest(live) == first
        elif n == 0:
            assert digest(live) != first
    adapters.use([])
    assert empty >= 4 and digest(live) == first
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    values = sum(tensor.numel() for tensor in live.values())
    print(f"{values:,} values, {time.monotonic() - began:.0f} s, at most {peak:.1f} GiB")
