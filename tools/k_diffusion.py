"""Writes the walks of k-diffusion's samplers that the parity tests compare with.

Takes the folder of an unpacked k_diffusion 0.1.1.post1 (with scipy, torchdiffeq, torchsde, tqdm and trampoline beside
it, from `pip install --target FOLDER --no-deps`) and gives tests/golden/k_diffusion.safetensors. Only the sampling
module is loaded, with an empty module in place of the package's `utils`, which draws in torchvision.
"""

import importlib.util
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file  # pyright: ignore[reportUnknownVariableType]
from torch import Tensor

ROOT = Path(__file__).resolve().parent.parent
SIGMAS = torch.tensor([14.6, 8.0, 4.0, 2.1, 1.2, 0.6, 0.25, 0.1, 0.03, 0.0], dtype=torch.float64)
SHAPE = (2, 3, 4, 5)
WALKS: tuple[tuple[str, str, dict[str, Any]], ...] = (
    ("euler", "sample_euler", {}),
    ("euler churned", "sample_euler", {"s_churn": 3.0, "s_tmin": 0.2, "s_tmax": 9.0, "s_noise": 1.01}),
    ("euler_a", "sample_euler_ancestral", {"eta": 0.7, "s_noise": 1.02}),
    ("heun", "sample_heun", {"s_churn": 3.0, "s_tmin": 0.2, "s_tmax": 9.0, "s_noise": 1.01}),
    ("dpm2", "sample_dpm_2", {"s_churn": 3.0, "s_tmin": 0.2, "s_tmax": 9.0, "s_noise": 1.01}),
    ("dpm2_a", "sample_dpm_2_ancestral", {"eta": 0.7, "s_noise": 1.02}),
    ("lms", "sample_lms", {}),
    ("dpmpp_2s_a", "sample_dpmpp_2s_ancestral", {"eta": 0.7, "s_noise": 1.02}),
    ("dpmpp_sde", "sample_dpmpp_sde", {"eta": 0.7, "s_noise": 1.02}),
    ("dpmpp_2m", "sample_dpmpp_2m", {}),
    ("dpmpp_2m_sde", "sample_dpmpp_2m_sde", {"eta": 0.7, "s_noise": 1.02}),
    ("dpmpp_3m_sde", "sample_dpmpp_3m_sde", {"eta": 0.7, "s_noise": 1.02}),
)


def answer(x: Tensor, sigma: Tensor) -> Tensor:
    """A smooth denoiser that is linear in nothing."""
    time = sigma.reshape(-1, 1, 1, 1).log()
    return torch.tanh(x / (1 + sigma.reshape(-1, 1, 1, 1) ** 2).sqrt() + 0.1 * time) + 0.2 * torch.sin(time)


def draws() -> Callable[..., Tensor]:
    """A source of unit normal noise that goes on as it is asked, whatever it is asked for."""
    stream = torch.Generator().manual_seed(3)

    def draw(*asked: object) -> Tensor:
        return torch.randn(SHAPE, generator=stream, dtype=torch.float64)

    return draw


def start() -> Tensor:
    """Where every walk begins."""
    return 14.6 * torch.randn(SHAPE, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def sampling(folder: Path) -> Any:
    """k-diffusion's sampling module, alone."""
    sys.path.insert(0, str(folder))
    package = types.ModuleType("k_diffusion")
    package.__path__ = [str(folder / "k_diffusion")]
    utils = types.ModuleType("k_diffusion.utils")
    utils.append_dims = lambda x, n: x[(...,) + (None,) * (n - x.ndim)]  # type: ignore[attr-defined]
    package.utils = utils  # type: ignore[attr-defined]
    sys.modules.update({"k_diffusion": package, "k_diffusion.utils": utils})
    spec = importlib.util.spec_from_file_location(
        "k_diffusion.sampling", folder / "k_diffusion" / "sampling.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def walks(module: Any) -> dict[str, Tensor]:
    """The last state of every walk, and those of the two that take ends instead of levels."""
    found: dict[str, Tensor] = {}
    for name, function, extra in WALKS:
        source = draws()
        more = {"noise_sampler": source} if "eta" in extra else {}
        module.torch.randn_like = source
        found[name] = getattr(module, function)(answer, start(), SIGMAS, disable=True, **extra, **more)
    module.torch.randn_like = torch.zeros_like
    for count in (5, 6, 7):
        found[f"dpm_fast {count}"] = module.sample_dpm_fast(answer, start(), 0.03, 14.6, count, disable=True)
    alone = [module.sample_dpm_adaptive(answer, x[None], 0.03, 14.6, disable=True) for x in start()]
    found["dpm_adaptive"] = torch.cat(alone)
    return found


def main(folder: Path) -> None:
    """Writes the file."""
    kept = torch.randn_like
    found = walks(sampling(folder))
    torch.randn_like = kept
    origin = {"origin": "k_diffusion 0.1.1.post1, sampling.py, by tools/k_diffusion.py"}
    save_file(found, ROOT / "tests" / "golden" / "k_diffusion.safetensors", origin)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
