"""`mezzotint plot PROMPT --x OPTION=VALUES`: a grid over any options of a recipe, as a picture and as a page.

Takes checked flags (`cli.plotting`). Keeps the picture of each cell, so the same command goes on after a stop.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mezzotint.cli.generate import recipe_of
from mezzotint.cli.plotting import Target
from mezzotint.cli.progress import showing
from mezzotint.engine.engine import Engine
from mezzotint.evaluate.convergence import chart, curves, table
from mezzotint.evaluate.page import page
from mezzotint.evaluate.plot import Plot, make_plot, references, shared_settings
from mezzotint.evaluate.sheet import sheet
from mezzotint.values.errors import OutputFailed, Stopped
from mezzotint.values.events import Drawn
from mezzotint.values.files import write_atomically
from mezzotint.values.picture import format_of
from mezzotint.values.recipe import Recipe


def run(given: Mapping[str, Any]) -> int:
    """Draws what is missing, then writes the sheet, the page and the chart. Raises MezzotintError."""
    target: Target = given["target"]
    quiet: bool = given["quiet"]
    plot = make_plot(given["options"], given["axes"], lambda flat: recipe_of(given, flat), target.folder)
    converged = references(plot, given["converge"]) if given["converge"] else {}
    wanted = list(dict.fromkeys([*plot.recipes.values(), *converged.values()]))
    _folder(target.folder)
    missing = wanted if given["overwrite"] else plot.missing(wanted)
    if len(missing) < len(wanted) and not quiet:
        print(f"{len(wanted) - len(missing)} of {len(wanted)} pictures are there from before")
    _draw(plot, missing, given)
    title = given["options"]["prompt"]
    made = None
    if converged:
        found = curves(plot, converged)
        made = chart(found, given["converge"], title)
        write_atomically(target.chart, lambda file: made.save(file, format_of(target.chart)))
        if not quiet:
            print(f"distance from {given['converge']} steps (rms, levels of 255)\n{table(found)}")
    image = sheet(plot.axes, lambda cell: plot.picture(plot.recipes[cell]), title, shared_settings(plot))
    write_atomically(target.sheet, lambda file: image.save(file, format_of(target.sheet)))
    text = page(plot, title, made)
    write_atomically(target.page, lambda file: file.write(text.encode()))
    if not quiet:
        files = [target.sheet, target.page, *([target.chart] if converged else [])]
        print(f"{', '.join(map(str, files))}  {len(plot.recipes)} pictures; each one is in {target.folder}")
    return 0


def _folder(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputFailed(folder, error.strerror or str(error)) from None


def _draw(plot: Plot, recipes: Sequence[Recipe], given: Mapping[str, Any]) -> None:
    """Draws and keeps `recipes`, telling each step. Raises Stopped, which says what is kept."""
    if not recipes:
        return
    engine = Engine(given["device"], given["threads"])
    ready = 0
    try:
        with showing(len(recipes), given["quiet"]) as show:
            for event in plot.draw(engine, recipes):
                show(event)
                ready += isinstance(event, Drawn)
    except KeyboardInterrupt:
        hint = "the same command goes on from there"
        raise Stopped(f"stopped, {ready} of {len(recipes)} pictures are kept", hint=hint) from None
