"""Text to ids as open_clip reads it, which SD 2 and the second encoder of SDXL were trained with.

Takes a tokenizer of the same vocabulary, gives the ids of open_clip's `SimpleTokenizer`. Beside the cleaning of a text
(see `text.mending`), `<start_of_text>` and `<end_of_text>` are its special tokens where a word may begin, and
`<|endoftext|>` is a word like any other. A1111's web UI reads those encoders' texts so, others as they read any CLIP's.
"""

import re
from collections.abc import Callable, Iterator

from tokenizers import Tokenizer

from mezzotint.text.clip import ClipTokenizer, encoded
from mezzotint.text.mending import cleaned
from mezzotint.text.splitting import OPEN_CLIP_WORDS, words
from mezzotint.text.taught import Ids

_SPECIAL = re.compile("<(start|end)_of_text>")


def as_open_clip(tokenizer: ClipTokenizer) -> Callable[[str], Ids]:
    """`text -> ids`, neither cut nor padded, without start and end. Raises `BadValue` for half a surrogate."""
    encoder = Tokenizer(tokenizer.pairs)
    encoder.pre_tokenizer = words(OPEN_CLIP_WORDS)
    special = {"start": tokenizer.bos, "end": tokenizer.eos}

    def ids(text: str) -> Ids:
        found: list[int] = []
        for part in _parts(cleaned(text)):
            found += [special[part[1]]] if isinstance(part, re.Match) else encoded(encoder, part)
        return tuple(found)

    return ids


def _parts(text: str) -> Iterator[str | re.Match[str]]:
    """Text, and the special tokens in it: those that no other sign stands right before."""
    start = 0
    for found in _SPECIAL.finditer(text):
        before = text[start : found.start()]
        if not before or before[-1].isalnum() or before[-1].isspace():
            yield before
            yield found
            start = found.end()
    yield text[start:]
