"""`mezzotint data build`: fetches open picture sets and draws the sprites that training pictures are made of."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mezzotint.cli.flags import Flag
from mezzotint.train.data.build import DEFAULT_SETS, Built, Drawn, Fetched, Progress, build


def flags() -> tuple[Flag, ...]:
    """Where to, which sets, which size."""
    return (
        Flag("output", Path, "folder to build", Path("data/mini"), short="-o"),
        Flag("sets", tuple[str, ...], "picture sets", DEFAULT_SETS),
        Flag("size", int, "width and height of a sprite in pixels", 128),
        Flag("synonyms", bool, "add the synonyms of WordNet, which needs apt-get", True),
        Flag("cache", Path, "folder for fetched packages (packages/ in the output folder)"),
        Flag("quiet", bool, "print nothing but errors", short="-q"),
    )


def run(given: Mapping[str, Any]) -> int:
    """Builds, telling each step on stderr. Raises MezzotintError."""
    steps = build(
        given["output"], given["sets"], given["size"], with_synonyms=given["synonyms"], cache=given["cache"]
    )
    for step in steps:
        if isinstance(step, Built):
            if not given["quiet"]:
                print(f"{step.folder}  built, see {step.folder / 'manifest.json'}")
        elif not given["quiet"]:
            print(_line(step), file=sys.stderr)
    return 0


def _line(step: Progress) -> str:
    if isinstance(step, Fetched):
        return f"{'fetched' if step.fresh else 'have'} {step.package} ({step.licence})"
    assert isinstance(step, Drawn)
    kept = "" if step.fresh else ", kept"
    return f"shard {step.shard + 1} of {step.shards}: {step.sprites} sprites of {step.set}{kept}"
