"""What a training run tells while it works: a progress bar, loss.csv and a loss curve.

Takes step numbers and named figures; writes to the terminal and into the run folder. Knows no network. Without a
terminal it prints one plain line at a time, so that a log file stays readable.
"""

import csv
import math
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

CSV = "loss.csv"
SMOOTHED_OVER = 40


class Report:
    """The record of one run folder. Figures are averaged between two `row` calls."""

    def __init__(
        self, out: Path, title: str, figures: tuple[str, ...], start: int, console: Console | None = None
    ) -> None:
        self.out, self.title, self.figures = out, title, figures
        self.console = console or Console(highlight=False)
        self._sums: dict[str, list[float]] = {name: [] for name in figures}
        self._mark = (time.monotonic(), start)
        columns = ("{task.description}", "{task.percentage:>3.0f} %", "{task.fields[line]}")
        bar = (TextColumn(columns[0]), BarColumn(24), TextColumn(columns[1]), TextColumn(columns[2]))
        self._bar = Progress(*bar, console=self.console, transient=False)
        self._task = self._bar.add_task(title, total=1.0, line="")
        self._start_file(start)

    def _start_file(self, start: int) -> None:
        """Keep the rows up to `start` (a resumed run repeats the later ones) under the present header."""
        path = self.out / CSV
        kept: list[dict[str, str]] = []
        if start and path.is_file():
            with path.open(newline="") as file:
                kept = [row for row in csv.DictReader(file) if int(row["step"]) <= start]
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, self._header(), extrasaction="ignore", restval="")
            writer.writeheader()
            writer.writerows(kept)

    def _header(self) -> list[str]:
        return ["step", "seconds", "rate", *self.figures]

    def __enter__(self) -> "Report":
        if self.console.is_terminal:
            self._bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self.console.is_terminal:
            self._bar.stop()

    def add(self, figures: Mapping[str, float]) -> None:
        """Take the figures of one step."""
        for name, value in figures.items():
            self._sums[name].append(value)

    def row(self, step: int, seconds: float, rate: float, done: float, then: str) -> None:
        """Write one row of loss.csv and show it; `done` is the part of the run in 0..1, `then` what comes next."""
        means = {name: sum(values) / len(values) for name, values in self._sums.items() if values}
        self._sums = {name: [] for name in self.figures}
        with (self.out / CSV).open("a", newline="") as file:
            row = {"step": step, "seconds": f"{seconds:.1f}", "rate": f"{rate:.3e}"}
            row |= {name: f"{value:.6g}" for name, value in means.items()}
            csv.DictWriter(file, self._header(), restval="").writerow(row)
        now, (before, last) = time.monotonic(), self._mark
        pace = (now - before) / max(1, step - last)
        self._mark = (now, step)
        left = seconds / done * (1 - done) if done > 0 else math.nan
        shown = " ".join(f"{name} {value:.4g}" for name, value in means.items())
        line = f"step {step}  {pace:.3g} s/step  {shown}  left {_clock(left)}  next: {then}"
        self._bar.update(self._task, completed=done, line=line)
        if not self.console.is_terminal:
            self.console.print(f"{self.title} {100 * done:.1f} % {line}", soft_wrap=True)

    def say(self, text: str) -> None:
        """Print one line above the bar."""
        self.console.print(f"{self.title}: {text}", soft_wrap=True)


def _clock(seconds: float) -> str:
    if math.isnan(seconds):
        return "?"
    minutes, rest = divmod(int(seconds), 60)
    return f"{minutes // 60}:{minutes % 60:02d}:{rest:02d}"


def draw_curve(out: Path) -> None:
    """Draw loss.csv of the run folder `out` as loss.png, one panel for each figure."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - optional

    with (out / CSV).open(newline="") as file:
        rows = list(csv.DictReader(file))
    names = [name for name in (rows[0] if rows else {}) if name not in ("step", "seconds")]
    figure: Any = Figure(figsize=(4 * max(1, len(names)), 3), layout="constrained")
    for index, name in enumerate(names):
        points = [(int(row["step"]), float(row[name])) for row in rows if row[name]]
        axes: Any = figure.add_subplot(1, len(names), index + 1)
        axes.set_title(name)
        if points:
            steps, values = zip(*points, strict=True)
            axes.plot(steps, values, alpha=0.3)
            axes.plot(steps, _smooth(list(values)))
            if all(value > 0 for value in values):
                axes.set_yscale("log")
    figure.savefig(out / "loss.png", dpi=80)


def _smooth(values: list[float]) -> list[float]:
    keep, mean, smooth = 1 - 1 / SMOOTHED_OVER, values[0], list[float]()
    for value in values:
        mean = keep * mean + (1 - keep) * value
        smooth.append(mean)
    return smooth
