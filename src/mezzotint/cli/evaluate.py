"""`mezzotint evaluate`: measures a model on held-out material and prints the table for its card."""

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.evaluate.evaluation import Evaluation, Progress, Scores, Settings, open_instruments

_ASSUMED: Mapping[str, Any] = MappingProxyType(
    {
        "data": Path("data/mini"),
        "concepts": 200,
        "styles": ("3d render", "flat", "noto emoji"),
        "judged_by": ("glossy gradient", "blob emoji", "firefox emoji"),
    }
)
"""What the embedded model was trained on, and the styles of the same things that judge it."""


def flags() -> tuple[Flag, ...]:
    """What is measured, where the table goes as JSON, and where the measuring networks are kept."""
    return (
        *flags_of(Settings, "measured", _ASSUMED),
        Flag("output", Path, "file for the table with its settings, as JSON (none)", short="-o"),
        Flag("cache", Path, "folder for fetched packages (packages/ in the data folder)"),
        Flag("quiet", bool, "print nothing but the table and errors", short="-q"),
    )


def run(given: Mapping[str, Any]) -> int:
    """Measures, telling each stage on stderr. Raises MezzotintError."""
    settings = made(Settings, given)
    instruments = open_instruments(given["cache"] or settings.data / "packages")
    with _showing(given["quiet"]) as show:
        for step in Evaluation(settings, instruments).steps():
            if isinstance(step, Progress):
                show(step)
            else:
                _end(step, settings, given["output"])
    return 0


def _end(scores: Scores, settings: Settings, output: Path | None) -> None:
    if output is not None:
        scores.write(output, settings)
    print(scores.markdown())


@contextmanager
def _showing(quiet: bool) -> Generator[Callable[[Progress], None]]:
    """Inside, the function that shows progress: a bar for each stage on a terminal, else a line for each stage."""
    if quiet:
        yield lambda step: None
    elif sys.stderr.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(24),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        with Bar(*columns, console=Console(stderr=True)) as bar:
            tasks = {"": bar.add_task("opening", total=None)}

            def draw(step: Progress) -> None:
                bar.update(tasks[""], visible=False)
                if step.stage not in tasks:
                    tasks[step.stage] = bar.add_task(step.stage, total=step.total)
                bar.update(tasks[step.stage], completed=step.done, total=step.total)

            yield draw
    else:
        seen: set[str] = set()

        def say(step: Progress) -> None:
            if step.stage not in seen:
                seen.add(step.stage)
                print(f"{step.stage}: {step.total} pictures", file=sys.stderr, flush=True)

        yield say
