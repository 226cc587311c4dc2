"""`generate`: one call from a prompt to a Picture, for library users.

Takes a prompt and explicit options, gives a Picture that knows its recipe. The engine behind it is made at the
first call and keeps its model open for the next. Whoever wants the steps uses `Engine.run`.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any

from mezzotint.engine.compose import compose
from mezzotint.engine.engine import Engine
from mezzotint.values.events import Drawn
from mezzotint.values.picture import Picture
from mezzotint.values.recipe import Recipe


def generate(
    prompt: str,
    *,
    negative: str | None = None,
    clip_skip: int | None = None,
    dialect: str | None = None,
    emphasis: str | None = None,
    pad: str | None = None,
    model: str | None = None,
    prediction: str | None = None,
    zero_snr: str | None = None,
    sampler: str | None = None,
    eta: float | None = None,
    s_noise: float | None = None,
    s_churn: float | None = None,
    s_tmin: float | None = None,
    s_tmax: float | None = None,
    order: int | None = None,
    restarts: int | None = None,
    spacing: str | None = None,
    rho: float | None = None,
    shift: float | None = None,
    sigmas: Sequence[float] | None = None,
    steps: int | None = None,
    guidance: float | None = None,
    tile: int | None = None,
    tile_overlap: int | None = None,
    tile_window: str | None = None,
    seamless: str | None = None,
    decode_tile: int | None = None,
    seed: int | None = None,
    width: int | None = None,
    height: int | None = None,
    numerics: str | None = None,
    precision: str | None = None,
    noise: str | None = None,
    noise_gpu: str | None = None,
    noise_index: int | None = None,
    noise_batch: int | None = None,
    ensd: int | None = None,
    variation_seed: int | None = None,
    variation_strength: float | None = None,
    seed_resize: str | None = None,
    guide: Sequence[str] | None = None,
    lora: Sequence[str] | None = None,
    embedding: Sequence[str] | None = None,
    parts: Sequence[str] | None = None,
    style: Sequence[str] | None = None,
    device: str | None = None,
    threads: int | None = None,
) -> Picture:
    """The picture of `prompt`; None takes the default of the model's family, and a random seed for `seed`.

    `guide` are what steers besides `guidance`, in the order of their work: `("rescale:0.7", "interval:0.2,0.8")`.
    `lora` are files of LoRA and its kin, each with its strength after a colon: `("pixel.safetensors:0.8",)`.
    `embedding` are files of textual inversions, `FILE` or `NAME=FILE`, whose names stand for them in the prompts.
    `parts` are files of an autoencoder or of text encoders that are used instead of the model's own.
    `dialect` is the language of the prompts (None: A1111's), `style` are names in the styles.csv of the model folders.
    `picture.recipe.seed` is the seed that was used and `picture.save("apple.png")` keeps the recipe in the file.
    Raises MezzotintError subclasses, each of which says what to do.
    """
    # The parameters by name: those of `compose`, which a test holds equal, and the engine's two.
    wishes: dict[str, Any] = {n: v for n, v in locals().items() if n not in ("device", "threads")}
    return draw(_engine(device, threads), compose(**wishes))


def draw(engine: Engine, recipe: Recipe) -> Picture:
    """The picture of one recipe, without its steps."""
    (picture,) = [event.picture for event in engine.run(recipe) if isinstance(event, Drawn)]
    return picture


@cache
def _engine(device: str | None, threads: int | None) -> Engine:
    return Engine(device, threads)
