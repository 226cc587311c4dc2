"""Which textual inversions a prompt speaks of: those that were given, and those in the model folders.

Takes a prompt and a family. Gives the uses that belong into the recipe, each with its file, so that the picture can be
drawn again without the folders. Opens the few small files whose names are in the prompt.
"""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

from mezzotint.adapters.inversion import open_inversion
from mezzotint.adapters.words import rows_for
from mezzotint.families.family import Family
from mezzotint.families.shelf import VARIABLE, folders, on_shelf, shelved
from mezzotint.text.taught import PREFIX, marked, spoken
from mezzotint.values.errors import Ambiguous, BadValue, MezzotintError, ModelNotFound, shorten
from mezzotint.values.recipe import InversionUse, Prompt

LARGEST = 2**24
"""No inversion has more bytes: 75 vectors for each of three encoders are under 4 MiB."""


def inversions_of(prompt: Prompt, given: Sequence[InversionUse], family: Family) -> tuple[InversionUse, ...]:
    """The `given` inversions, then those that `prompt` names in the model folders: `embedding:NAME`, or NAME alone.

    A file that has only its name in common with a word (a checkpoint, an inversion for another family) leaves it a
    word. Raises BadValue for a given one that neither text names, ModelNotFound for a marked name without a file,
    Ambiguous for a name of several files.
    """
    texts = (prompt.text, prompt.negative)
    for use in given:
        if not _named(use.name, texts):
            raise BadValue(
                "embedding",
                f"'{shorten(use.name)}' is in neither prompt nor negative prompt",
                f"write {shorten(use.name)} where the embedding is meant, or give NAME=FILE",
            )
    known = {use.name.casefold() for use in given}
    wanted = {name.casefold(): name for text in texts for name in marked(text)}
    asked = tuple(_asked(name) for key, name in wanted.items() if key not in known)
    return (*given, *asked, *_met(texts, [use.name for use in (*given, *asked)], family))


def _named(name: str, texts: Sequence[str], others: Sequence[str] = ()) -> bool:
    """Whether a text names it, and not only as a part of one of the `others`."""
    return any(found == name for text in texts for _, found in spoken(text, (*others, name)))


def _asked(name: str) -> InversionUse:
    """A name behind the mark: compared with those of files, and never used as a path."""
    places = folders()
    path = on_shelf(name, places)
    if path is None:
        where = ", ".join(map(str, places))
        hint = f"there is no file of this name in {where}; set {VARIABLE}, or use --embedding FILE"
        raise ModelNotFound(f"{PREFIX}{name}", hint)
    return InversionUse(file=str(path), name=name)


def _met(texts: Sequence[str], known: Sequence[str], family: Family) -> Iterator[InversionUse]:
    """Files of the model folders whose names are words of the texts, and which teach this family something."""
    found: dict[str, list[Path]] = {}
    whole, taken = "\n".join(texts).lower(), {name.casefold() for name in known}
    for file in (entry.path for place in folders() for entry in shelved(place)):
        name = file.stem
        if name.lower() not in whole or name.casefold() in taken or not _named(name, texts, known):
            continue
        if _fits(file, family):
            found.setdefault(name.casefold(), []).append(file)
    for paths in found.values():
        if len(paths) > 1:
            shown = ", ".join(map(str, paths[:4]))
            hint = f"give one with --embedding {shorten(paths[0].stem)}=FILE"
            raise Ambiguous(paths[0].stem, f"is the name of {len(paths)} embeddings: {shown}", hint)
        yield InversionUse(file=str(paths[0]), name=paths[0].stem)


def _fits(path: Path, family: Family) -> bool:
    with suppress(MezzotintError, OSError):
        return (
            path.is_file() and path.stat().st_size <= LARGEST and bool(rows_for(family, open_inversion(path)))
        )
    return False
