"""`generate`: one call from a prompt to a Picture, for library users.

Takes a prompt and explicit options, gives a Picture that knows its recipe. The engine behind it is made at the
first call and keeps its model open for the next. Whoever wants the steps uses `Engine.run`.
"""

from functools import cache
from typing import Unpack

from mezzotint.engine.composing.compose import compose
from mezzotint.engine.composing.wishes import Wishes
from mezzotint.engine.engine import Engine
from mezzotint.values.events import Drawn
from mezzotint.values.picture import Picture
from mezzotint.values.recipe import Recipe


def generate(
    prompt: str, *, device: str | None = None, threads: int | None = None, **wishes: Unpack[Wishes]
) -> Picture:
    """The picture of `prompt`; None takes the default of the model's family, and a random seed for `seed`.

    `guide` are what steers besides `guidance`, in the order of their work: `("rescale:0.7", "interval:0.2,0.8")`.
    `lora` are files of LoRA and its kin, each with its strength after a colon: `("pixel.safetensors:0.8",)`.
    `embedding` are files of textual inversions, `FILE` or `NAME=FILE`, whose names stand for them in the prompts.
    `parts` are files of an autoencoder or of text encoders that are used instead of the model's own.
    `dialect` is the language of the prompts (None: A1111's), `style` are names in the styles.csv of the model folders.
    `image` is a picture to start from, `mask` one that is white where it may change; `then` are further passes, each
    as `"scale=2,strength=0.5"`.
    `picture.recipe.seed` is the seed that was used and `picture.save("apple.png")` keeps the recipe in the file.
    Raises MezzotintError subclasses, each of which says what to do.
    """
    return draw(_engine(device, threads), compose(prompt, **wishes))


def draw(engine: Engine, recipe: Recipe) -> Picture:
    """The picture of one recipe, without its steps."""
    (picture,) = [event.picture for event in engine.run(recipe) if isinstance(event, Drawn)]
    return picture


@cache
def _engine(device: str | None, threads: int | None) -> Engine:
    return Engine(device, threads)
