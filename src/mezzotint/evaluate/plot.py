"""A plot: the pictures of a grid over any options of a recipe, drawn once and kept in a folder.

Takes the options that all cells share and the axes; gives the recipe of every cell and, with an engine, its picture.
Each picture is saved with its recipe when it is drawn, so a stopped plot goes on where it was. Lays nothing out.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from mezzotint import __version__
from mezzotint.engine.engine import Engine
from mezzotint.values import metadata
from mezzotint.values.axes import Axis, Cell, cells, options_of
from mezzotint.values.errors import BadPicture, BadValue
from mezzotint.values.events import Drawn, Event
from mezzotint.values.options import flatten
from mezzotint.values.recipe import Recipe

Compose = Callable[[Mapping[str, object]], Recipe]
"""Makes the recipe of flat options."""


@dataclass(frozen=True)
class Plot:
    """The recipes of all cells, the first axis fastest, and the folder of their pictures."""

    axes: tuple[Axis, ...]
    recipes: Mapping[Cell, Recipe]
    folder: Path

    def file(self, recipe: Recipe) -> Path:
        """Where the picture of a recipe lies: under a name made from what the recipe says."""
        return self.folder / f"{recipe.digest()[:16]}.png"

    def missing(self, recipes: Iterable[Recipe]) -> list[Recipe]:
        """Those of `recipes`, each once, whose pictures this version of the program has not yet drawn."""
        return [recipe for recipe in dict.fromkeys(recipes) if not self._kept(recipe)]

    def _kept(self, recipe: Recipe) -> bool:
        try:
            found = metadata.read(self.file(recipe))
        except BadPicture:
            return False
        return (
            found.recipe == recipe and found.facts is not None and found.facts.program_version == __version__
        )

    def draw(self, engine: Engine, recipes: Sequence[Recipe]) -> Iterator[Event]:
        """Draws `recipes`; each picture is saved before its `Drawn` comes. Raises MezzotintError."""
        for event in engine.run_batch(recipes):
            if isinstance(event, Drawn):
                event.picture.save(self.file(event.picture.recipe))
            yield event

    def picture(self, recipe: Recipe) -> Image.Image:
        """The picture of a recipe that was drawn."""
        with Image.open(self.file(recipe)) as image:
            return metadata.on_white(image)


def make_plot(flat: Mapping[str, object], axes: Sequence[Axis], compose: Compose, folder: Path) -> Plot:
    """The plot over `axes` of recipes that otherwise have the options `flat`. Raises what composing raises."""
    recipes = {cell: compose(options_of(flat, axes, cell)) for cell in cells(axes)}
    return Plot(tuple(axes), recipes, folder)


def references(plot: Plot, steps: int) -> dict[Cell, Recipe]:
    """For every cell the recipe with `steps` steps that it converges to. Raises BadValue without an axis of steps."""
    if "steps" not in [axis.name for axis in plot.axes]:
        raise BadValue("converge", "needs an axis of steps", "add one, as --x steps=5,10,20,40")
    return {
        cell: recipe.model_copy(update={"passes": (recipe.passes[0].model_copy(update={"steps": steps}),)})
        for cell, recipe in plot.recipes.items()
    }


def shared_settings(plot: Plot) -> str:
    """What all cells have in common of what people ask first: model, size, sampler, steps, guidance, seed."""
    first = next(iter(plot.recipes.values()))
    use, names = first.passes[0], {axis.name for axis in plot.axes}
    scale = flatten(first)["guidance"]
    guidance = "no guidance" if scale is None else f"guidance {scale:g}"
    parts = {
        "model": Axis("model", (use.model.base,)).label(0),
        "width": f"{first.width}x{first.height}",
        "sampler": use.sampler,
        "spacing": use.spacing,
        "steps": f"{use.steps} steps",
        "guidance": guidance,
        "seed": f"seed {first.seed}",
    }
    return ", ".join(text for name, text in parts.items() if name not in names)
