"""The conventions by which programs turn a seed into noise, by name.

Takes the seed of an image and a `NoiseUse`, gives the `Origin` of its noise. A convention is the stream of numbers
that a picture starts from and, where it is another one, that of its steps. Knows no model and no sampler.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from torch import Tensor

from mezzotint.diffusion.blending import pasted, slerp
from mezzotint.diffusion.noise import Draw, Origin, Stream, torch_stream
from mezzotint.diffusion.philox import Grid, philox_stream
from mezzotint.values.noise import SEEDS, NoiseUse, numbers_of

Shape = tuple[int, int, int]
MakeStream = Callable[[int, Grid | None], Stream]
"""`(seed, size of the GPU or None) -> a fresh stream`."""


@dataclass(frozen=True)
class Convention:
    """The stream of the initial noise, and that of the steps; None where the initial one goes on."""

    initial: MakeStream
    steps: MakeStream | None = None


def _torch(seed: int, grid: Grid | None) -> Stream:
    return torch_stream(seed)


def _on_device(seed_on_cpu: Callable[[int], int], seed_on_gpu: Callable[[int], int]) -> MakeStream:
    """Noise that is drawn where the latent lies: on the GPU when one is named, else on the CPU."""

    def make(seed: int, grid: Grid | None) -> Stream:
        if grid is None:
            return torch_stream(seed_on_cpu(seed) % SEEDS)
        return philox_stream(seed_on_gpu(seed), grid)

    return make


def _same(seed: int) -> int:
    return seed


def _next(seed: int) -> int:
    return seed + 1


def _flipped(seed: int) -> int:
    return seed ^ 0xFFFFFFFF


CONVENTIONS: Mapping[str, Convention] = MappingProxyType(
    {
        "cpu": Convention(_torch),
        "nv": Convention(philox_stream),
        "comfy": Convention(_torch, _on_device(_next, _same)),
        "comfy-0.3": Convention(_torch, _on_device(_same, _same)),
        "invoke": Convention(_torch, _on_device(_flipped, _flipped)),
    }
)
"""cpu: diffusers, and A1111 with `RNG: CPU`. nv: A1111 with `RNG: NV` or, with the GPU named, `RNG: GPU`; diffusers
with CUDA generators. comfy: ComfyUI; steps on a CPU use the next seed, but up to 0.3 the same. invoke: InvokeAI."""


def origin(seed: int, use: NoiseUse, shape: Shape, factor: int) -> Origin:
    """The noise of the image with `seed` and latents of `shape` C H W, each `factor` pixels wide."""
    way = CONVENTIONS[use.kind]
    grid = Grid(*numbers_of(use.gpu)) if use.gpu else None
    before = _resized(shape, use, factor)

    def begin() -> tuple[Tensor, Draw]:
        stream = way.initial(seed, grid)
        noise = _place(stream if before == shape else way.initial(seed, grid), before, use)
        if use.variation_strength:
            other = _place(way.initial(use.variation_seed, grid), before, use)
            noise = slerp(noise, other, use.variation_strength)
        if before != shape:
            noise = pasted(noise, _place(stream, shape, use))
        goes_on = way.steps is None and not use.ensd
        steps = stream if goes_on else (way.steps or way.initial)((seed + use.ensd) % SEEDS, grid)
        return noise, lambda: steps((use.batch, *shape))[use.index % use.batch]

    return begin


def _resized(shape: Shape, use: NoiseUse, factor: int) -> Shape:
    """The shape that noise had at the size that a seed resize names."""
    if use.resize_from is None:
        return shape
    width, height = numbers_of(use.resize_from)
    return (shape[0], max(1, height // factor), max(1, width // factor))


def _place(stream: Stream, shape: Shape, use: NoiseUse) -> Tensor:
    """The image's part of the first draw for its batch. A place beyond the batch is that of a larger one, of which
    only this image is drawn: those before it are drawn one by one and left out (ComfyUI's LatentFromBatch)."""
    for _ in range(use.index // use.batch):
        stream((use.batch, *shape))
    return stream((use.batch, *shape))[use.index % use.batch]
