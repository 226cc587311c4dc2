"""The languages that prompts are written in, by name: each reads a text and says what is drawn at every step.

Takes the name of a dialect, the text and the number of steps; gives a `Timeline`. A dialect is two functions, for
prompts and for negative prompts, and the way in which its texts are cut into chunks. Knows no tokenizer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from mezzotint.text import a1111, comfy, compel
from mezzotint.text.chunks import Cutting, at_commas, at_sentences, by_words, cut_off, spaced, whole
from mezzotint.text.prompt import Passage, Run, Timeline, always

Reader = Callable[[str, int], Timeline]
"""`(text, steps) -> what is said at every step`. Raises BadValue for weights that no picture can be drawn with."""


@dataclass(frozen=True)
class Dialect:
    """A prompt language: how prompts and negative prompts are read, how long texts are cut, which way of weighing (a
    name of `values.names.EMPHASES`) its weights were made for, and whether texts that steer one picture are filled up
    with empty chunks to one length where the recipe does not say."""

    prompt: Reader
    negative: Reader
    cutting: Cutting
    emphasis: str
    pads: bool = False


def plain(text: str, steps: int) -> Timeline:
    """The text as it is: nothing in it has a meaning of its own."""
    return always(Passage(((Run(text),),) if text else ((),)))


DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "plain": Dialect(plain, plain, Cutting(whole, cut_off), "ignore"),
        "a1111": Dialect(
            a1111.timeline, a1111.negative_timeline, Cutting(whole, at_commas, trained=True), "original"
        ),
        "comfy": Dialect(comfy.timeline, comfy.timeline, Cutting(spaced, by_words), "comfy"),
        "compel": Dialect(
            compel.timeline, compel.timeline, Cutting(whole, at_sentences), "compel", pads=True
        ),
    }
)


def read(dialect: str, text: str, steps: int, negative: bool = False) -> Timeline:
    """What `text` says in a dialect over `steps` steps. Raises BadValue."""
    language = DIALECTS[dialect]
    return (language.negative if negative else language.prompt)(text, steps)
