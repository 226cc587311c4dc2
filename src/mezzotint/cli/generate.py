"""`mezzotint PROMPT`: draws the pictures of one prompt and saves them with their recipes.

Takes checked flags (`cli.drawing`). Writes each picture as soon as it is drawn, with a line for each file, and a
grid of all when there are several.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzotint.cli.inputs import spared
from mezzotint.cli.output import Output
from mezzotint.cli.progress import counted, showing
from mezzotint.engine.composing.compose import Lists, compose_flat, compose_series
from mezzotint.engine.composing.originals import pictures_of
from mezzotint.engine.engine import Engine
from mezzotint.engine.telling.grid import grid
from mezzotint.engine.walk import walks_nothing
from mezzotint.values.events import Drawn
from mezzotint.values.files import write_atomically
from mezzotint.values.photo import notes_of
from mezzotint.values.picture import Picture, format_of
from mezzotint.values.recipe import Recipe


def run(given: Mapping[str, Any]) -> int:
    """Draws, saves, prints. Raises MezzotintError."""
    return write(given, compose_series(given["options"], given["count"], lists_of(given)), given["output"])


def write(given: Mapping[str, Any], recipes: Sequence[Recipe], output: Output) -> int:
    """Draws `recipes` into the files of `output`, as the flags `device`, `threads` and `quiet` say.

    Gives the exit code. Raises MezzotintError.
    """
    count, quiet = len(recipes), given["quiet"]
    spared(output.files, pictures_of(recipes[0]))
    engine = Engine(given["device"], given["threads"])
    say = _silent if quiet else print
    pictures: dict[int, Picture] = {}
    with showing(count, quiet) as show:
        for event in engine.run_batch(recipes):
            show(event)
            if isinstance(event, Drawn):
                event.picture.save(output.pictures[event.index])
                pictures[event.index] = event.picture
                say(drawn_line(output.pictures[event.index], event.picture))
    if output.grid is not None:
        _save_grid([pictures[i] for i in range(count)], output.grid)
        say(f"{output.grid}  all {count} in one picture")
    if output.moved:
        say("that name was taken, so a number was added (--overwrite replaces the file)")
    unread = engine.unread(recipes[0])
    if unread:
        say(f"the prompt is longer than this model reads: its last {unread} tokens had no effect")
    return 0


def recipe_of(given: Mapping[str, Any], options: Mapping[str, object]) -> Recipe:
    """The recipe of flat `options` with what the other flags add. Raises MezzotintError."""
    return compose_flat(options, lists_of(given))


def lists_of(given: Mapping[str, Any]) -> Lists:
    """The flags that may be repeated."""
    parts = [*filter(None, (given["vae"],)), *(given["text_encoder"] or ())]
    names = ("guide", "lora", "embedding", "style", "control", "image_prompt", "then", "region", "mix")
    return Lists(**{name: given[name] or () for name in names}, parts=parts)


def drawn_line(path: Path, picture: Picture) -> str:
    """What is said of a picture that was drawn."""
    recipe, size = picture.recipe, f"{picture.image.width}x{picture.image.height}"
    walked = [use.steps if use.draws and not walks_nothing(use) else 0 for use in recipe.passes]
    notes = f"{picture.facts.seconds:.1f} s{_short(recipe)}{_left_out(recipe)}"
    if not any(walked):
        return f"{path}  {size}, not drawn over, {notes}"
    steps = "+".join(map(str, walked))
    return f"{path}  {_seed(recipe)}, {size}, {counted(steps, 'step')}, {notes}"


def _short(recipe: Recipe) -> str:
    """What is said of a pass that was to change something and had too few steps for that."""
    for use in recipe.passes:
        if use.draws and walks_nothing(use) and use.source is not None and use.source.strength > 0:
            share, least = use.source.strength, math.ceil(1 / use.source.strength)
            return f"; strength {share:g} of {counted(use.steps, 'step')} is not one: use {least} or more"
    return ""


def _left_out(recipe: Recipe) -> str:
    """What is said of the pictures that it starts from, where not all of one was used."""
    told = [(path, note) for path in sorted(pictures_of(recipe)) for note in notes_of(path)]
    return "".join(f"; {path.name}: {note}" for path, note in told)


def _seed(recipe: Recipe) -> str:
    varied = recipe.noise.variation_strength
    return f"seed {recipe.seed}" + (f" varied by {recipe.noise.variation_seed}" if varied else "")


def _save_grid(pictures: Sequence[Picture], path: Path) -> None:
    recipe = pictures[0].recipe
    page = grid([(p.image, _seed(p.recipe)) for p in pictures], recipe.prompt.text)
    write_atomically(path, lambda file: page.save(file, format_of(path)))


def _silent(line: str) -> None:
    return None
