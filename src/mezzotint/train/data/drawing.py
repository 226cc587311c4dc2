"""Draws planned items into one shard, or keeps what an earlier build drew.

Takes `Item` lists and a folder. Gives a finished shard and a report of it. Does not fetch and does not plan.
"""

import contextlib
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from mezzotint.train.data.colours import hue_of
from mezzotint.train.data.plan import Item
from mezzotint.train.data.raster import bitmap_pixels, framed, webp
from mezzotint.train.data.shards import Sample, read_shard, write_json, write_shard
from mezzotint.values.errors import DataProblem

PICTURES = 1
"""Raised when the same drawing would give another picture."""
FACTS = 2
"""Raised when the same picture would get other JSON."""


def finished(
    path: Path, items: Sequence[Item], size: int, seen: set[str], before: "Before"
) -> tuple[dict[str, Any], bool]:
    """The report of the shard `path` of `items`, and whether it had to be written now.

    `seen` are the digests of the set's pictures in earlier shards: a picture is never written twice. The report is
    written after the shard, so that a shard without one counts as unfinished. Raises OutputFailed, DataProblem.
    """
    planned = json.dumps([PICTURES, FACTS, size, [item.facts for item in items]], sort_keys=True)
    plan = hashlib.sha256(planned.encode()).hexdigest()
    report = _kept_report(path, plan)
    if report is not None:
        return report, False
    report = {**_draw_shard(path, items, size, seen, before), "plan": plan}
    write_json(path.with_suffix(".done"), report)
    return report, True


class Before:
    """The drawings in the shards of an earlier build: when only words changed, nothing is drawn again."""

    def __init__(self, folder: Path, size: int) -> None:
        """`folder` is the data folder, `size` the pixels a picture must have to be kept."""
        self._folder, self._drawn = folder, [PICTURES, size]

    @cached_property
    def _by_source(self) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for path in sorted((self._folder / "sprites").glob("[0-9]*.tar")):
            with contextlib.suppress(DataProblem, KeyError, ValueError):
                for _, members in read_shard(path):
                    facts = json.loads(members["json"])
                    if facts["drawn"] == self._drawn:
                        found[facts["source"]] = members["webp"]
        return found

    def picture(self, item: Item, size: int) -> bytes | None:
        """The drawing as WebP, or None when it is empty."""
        if known := self._by_source.get(item.facts["source"]):
            return known
        pixels = framed(item.drawing.draw(2 * size), size)
        return None if pixels is None else webp(pixels)


def _draw_shard(
    path: Path, items: Sequence[Item], size: int, seen: set[str], before: Before
) -> dict[str, Any]:
    samples: list[Sample] = []
    dropped, found = Counter[str](), dict[str, None]()
    for item in items:
        data = before.picture(item, size)
        mark = "" if data is None else hashlib.sha256(data).hexdigest()
        if data is None or mark in seen or mark in found:
            dropped["empty drawing" if data is None else "exact duplicate"] += 1
            continue
        found[mark] = None
        hue = hue_of(np.asarray(bitmap_pixels(data)))
        free = hue.recolourable and "fixed" not in item.facts["flags"]
        facts = {
            **item.facts,
            "hue": {**asdict(hue), "recolourable": free},
            "drawn": [PICTURES, size],
        }
        text = json.dumps(facts, sort_keys=True, ensure_ascii=False).encode()
        samples.append((f"{item.source.name}-{item.facts['rank']:04d}", {"webp": data, "json": text}))
    return {"sha256": write_shard(path, samples), "pictures": list(found), "dropped": dict(dropped)}


def _kept_report(path: Path, plan: str) -> dict[str, Any] | None:
    """The report of a finished shard of the same plan, or None when it has to be drawn."""
    try:
        report = json.loads(path.with_suffix(".done").read_text(encoding="utf-8"))
        if report["plan"] != plan or report["sha256"] != hashlib.sha256(path.read_bytes()).hexdigest():
            return None
        return report
    except (OSError, ValueError, KeyError, TypeError):
        return None
