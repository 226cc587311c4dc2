"""What one may say of a picture beside its prompt, by name: the keywords of `compose` and `generate`.

Names and types only; a test holds the names equal to the options of a recipe. None: the family or chance decides.
"""

from collections.abc import Sequence
from os import PathLike
from typing import TypedDict


class Wishes(TypedDict, total=False):
    """The flat options of `values.options`, then the lists of `engine.compose.Lists`."""

    negative: str | None
    clip_skip: int | None
    dialect: str | None
    emphasis: str | None
    pad: str | None
    model: str | None
    prediction: str | None
    zero_snr: str | None
    image: str | PathLike[str] | None
    strength: float | None
    start: str | None
    fit: str | None
    extend: Sequence[int] | None
    depth: str | PathLike[str] | None
    noise_level: int | None
    upscaler: str | None
    redraw: str | None
    mask: str | PathLike[str] | None
    mask_invert: str | None
    mask_grow: int | None
    mask_blur: float | None
    mask_soft: str | None
    mask_fill: str | None
    mask_area: str | None
    mask_padding: int | None
    mask_paste: str | None
    sampler: str | None
    eta: float | None
    s_noise: float | None
    s_churn: float | None
    s_tmin: float | None
    s_tmax: float | None
    order: int | None
    restarts: int | None
    spacing: str | None
    rho: float | None
    shift: float | None
    sigmas: Sequence[float] | None
    steps: int | None
    guidance: float | None
    tile: int | None
    tile_overlap: int | None
    tile_window: str | None
    seamless: str | None
    decode_tile: int | None
    seed: int | None
    width: int | None
    height: int | None
    numerics: str | None
    precision: str | None
    noise: str | None
    noise_gpu: str | None
    noise_index: int | None
    noise_batch: int | None
    ensd: int | None
    variation_seed: int | None
    variation_strength: float | None
    seed_resize: str | None
    guide: Sequence[str] | None
    lora: Sequence[str] | None
    embedding: Sequence[str] | None
    parts: Sequence[str] | None
    style: Sequence[str] | None
    control: Sequence[str] | None
    image_prompt: Sequence[str] | None
    then: Sequence[str] | None
    region: Sequence[str] | None
    mix: Sequence[str] | None
