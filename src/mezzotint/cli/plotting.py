"""What `mezzotint plot` takes: the flags of a recipe, axes and files, checked before torch is imported.

Gives the flags and the checked values; every cell's options are checked, so that a wrong value is known before the
first picture is drawn.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from mezzotint.cli import drawing
from mezzotint.cli.flags import Flag
from mezzotint.cli.output import check_kind, slug, writable
from mezzotint.values.axes import Axis, cells, options_of, parse_axis
from mezzotint.values.errors import BadValue, OutputFailed
from mezzotint.values.options import OPTIONS

MOST = 1000
"""The most cells of a plot."""
MOST_STEPS = 1000

_OWN = frozenset({"output", "overwrite", "count"})
_SEED, _VARIATION = 0, 1
"""The seeds that a plot assumes where a single picture takes one by chance: all cells, and a plot that goes on, share
them."""


@dataclass(frozen=True)
class Target:
    """The files of a plot: the sheet, the page and the chart beside each other, and a folder with every picture."""

    sheet: Path

    @property
    def page(self) -> Path:
        """The HTML file."""
        return self.sheet.with_suffix(".html")

    @property
    def chart(self) -> Path:
        """The chart of convergence."""
        return self.sheet.with_name(f"{self.sheet.stem}-convergence{self.sheet.suffix}")

    @property
    def folder(self) -> Path:
        """The folder of pictures."""
        return self.sheet.with_suffix("")


FLAGS: tuple[Flag, ...] = (
    *(flag for flag in drawing.FLAGS if flag.positional),
    *(
        Flag(
            axis,
            str,
            help,
            shown="OPTION=VALUES",
            group="axes",
            note="An axis is any option below with its values: steps=5,10,20, steps=5-50(+5), guidance=1-7[4], "
            "sampler=euler,dpmpp_2m, prompt-sr=cat,dog (puts dog where the prompt says cat).",
        )
        for axis, help in (("x", "columns"), ("y", "rows"), ("z", "one grid for each value"))
    ),
    Flag(
        "converge", int, "also chart how far each cell is from a picture of so many steps", group="axes"
    ),
    Flag("output", Path, "sheet to write (named after the prompt); page and pictures lie beside it", short="-o",
         group="output"),
    Flag("overwrite", bool, "draw every picture again, and replace what has the name", group="output"),
    *(flag for flag in drawing.FLAGS if not flag.positional and flag.name not in _OWN),
)  # fmt: skip


def checked(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """`given` with `options` (those that all cells share), `axes` and `target` (a Target).

    Raises BadValue, UnknownName and OutputFailed before anything heavy is loaded.
    """
    options = {option.name: given[option.name] for option in OPTIONS}
    texts = [text for name in ("prompt", "negative") if (text := options[name])]
    axes = tuple(parse_axis(flag, given[flag], texts) for flag in ("x", "y", "z") if given[flag] is not None)
    options |= {name: seed for name, seed in _seeds(options, axes).items() if options[name] is None}
    if not axes:
        raise BadValue("x", "is missing", "name what changes, as --x steps=5,10,20")
    if len({axis.name for axis in axes}) < len(axes):
        raise BadValue("axes", "two of them change the same option", "use another option for one of them")
    converge = given["converge"]
    if converge is not None and not 1 <= converge <= MOST_STEPS:
        raise BadValue("converge", f"{converge} is out of range", f"use 1 to {MOST_STEPS}")
    if converge is not None and "steps" not in [axis.name for axis in axes]:
        raise BadValue("converge", "needs an axis of steps", "add one, as --x steps=5,10,20,40")
    _check_cells(given, options, axes)
    target = _target(given["output"], str(options["prompt"] or ""), given["overwrite"])
    return MappingProxyType({**given, "options": options, "axes": axes, "target": target})


def _seeds(options: Mapping[str, object], axes: tuple[Axis, ...]) -> Mapping[str, object]:
    varied = options["variation_strength"] or any(axis.name == "variation_strength" for axis in axes)
    return {"seed": _SEED, "variation_seed": _VARIATION} if varied else {"seed": _SEED}


def _check_cells(given: Mapping[str, Any], options: Mapping[str, object], axes: tuple[Axis, ...]) -> None:
    count = 1
    for axis in axes:
        count *= len(axis.values)
    if count > MOST:
        raise BadValue("axes", f"make {count} pictures", f"use at most {MOST}")
    for cell in cells(axes):
        drawing.checked_recipe(given, options_of(options, axes, cell))


def _target(output: Path | None, prompt: str, overwrite: bool) -> Target:
    """The files to write. A sheet or page of that name without its folder of pictures is somebody else's file."""
    path = output if output is not None else Path(f"{slug(prompt)}-plot.png")
    target = Target(path / f"{slug(prompt)}-plot.png" if path.is_dir() and not path.suffix else path)
    check_kind(target.sheet)
    writable(target.sheet.parent)
    taken = [file for file in (target.sheet, target.page, target.chart) if file.exists()]
    if taken and not target.folder.is_dir() and not overwrite:
        raise OutputFailed(taken[0], "there is such a file already", "choose another name, or --overwrite")
    return target
