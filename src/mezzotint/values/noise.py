"""How the seed of a recipe becomes noise: whose convention, on what GPU, and A1111's further seed settings.

Gives `NoiseUse`, a part of every Recipe, and `Seed`. Each convention is the same numbers on every machine. Knows no
random generator.
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, PlainSerializer, model_validator

from mezzotint.values.errors import BadValue, UnknownName, shorten
from mezzotint.values.names import NOISES
from mezzotint.values.value import POSITIVE_ZERO, Value, one_of, option

SEEDS = 2**64
"""How many seeds there are."""
MAX_SEED = SEEDS - 1
MAX_BATCH = 1024
_EXACT_IN_DOUBLES = 2**53 - 1
_MAX_ENSD = 2**32 - 1
_PAIR = re.compile("([1-9][0-9]{0,3})x([1-9][0-9]{0,3})")

GPUS: Mapping[str, str] = MappingProxyType(
    {
        "rtx-2060": "30x1024",
        "t4": "40x1024",
        "rtx-3060": "28x1536",
        "rtx-4070": "46x1536",
        "rtx-4070-ti": "60x1536",
        "rtx-3090": "82x1536",
        "v100": "80x2048",
        "rtx-4090": "128x1536",
        "a100": "108x2048",
        "h100": "132x2048",
        "h200": "132x2048",
    }
)
"""Multiprocessors x most threads of one, as their makers publish them: all that the noise of a GPU depends on."""


def numbers_of(pair: str) -> tuple[int, int]:
    """The two numbers of a text like "46x1536"."""
    first, _, second = pair.partition("x")
    return int(first), int(second)


def _seed_from_text(given: Any) -> Any:
    # Readers of JSON that hold numbers as doubles lose digits above 2^53, so large seeds travel as text.
    return int(given) if isinstance(given, str) and re.fullmatch("[0-9]{1,20}", given) else given


def _seed_to_text(seed: int) -> int | str:
    return seed if seed <= _EXACT_IN_DOUBLES else str(seed)


Seed = Annotated[
    int,
    BeforeValidator(_seed_from_text),
    PlainSerializer(_seed_to_text, return_type=int | str, when_used="json"),
]
"""0 .. 2^64 - 1; in JSON those above 2^53 - 1 are decimal text."""


def _gpu(given: Any) -> Any:
    """The size of a GPU that a name stands for: the recipe holds numbers, which no table can lose."""
    if not isinstance(given, str):
        return given
    # "NVIDIA GeForce RTX 4070 Ti" is rtx-4070-ti.
    bare = given.lower().replace("nvidia", "").replace("geforce", "")
    size = GPUS.get(re.sub(r"[^a-z0-9]+", "-", bare).strip("-"), given)
    found = _PAIR.fullmatch(size)
    if not found:
        raise UnknownName("GPU", given, (*GPUS, "or its multiprocessors x threads of one, as 46x1536"))
    if int(found[2]) % 256:
        raise BadValue("noise_gpu", f"{found[2]} threads are no whole blocks", "use a multiple of 256")
    return size


def _size(given: Any) -> Any:
    if isinstance(given, str):
        found = _PAIR.fullmatch(given)
        if not found or any(not 8 <= number <= 4096 or number % 8 for number in numbers_of(given)):
            hint = "use WIDTHxHEIGHT as 512x768, each 8 to 4096 in steps of 8"
            raise BadValue("seed_resize", f"'{shorten(given)}' is not a size", hint)
    return given


class NoiseUse(Value):
    """By whose convention the seed becomes noise.

    `gpu` ("46x1536" or a name) says on which GPU other programs drew it. `index` and `batch` are the place in a batch
    that was drawn with one seed. `ensd` is added to the seed for the noise of the steps. `variation_strength` mixes
    in the noise of `variation_seed`; `resize_from` ("512x768") takes the middle from a picture of that size.
    """

    kind: Annotated[
        str, one_of("noise", NOISES), option("noise", "whose way from seed to noise", names=NOISES)
    ] = "cpu"
    gpu: Annotated[
        str | None,
        BeforeValidator(_gpu),
        option("noise_gpu", "GPU that drew it elsewhere: a name as rtx-4090, or its size as 128x1536"),
    ] = None
    index: Annotated[
        int, option("noise_index", "place in a batch of one seed, from 0", least=0, most=MAX_BATCH - 1)
    ] = 0
    batch: Annotated[
        int, option("noise_batch", "pictures of that batch, for the noise of steps", least=1, most=MAX_BATCH)
    ] = 1
    ensd: Annotated[
        int,
        option("ensd", "added to the seed for the noise of steps", least=-_MAX_ENSD, most=_MAX_ENSD),
    ] = 0
    variation_seed: Annotated[
        Seed, option("variation_seed", "seed of a second noise to mix in", least=0, most=MAX_SEED)
    ] = 0
    variation_strength: Annotated[
        float,
        POSITIVE_ZERO,
        option("variation_strength", "share of the second noise", least=0, most=1),
    ] = 0.0
    resize_from: Annotated[
        str | None,
        BeforeValidator(_size),
        option("seed_resize", "WIDTHxHEIGHT of the picture whose noise is the middle of this one's"),
    ] = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.gpu and self.kind == "cpu":
            raise BadValue("noise_gpu", "the noise cpu comes from no GPU", "use noise nv, comfy or invoke")
        if self.batch > 1 and self.index >= self.batch:
            raise BadValue(
                "noise_index",
                f"{self.index} is no place in a batch of {self.batch}",
                f"use 0 to {self.batch - 1}",
            )
        return self


def kind_alone(given: Any) -> Any:
    """A `NoiseUse` written as its kind only, as recipes did when there was no more to it."""
    return {"kind": given} if isinstance(given, str) else given
