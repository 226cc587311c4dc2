"""Draws a saved picture again from the recipe inside it and says whether the same picture came out.

Takes a path, gives a `Replay` with one verdict: "bit-equal", or by how many levels the two differ and which facts
of the run (versions, device, threads, model) are not what they were. Writes no file.
"""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from mezzotint.engine.composing.originals import found_again
from mezzotint.engine.engine import Engine
from mezzotint.values import metadata
from mezzotint.values.errors import BadPicture, shorten
from mezzotint.values.events import Drawn, Event
from mezzotint.values.picture import Picture, RunFacts
from mezzotint.values.recipe import Recipe

_COMPARED = (
    ("program_version", "version of mezzotint"),
    ("torch_version", "version of torch"),
    ("device", "device"),
    ("threads", "number of threads"),
    ("kernels", "kernels"),
    ("model_digest", "model"),
)


@dataclass(frozen=True)
class Difference:
    """A fact of the two runs that is not the same: what it was in the file and what it is now."""

    what: str
    then: str
    now: str


@dataclass(frozen=True)
class Replay:
    """The outcome of drawing again. `levels` is the largest difference of a pixel's channel (0 to 255) and `share`
    the part of all pixels that differ; `reasons` are the facts that changed."""

    levels: int
    share: float
    reasons: tuple[Difference, ...]
    picture: Picture

    @property
    def equal(self) -> bool:
        """Whether every pixel came out the same."""
        return self.levels == 0

    @property
    def verdict(self) -> str:
        """One line for people: "bit-equal", or how far off and why."""
        changed = ", ".join(f"{r.what} was {r.then} and is {r.now}" for r in self.reasons)
        if self.equal:
            return "bit-equal" + (f" although the {changed}" if changed else "")
        levels = "level" if self.levels == 1 else "levels"
        differ = "all" if self.share == 1 else f"{100 * self.share:.2g} % of the"
        amount = f"equal to {self.levels} {levels} of 255 ({differ} pixels differ)"
        return amount + (f": the {changed}" if changed else ": every recorded fact is the same")


@dataclass(frozen=True)
class Saved:
    """A picture as it lies in a file, with the recipe that drew it."""

    path: Path
    image: Image.Image
    format: str
    recipe: Recipe
    facts: RunFacts | None


def saved(path: Path) -> Saved:
    """The picture at `path` with its recipe. Raises BadPicture when there is none, or none that can be replayed."""
    found = metadata.read(path)
    if found.recipe is None:
        hint = "use a picture that Mezzotint or a web UI saved, or `mezzotint inspect` to see what it holds"
        raise BadPicture(path, f"holds {found.describe()}, so it cannot be drawn again", hint)
    image, form = _decoded(path)
    return Saved(path, image, form, found.recipe, found.facts)


def _decoded(path: Path) -> tuple[Image.Image, str]:
    """The pixels as RGB or RGBA, and the format they lie in."""
    try:
        with Image.open(path, formats=metadata.FORMATS) as image:
            return image.convert(_mode(image)), image.format or "PNG"
    except Exception as error:  # noqa: BLE001 - Pillow's decoders raise a dozen unrelated types on damaged files
        reason = f"its pixels cannot be read ({shorten(error, 80)})"
        raise BadPicture(path, reason, "use an undamaged copy") from None


def _mode(*images: Image.Image) -> str:
    """In which mode pictures are compared: with transparency where one of them has some."""
    return "RGBA" if any("A" in image.getbands() for image in images) else "RGB"


def engine_for(picture: Saved, device: str | None = None, threads: int | None = None) -> Engine:
    """An engine set like the one that drew `picture`: with its thread count, where none is asked for, because the
    last bits of a sum depend on it."""
    recorded = picture.facts.threads if picture.facts else None
    return Engine(device, threads or recorded)


def replay(picture: Saved, engine: Engine, images: Sequence[Path] = ()) -> Iterator[Event | Replay]:
    """Draws the recipe of `picture` again: the events of the run, then the Replay.

    The pictures that it starts from are where they were, or beside `picture`, or among `images`; what counts is their
    hash. Raises BadPicture, which names a missing one, and what drawing raises.
    """
    for event in engine.run(found_again(picture.recipe, picture.path.parent, images)):
        yield event
        if isinstance(event, Drawn):
            yield compared(picture, event.picture)


def compared(old: Saved, new: Picture) -> Replay:
    """How `new` differs from the picture in the file. A lossy file is compared with `new` saved the same way."""
    stored = _stored_like(new, old.format)
    mode = _mode(old.image, stored)
    a, b = (np.asarray(image.convert(mode)) for image in (old.image, stored))
    reasons = _reasons(old.facts, new.facts) if old.facts else ()
    if a.shape != b.shape:
        return Replay(255, 1.0, (*reasons, _size(old.image, new.image)), new)
    apart = np.abs(a.astype(np.int16) - b.astype(np.int16)).max(axis=2)
    return Replay(int(apart.max()), float((apart > 0).mean()), reasons, new)


def _stored_like(picture: Picture, format: str) -> Image.Image:
    if format == "PNG":
        return picture.image
    buffer = io.BytesIO()
    metadata.write(picture.image, buffer, picture.recipe, picture.facts, format)
    buffer.seek(0)
    with Image.open(buffer) as image:
        return image.convert(_mode(image))


def _reasons(then: RunFacts, now: RunFacts) -> tuple[Difference, ...]:
    rows = ((what, getattr(then, name), getattr(now, name)) for name, what in _COMPARED)
    return tuple(Difference(what, _shown(a), _shown(b)) for what, a, b in rows if a != b)


def _shown(value: object) -> str:
    text = "not recorded" if value is None else str(value)
    return text if len(text) <= 20 else f"{text[:12]}..."


def _size(old: Image.Image, new: Image.Image) -> Difference:
    return Difference("size of the picture", f"{old.width}x{old.height}", f"{new.width}x{new.height}")
