"""The verbs that take a picture, on one or on many.

Takes checked flags (`cli.picturing`). A single picture is drawn as `mezzotint PROMPT` draws. Of many, what an earlier
run of the same command drew is kept, and a picture that cannot be used is told in one line while the others go on.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mezzotint import __version__
from mezzotint.cli.errors import FAILED, show
from mezzotint.cli.generate import drawn_line, lists_of, write
from mezzotint.cli.inputs import Inputs, companion, spared
from mezzotint.cli.picturing import COMPANIONS
from mezzotint.cli.progress import Show, showing
from mezzotint.engine.composing.compose import Lists
from mezzotint.engine.composing.originals import pictures_of
from mezzotint.engine.composing.redrawing import edited, enlarged, filled_in, hinted, varied
from mezzotint.engine.engine import Engine
from mezzotint.values import metadata
from mezzotint.values.errors import BadPicture, BadValue, OutputFailed, Stopped
from mezzotint.values.events import Drawn
from mezzotint.values.picture import Picture
from mezzotint.values.recipe import Recipe

Compose = Callable[[Path, Mapping[str, object], Lists], Recipe]
"""Makes the recipe that starts from a picture."""


def edit(given: Mapping[str, Any]) -> int:
    """Image-to-image. Gives the exit code, as the others do; they raise MezzotintError."""
    return _work(given, edited)


def inpaint(given: Mapping[str, Any]) -> int:
    """A part of pictures drawn anew."""
    return _work(given, filled_in)


def outpaint(given: Mapping[str, Any]) -> int:
    """New space around pictures."""
    return _work(given, edited)


def control(given: Mapping[str, Any]) -> int:
    """New pictures that follow the shapes of these."""
    return _work(given, hinted)


def vary(given: Mapping[str, Any]) -> int:
    """Other pictures like these."""
    return _work(given, varied)


def upscale(given: Mapping[str, Any]) -> int:
    """Larger pictures."""
    return _work(given, lambda picture, flat, lists: enlarged(picture, given["by"], flat, lists))


def _work(given: Mapping[str, Any], compose: Compose) -> int:
    found: Inputs = given["inputs"]
    if not found.several:
        return write(given, _series(given, compose, found.pictures[0], given["options"]), given["output"])
    # Without a seed of its own a run that goes on would draw other pictures than the one that was stopped.
    options = {**given["options"]}
    for name, seed in (("seed", 0), ("variation_seed", 1)):
        chosen_here = name == "seed" or compose is varied or options["variation_strength"]
        if options[name] is None and chosen_here:
            options[name] = seed
    return _Batch(given).run(lambda picture: _series(given, compose, picture, options))


def _series(
    given: Mapping[str, Any], compose: Compose, picture: Path, options: Mapping[str, object]
) -> list[Recipe]:
    """The recipes of one picture."""
    with_it = {
        name: str(companion(Path(str(options[name])), picture, what))
        for name, what in COMPANIONS.items()
        if options[name] is not None
    }
    options = {**options, **with_it}
    first = compose(picture, options, lists_of(given))
    return [first.following(place) for place in range(given["count"])]


@dataclass(frozen=True)
class _Job:
    """One picture to draw: from which one, how, and where to."""

    picture: Path
    recipe: Recipe
    file: Path


class _Batch:
    """The work on several pictures: how many failed so far, and how many are kept from before."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        self._given = given
        self._failed = 0
        self._kept = 0
        self._ready = 0
        self._taken: set[Path] = set()

    def run(self, series: Callable[[Path], list[Recipe]]) -> int:
        """Plans, draws, says how it went; gives the exit code."""
        found: Inputs = self._given["inputs"]
        plan = [self._jobs(*one, series) for one in zip(found.pictures, self._given["jobs"], strict=True)]
        jobs = [job for one in plan for job in one]
        if self._kept:
            self._say(f"{self._kept} of {self._kept + len(jobs)} pictures are there from before")
        if jobs:
            self._draw(jobs)
        if self._failed:
            self._say(f"{self._failed} of {len(found.pictures)} pictures could not be used")
        return FAILED if self._failed else 0

    def _jobs(
        self, picture: Path, files: Sequence[Path], series: Callable[[Path], list[Recipe]]
    ) -> list[_Job]:
        """What is left to draw of one picture."""
        try:
            recipes = series(picture)
            if self._given["overwrite"]:
                spared(files, pictures_of(recipes[0]))
        except (BadPicture, BadValue) as error:
            self._fail(picture, error)
            return []
        jobs: list[_Job] = []
        for recipe, wish in zip(recipes, files, strict=True):
            file = wish if self._given["overwrite"] else _place(wish, recipe, self._taken)
            if file is None:
                self._kept += 1
            else:
                jobs.append(_Job(picture, recipe, file))
                self._taken.add(file)
        return jobs

    def _draw(self, jobs: Sequence[_Job]) -> None:
        for folder in dict.fromkeys(job.file.parent for job in jobs):
            _make(folder)
        engine = Engine(self._given["device"], self._given["threads"])
        try:
            with showing(len(jobs), self._given["quiet"]) as told:
                for job in jobs:
                    self._one(engine, job, told)
        except KeyboardInterrupt:
            hint = "the same command goes on from there"
            raise Stopped(f"stopped, {self._ready} of {len(jobs)} pictures are kept", hint=hint) from None

    def _one(self, engine: Engine, job: _Job, told: Show) -> None:
        try:
            for event in engine.run(job.recipe):
                told(event)
                if isinstance(event, Drawn):
                    self._save(event.picture, job.file)
        except (BadPicture, BadValue) as error:  # its header was sound, its pixels are not
            self._fail(job.picture, error)

    def _save(self, picture: Picture, file: Path) -> None:
        picture.save(file)
        self._ready += 1
        self._say(drawn_line(file, picture))

    def _fail(self, picture: Path, error: BadPicture | BadValue) -> None:
        self._failed += 1
        told = error.message if isinstance(error, BadPicture) else f"{picture}: {error.message}"
        show(told, error.hint)

    def _say(self, line: str) -> None:
        if not self._given["quiet"]:
            print(line)


def _place(wish: Path, recipe: Recipe, taken: Collection[Path]) -> Path | None:
    """The first free name after `wish` that is not `taken`, None where one of them holds what `recipe` draws."""
    number, file = 1, wish
    while file.exists() or file in taken:
        if _holds(file, recipe):
            return None
        number += 1
        file = wish.with_name(f"{wish.stem}-{number}{wish.suffix}")
    return file


def _holds(file: Path, recipe: Recipe) -> bool:
    try:
        found = metadata.read(file)
    except BadPicture:
        return False
    return found.recipe == recipe and found.facts is not None and found.facts.program_version == __version__


def _make(folder: Path) -> None:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputFailed(folder, error.strerror or str(error)) from None
