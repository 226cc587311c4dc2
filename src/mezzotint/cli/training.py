"""What the verbs of training share: where the pictures come from, how the run goes, and how it ended.

Takes parsed flags, gives sources of pictures and the settings of the loop. Knows no network.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.cli.settings import flags_of, made
from mezzotint.train.bases import Base
from mezzotint.train.data.sprites import Selection
from mezzotint.train.latents import Beside, LatentCache, Latents
from mezzotint.train.loop import LoopConfig, Outcome
from mezzotint.train.sources import Composed

DONE, STOPPED = 0, 130
BASE = Flag("base", str, "finished model it is trained beside", "mini", group="parts", shown="MODEL")


def _help(text: str) -> dict[str, str]:
    return {"help": text}


@dataclass(frozen=True)
class Pictures:
    """Which pictures are composed: from `data`, of the `concepts` most useful things, in `styles` (all if empty)."""

    data: Path = field(default=Path("data/mini"), metadata=_help("folder that `mezzotint data build` made"))
    concepts: int | None = field(default=200, metadata=_help("how many of the most useful things"))
    styles: tuple[str, ...] = field(default=(), metadata=_help("styles to draw in (all of them)"))
    size: int = field(default=64, metadata=_help("width and height in pixels"))


def common_flags(assumed: Mapping[str, Any], without: frozenset[str] = frozenset()) -> tuple[Flag, ...]:
    """Flags for the pictures and for the loop, with the defaults `assumed`."""
    return (*flags_of(Pictures, "pictures", assumed, without), *flags_of(LoopConfig, "run", assumed))


def pictures(given: Mapping[str, Any], seed: int, size: int | None = None) -> Composed:
    """The composed pictures that the flags describe, of `size` pixels where that is not a flag."""
    wanted = made(Pictures, given, {"size": size} if size is not None else {})
    return Composed(wanted.data, Selection(wanted.concepts, wanted.styles or None), seed, wanted.size)


def chunk_flags() -> tuple[Flag, ...]:
    """How many latents are kept."""
    return (
        Flag("chunk", int, "pictures in one file of latents", 1024, group="latents"),
        Flag("first", int, "files of latents to begin with", 4, group="latents"),
        Flag("most", int, "files of latents at most", 24, group="latents"),
        Flag("grow_every", int, "steps until there is one more", 100, group="latents"),
    )


def cached(given: Mapping[str, Any], base: Base, seed: int, beside: Beside) -> Latents:
    """The latents of the pictures that the flags describe, encoded by `base` into the run folder."""
    settings = loop(given)
    cache = LatentCache(
        settings.out / "latents",
        pictures(given, seed),
        base.autoencoder,
        base.captions.tokenizer,
        given["chunk"],
        settings.device,
        beside,
    )
    return Latents(cache, given["first"], given["most"], given["grow_every"])


def loop(given: Mapping[str, Any]) -> LoopConfig:
    """The settings of the run."""
    return made(LoopConfig, given)


def ended(outcome: Outcome, more: Sequence[str] = ()) -> int:
    """Says how the run ended and gives the exit code; a stopped run goes on with the same command."""
    for line in more:
        print(line)
    if outcome.reason == "stopped":
        print(f"stopped after step {outcome.step}; the same command goes on from there")
        return STOPPED
    return DONE
