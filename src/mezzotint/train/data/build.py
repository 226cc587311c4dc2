"""Builds the data folder: fetches packages, draws their pictures, writes shards and a manifest.

Takes a folder and names of sets. Gives progress events; a build that was stopped goes on where it was, because
fetched packages and finished shards are kept. Does not know training.
"""

from collections import Counter
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from mezzotint.train.data import sets as known_sets
from mezzotint.train.data.concepts import Concept, concepts
from mezzotint.train.data.drawing import FACTS, PICTURES, Before, finished
from mezzotint.train.data.emoji import read_emoji
from mezzotint.train.data.licences import Licence, debian_licence, npm_licence
from mezzotint.train.data.packages import Fetcher, Package, fetch, obtain, root_of, unpacked
from mezzotint.train.data.plan import Item, Words, plan
from mezzotint.train.data.sets import PictureSet
from mezzotint.train.data.shards import write_json
from mezzotint.train.data.wordnet import read_wordnet
from mezzotint.values.errors import BadValue, DataProblem, UnknownName

DEFAULT_SETS = tuple(known_sets.SETS)
"""The sets of the embedded model's data."""


@dataclass(frozen=True)
class Fetched:
    """A package is at hand; `fresh` when it had to be fetched."""

    package: str
    licence: str
    fresh: bool


@dataclass(frozen=True)
class Drawn:
    """A shard is finished; `fresh` when it was drawn now, not kept from before."""

    set: str
    shard: int
    shards: int
    sprites: int
    fresh: bool


@dataclass(frozen=True)
class Built:
    """Everything is there; `manifest` is what manifest.json holds."""

    folder: Path
    manifest: Mapping[str, Any]


Progress = Fetched | Drawn | Built


def build(
    folder: Path,
    sets: Sequence[str] = DEFAULT_SETS,
    size: int = 128,
    *,
    with_synonyms: bool = True,
    cache: Path | None = None,
    fetcher: Fetcher = fetch,
    known: Mapping[str, PictureSet] = known_sets.SETS,
    table: Mapping[str, Concept] | None = None,
) -> Iterator[Progress]:
    """Builds `folder` (sprites/*.tar and manifest.json) from the named sets, at `size` pixels.

    `with_synonyms` adds WordNet's words, which needs apt-get. `cache` keeps packages (default: `folder`/packages).
    Raises UnknownName, BadValue, DataProblem (licence, client, network, broken archive), OutputFailed.
    """
    for name in sets:
        if name not in known:
            raise UnknownName("picture set", name, known)
    if not 32 <= size <= 512:
        raise BadValue("size", f"{size} is not allowed", "use 32 to 512, for instance 128")
    chosen = [known[name] for name in dict.fromkeys(sets)]
    store = cache or folder / "packages"
    roots: dict[str, tuple[Path, Licence]] = {}
    wanted = [*(entry.package for entry in chosen), known_sets.EMOJI_NAMES]
    for package in [*wanted, known_sets.WORDNET] if with_synonyms else wanted:
        root, licence, fresh = _at_hand(package, store, fetcher)
        roots[str(package)] = (root, licence)
        yield Fetched(str(package), licence.name, fresh)
    words = Words(
        read_emoji(roots[str(known_sets.EMOJI_NAMES)][0]),
        concepts() if table is None else table,
        read_wordnet(roots[str(known_sets.WORDNET)][0] / "usr/share/wordnet") if with_synonyms else None,
    )
    items, dropped = plan(chosen, roots, words)
    counts = yield from _draw(folder, items, size, dropped)
    yield _finish(folder, chosen, roots, size, counts, dropped)


def _at_hand(package: Package, store: Path, fetcher: Fetcher) -> tuple[Path, Licence, bool]:
    archive, fresh = obtain(package, store, fetcher)
    root = root_of(unpacked(package, archive, store))
    if package.client == "apt-get":
        root = unpacked(package, archive, store)
        text = root / "usr/share/doc" / package.name / "copyright"
        return root, debian_licence(text, str(package)), fresh
    return root, npm_licence(root, str(package)), fresh


def _draw(
    folder: Path, shards: Sequence[Sequence[Item]], size: int, dropped: Mapping[str, Counter[str]]
) -> Generator[Progress, None, Counter[str]]:
    """Draws or keeps every shard, and removes those of a longer earlier build. Returns sprites by set."""
    counts, seen = Counter[str](), dict[str, set[str]]()
    before = Before(folder, size)
    for number, items in enumerate(shards):
        name = items[0].source.name
        known = seen.setdefault(name, set())
        report, fresh = finished(folder / "sprites" / f"{number:05d}.tar", items, size, known, before)
        known.update(report["pictures"])
        counts[name] += len(report["pictures"])
        dropped[name].update(report["dropped"])
        yield Drawn(name, number, len(shards), len(report["pictures"]), fresh)
    for path in (folder / "sprites").glob("[0-9]*.*"):
        if path.suffix == ".part" or int(path.name.split(".")[0]) >= len(shards):
            path.unlink()
    return counts


def _finish(
    folder: Path,
    chosen: Sequence[PictureSet],
    roots: Mapping[str, tuple[Path, Licence]],
    size: int,
    counts: Mapping[str, int],
    dropped: Mapping[str, Counter[str]],
) -> Built:
    if not sum(counts.values()):
        raise DataProblem("no picture was left", hint="choose other sets")
    manifest: dict[str, Any] = {
        "format": [PICTURES, FACTS],
        "size": size,
        "sprites": sum(counts.values()),
        "sets": {
            entry.name: {
                "package": entry.package.name,
                "version": entry.package.version,
                "style": entry.style,
                "licence": asdict(roots[str(entry.package)][1]),
                "sprites": counts[entry.name],
                "dropped": dict(sorted(dropped[entry.name].items())),
            }
            for entry in chosen
        },
        "words": {
            name: asdict(licence)
            for name, (_, licence) in sorted(roots.items())
            if name not in {str(entry.package) for entry in chosen}
        },
    }
    write_json(folder / "manifest.json", manifest)
    return Built(folder, manifest)
