"""The settings text that web UIs read from a picture ("infotext").

Takes a Recipe and gives the text; takes such a text, from whatever program, and gives its parts and, as far as they
have a counterpart here, flat options. The grammar is that of AUTOMATIC1111's web UI 1.10. Reading is linear in the
length of the text and never fails: what is not settings is prompt. Knows no image format.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from mezzotint.values import infotext_source
from mezzotint.values.adapters import tag
from mezzotint.values.guides import Cfg
from mezzotint.values.infotext_walk import read, shown, written
from mezzotint.values.infotext_walk import spacing as spacing_of
from mezzotint.values.names import YES
from mezzotint.values.recipe import Recipe
from mezzotint.values.sampler_names import (
    SAMPLER_TITLES,
    SPACING_TITLES,
    sampler_called,
)

EMPHASIS_NAMES: Mapping[str, str] = MappingProxyType({"No norm": "no_norm", "Ignore": "ignore"})
"""What the web UI writes where weights do not do what they do by default."""
MAX_LINE = 2**16
"""The longest line of settings that is read, in characters; a longer one is prompt."""
_NEGATIVE = "Negative prompt:"
_QUOTED = re.compile(r'\s*("(?:\\.|[^\\"])+")(?:,|$)')
_PLAIN = re.compile(r"\s*([^,]*)(?:,|$)")
_NO_KEY = re.compile(r"[^\w \-/]")
_SHARE = r"[01](\.[0-9]{1,20})?|\.[0-9]{1,20}|[0-9](\.[0-9]{1,20})?e-[0-9]{1,3}"
_SIZE = re.compile(r"([0-9]+)x([0-9]+)")


@dataclass(frozen=True)
class Infotext:
    """The parts of an infotext. `params` keeps the order; a size is split into "Size-1" and "Size-2"."""

    prompt: str
    negative: str
    params: Mapping[str, str]


def render(recipe: Recipe) -> str:
    """The infotext of `recipe`: prompt, negative prompt, one line of settings."""
    negative = f"\n{_NEGATIVE} {recipe.prompt.negative}" if recipe.prompt.negative else ""
    line = ", ".join(f"{key}: {_quote(value)}" for key, value in _params(recipe))
    tags = "".join(f" {tag(use)}" for use in recipe.adapters)
    return f"{recipe.prompt.text}{tags}{negative}\n{line}".strip()


def _params(recipe: Recipe) -> Iterator[tuple[str, str]]:
    walk, prompt = recipe.passes[0], recipe.prompt
    yield "Steps", str(walk.steps)
    yield "Sampler", SAMPLER_TITLES[walk.sampler]
    if walk.sigmas is None:
        yield "Schedule type", SPACING_TITLES[walk.spacing]
    for guide in walk.guides:
        if isinstance(guide, Cfg):
            yield "CFG scale", shown(guide.scale)
    yield "Seed", str(recipe.seed)
    yield "Size", f"{recipe.width}x{recipe.height}"
    if walk.model.sha256:
        yield "Model hash", walk.model.sha256[:10]
    # Only the last part of a path: where a file lies is nobody's business.
    yield "Model", PurePath(walk.model.base).name.removesuffix(".safetensors") or walk.model.base
    noise = recipe.noise
    if noise.variation_strength:
        yield "Variation seed", str(noise.variation_seed)
        yield "Variation seed strength", shown(noise.variation_strength)
    if noise.resize_from:
        yield "Seed resize from", noise.resize_from
    if (changed := infotext_source.strength(recipe)) is not None:
        yield "Denoising strength", shown(changed)
    if prompt.clip_skip is not None and prompt.clip_skip > 1:
        yield "Clip skip", str(prompt.clip_skip)
    if walk.tiling.seamless == "both":
        yield "Tiling", "True"
    if noise.ensd:
        yield "ENSD", str(noise.ensd)
    # With a GPU named it is what web UIs draw by default and do not mention.
    if noise.kind != "nv":
        yield "RNG", "CPU"
    elif noise.gpu is None:
        yield "RNG", "NV"
    for title, name in EMPHASIS_NAMES.items():
        if prompt.emphasis == name:
            yield "Emphasis", title
    if prompt.pad == YES:
        yield "Pad conds", "True"
    yield from infotext_source.written(recipe)
    yield from written(walk)


def _quote(value: str) -> str:
    return json.dumps(value, ensure_ascii=False) if re.search('[,\n:]|^"', value) else value


def parse(text: str) -> Infotext:
    """The parts of `text`. A last line with fewer than three settings (or beyond `MAX_LINE`) belongs to the prompt."""
    *lines, last = text.strip().split("\n")
    pairs = list(_pairs(last)) if len(last) <= MAX_LINE else []
    if len(pairs) < 3:
        lines, pairs = [*lines, last], []
    start = next((i for i, line in enumerate(lines) if line.strip().startswith(_NEGATIVE)), len(lines))
    negative = [_without_mark(line.strip()) for line in lines[start:]]
    return Infotext(_joined(lines[:start]), _joined(negative), dict(_split_sizes(pairs)))


def _without_mark(line: str) -> str:
    return line[len(_NEGATIVE) :] if line.startswith(_NEGATIVE) else line


def _joined(lines: list[str]) -> str:
    return "\n".join(line.strip() for line in lines).lstrip("\n")


def _pairs(line: str) -> Iterator[tuple[str, str]]:
    # Colon by colon, and not by one expression with the key in front: that one is quadratic in a long word.
    start = 0
    while (colon := line.find(":", start)) >= 0:
        run = _NO_KEY.split(line[start:colon])[-1]
        first = re.search(r"\w", run)
        key = run[first.start() :] if first else ""
        if len(key) < 2:
            start = colon + 1
            continue
        found = _QUOTED.match(line, colon + 1) or _PLAIN.match(line, colon + 1)
        assert found is not None  # _PLAIN matches everywhere
        yield key, _unquote(found[1])
        start = found.end()


def _unquote(value: str) -> str:
    if value.startswith('"') and value.endswith('"'):
        try:
            return str(json.loads(value))
        except ValueError:
            return value
    return value


def _split_sizes(pairs: list[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    for key, value in pairs:
        if size := _SIZE.fullmatch(value):
            yield f"{key}-1", size[1]
            yield f"{key}-2", size[2]
        else:
            yield key, value


def options(found: Infotext) -> dict[str, object]:
    """The flat options that `found` settles, for `values.options.assemble`; what has no counterpart is left out.

    Its guides are told by `values.infotext_walk.guides`, its further passes by `values.infotext_source.passes`.
    """
    params = found.params
    sampler, spacing = _split_title(params.get("Sampler", ""))
    spacing = spacing or params.get("Schedule type", "")
    flat: dict[str, object] = {
        "dialect": "a1111",
        "emphasis": EMPHASIS_NAMES.get(params.get("Emphasis", "")),
        "pad": YES if params.get("Pad conds") == "True" else None,
        "prompt": found.prompt,
        "negative": found.negative,
        "sampler": sampler_called(sampler),
        "spacing": spacing_of(spacing, sampler_called(sampler)),
        "seamless": "both" if params.get("Tiling") == "True" else None,
        "guidance": _number(params.get("CFG scale", ""), r"[0-9]{1,4}(\.[0-9]{1,20})?", float),
    }
    for name, key in _WHOLE.items():
        flat[name] = _number(params.get(key, ""), "[0-9]{1,20}", int)
    flat |= _noise(params) | read(params, sampler_called(sampler), flat["steps"])
    return {name: value for name, value in flat.items() if value is not None}


_WHOLE: Mapping[str, str] = MappingProxyType(
    {
        "steps": "Steps",
        "seed": "Seed",
        "width": "Size-1",
        "height": "Size-2",
        "clip_skip": "Clip skip",
        "variation_seed": "Variation seed",
    }
)
_RNGS: Mapping[str, str] = MappingProxyType({"CPU": "cpu", "NV": "nv", "GPU": "nv", "": "nv"})
"""A web UI draws on its GPU unless it says so; which one that was it does not say, and small pictures do not tell."""


def _noise(params: Mapping[str, str]) -> dict[str, object]:
    """How the seed became noise, where there is a seed."""
    resized = [_number(params.get(f"Seed resize from-{i}", ""), "[0-9]{1,4}", int) for i in (1, 2)]
    sizes = [8 * int(number // 8) for number in resized if number]
    return {
        "noise": _RNGS.get(params.get("RNG", "")) if "Seed" in params else None,
        "ensd": _number(params.get("ENSD", ""), "-?[0-9]{1,10}", int),
        "variation_strength": _number(params.get("Variation seed strength", ""), _SHARE, float),
        "seed_resize": f"{sizes[0]}x{sizes[1]}" if len(sizes) == 2 and all(sizes) else None,
    }


def _split_title(title: str) -> tuple[str, str]:
    # Before 1.9 the schedule was part of the sampler's name.
    for schedule in ("Karras", "Exponential"):
        if title.endswith(f" {schedule}"):
            return title.removesuffix(f" {schedule}"), schedule
    return title, ""


def _number(text: str, form: str, kind: type[int] | type[float]) -> int | float | None:
    return kind(text) if re.fullmatch(form, text) else None
