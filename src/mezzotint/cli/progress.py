"""Shows a run while it lasts: a bar on a terminal, plain lines elsewhere, nothing when quiet.

Takes the Events of an engine. Gives nothing back. Knows no recipe.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn

from mezzotint.values.events import Drawn, Event, Prepared, Stepped

Show = Callable[[Event], None]
"""Takes each event as it comes."""

_QUARTERS = 4
_FEW = 4
"""Up to so many pictures, lines tell of steps; of more, each picture has one line."""
_SMOOTH = 0.9
"""How much of the old time per step stays when a new one comes: the display must not jitter."""


@dataclass
class _Pace:
    """Where a run is: `pictures` in all, `drawn` of them ready, `group` of them being drawn together, in the pass
    `number` of `passes`. `lengths` are the steps of each pass so far as known, `seconds` the time of one of its steps.
    """

    pictures: int
    drawn: int = 0
    group: int = 1
    number: int = 1
    passes: int = 1
    step: int = 0
    lengths: dict[int, int] = field(default_factory=dict[int, int])
    seconds: dict[int, float] = field(default_factory=dict[int, float])

    def on(self, event: Event) -> None:
        if isinstance(event, Prepared):
            self.group, self.step = event.recipe_count, 0
            self.number, self.passes = event.number, event.passes
            self.lengths[event.number] = event.steps
        elif isinstance(event, Stepped):
            self.step = event.step
            old = self.seconds.get(self.number, event.seconds)
            self.seconds[self.number] = _SMOOTH * old + (1 - _SMOOTH) * event.seconds
        else:
            self.drawn += 1
            if self.drawn % self.group == 0:
                self.number, self.step = 1, 0

    @property
    def steps(self) -> int:
        """Steps of the pass that is walked."""
        return self._length(self.number)

    @property
    def total(self) -> int:
        """Steps of the whole run, if all groups are like this one."""
        return self._each * -(-self.pictures // self.group)

    @property
    def done(self) -> int:
        """Steps behind us; a group whose pictures are being decoded has all of its."""
        before = sum(self._length(number) for number in range(1, self.number))
        within = self._each if self.drawn % self.group else before + self.step
        return self._each * (self.drawn // self.group) + within

    @property
    def text(self) -> str:
        """Seconds per step and for the rest of the run."""
        now = self.seconds.get(self.number)
        if now is None:
            return ""
        each = sum(self._length(number) * self._pace(number) for number in range(1, self.passes + 1))
        walked = sum(self._length(number) * self._pace(number) for number in range(1, self.number))
        walked = each if self.drawn % self.group else walked + self.step * now
        groups = -(-self.pictures // self.group) - self.drawn // self.group
        return f"{_seconds(now)}/step, {_clock(max(0.0, each * groups - walked))} left"

    @property
    def place(self) -> str:
        """Which pass it is, where there are several."""
        return f"pass {self.number} of {self.passes}, " if self.passes > 1 else ""

    @property
    def _each(self) -> int:
        """Steps of a group in all passes; one that was not reached yet counts as the last known one."""
        return sum(map(self._length, range(1, self.passes + 1)))

    def _length(self, number: int) -> int:
        known = [self.lengths[n] for n in range(1, number + 1) if n in self.lengths]
        return known[-1] if known else 1

    def _pace(self, number: int) -> float:
        return self.seconds.get(number, self.seconds.get(self.number, 0.0))


@contextmanager
def showing(pictures: int, quiet: bool) -> Generator[Show]:
    """Inside, the function that shows each event of a run of `pictures` pictures."""
    if quiet:
        yield lambda event: None
    elif sys.stderr.isatty():
        with _bar(pictures) as show:
            yield show
    else:
        yield _lines(pictures)


@contextmanager
def _bar(pictures: int) -> Generator[Show]:
    pace = _Pace(pictures)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.fields[steps]}"),
        TextColumn("{task.fields[pace]}", style="dim"),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("opening the model", total=None, steps="", pace="")

        def show(event: Event) -> None:
            pace.on(event)
            number = min(pace.drawn + 1, pictures)
            last = pace.number == pace.passes and pace.step == pace.steps
            ready = last and isinstance(event, Stepped)
            progress.update(
                task,
                total=pace.total,
                completed=pace.done,
                description="decoding"
                if ready
                else "drawing"
                if pictures == 1
                else f"{number} of {pictures}",
                steps=f"{pace.place}{pace.step}/{pace.steps}",
                pace=pace.text,
                refresh=True,
            )

        yield show


def _lines(pictures: int) -> Show:
    pace = _Pace(pictures)

    def show(event: Event) -> None:
        pace.on(event)
        if isinstance(event, Prepared) and pace.drawn == 0:
            first = event.number == 1
            verb = "drawing" if event.steps or event.passes > 1 else "fitting"
            what = f"{verb} {_pictures(pictures)}" if first else f"pass {event.number} of {event.passes}"
            among = f" in the first of {event.passes} passes" if first and event.passes > 1 else ""
            walked = counted(event.steps, "step") if event.steps else "not drawn over"
            _say(f"{what} with {event.model}, {walked}{among}")
        elif isinstance(event, Stepped) and pictures <= _FEW and _quarter(event.step, event.steps):
            of = f"picture {pace.drawn + 1} of {pictures}, " if pictures > 1 else ""
            _say(f"{of}{pace.place}step {event.step}/{event.steps}, {pace.text}")
        elif isinstance(event, Drawn) and pictures > _FEW:
            _say(f"picture {pace.drawn} of {pictures} drawn, {pace.text}")

    return show


def counted(number: int | str, thing: str) -> str:
    """A number, or several joined by `+`, of a thing: `1 step`, `2 steps`, `10+0 steps`."""
    return f"{number} {thing}" if str(number) == "1" else f"{number} {thing}s"


def _pictures(count: int) -> str:
    return "a picture" if count == 1 else counted(count, "picture")


def _quarter(step: int, steps: int) -> bool:
    """Whether this step completes another quarter of all steps."""
    return step * _QUARTERS // steps > (step - 1) * _QUARTERS // steps


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _seconds(value: float) -> str:
    return f"{value:.1f} s" if value >= 1 else f"{1000 * value:.0f} ms"


def _clock(seconds: float) -> str:
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    minutes, rest = divmod(whole, 60)
    return f"{minutes}:{rest:02d} min" if minutes < 60 else f"{minutes // 60}:{minutes % 60:02d} h"
