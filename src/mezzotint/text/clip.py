"""The CLIP tokenizer: a prompt becomes the ids that a text encoder reads.

Takes a vocabulary, the pad id and the length of a family, gives ids equal to those of transformers' `CLIPTokenizer`,
cut and padded to the length. A `<|endoftext|>` written in a prompt is that token, as in the reference. Names of taught
words become the ids that are given for them. Knows no network.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Self

from tokenizers import AddedToken, Tokenizer, models

from mezzotint.text.chunks import Frame
from mezzotint.text.splitting import normaliser, splitter
from mezzotint.text.taught import NOTHING, Ids, Taught, cut, units
from mezzotint.text.vocabulary import END, START, WORD_END
from mezzotint.values.errors import BadValue, shorten


class ClipTokenizer:
    """Text to ids of one vocabulary. `length` ids a text, `pad` after the end; `bos`, `eos`: start and end;
    `frame`: all that stands around a text."""

    def __init__(self, encoder: Tokenizer, vocab: Mapping[str, int], pad: int, length: int) -> None:
        self._encoder = encoder
        self.pad = pad
        self.length = length
        self.bos = vocab[START]
        self.eos = vocab[END]
        self.vocab_size = len(vocab)
        self.frame = Frame((self.bos,), self.eos, pad, length, vocab.get(f",{WORD_END}", -1), self.token)

    @classmethod
    def from_files(
        cls, vocab: Mapping[str, int], merges: Sequence[tuple[str, str]], pad: int, length: int
    ) -> Self:
        """The tokenizer of a vocabulary's two parts (see `text.vocabulary`).

        `pad` is the end token for SD 1 and 0 for SD 2; `length` is 77 for both. Raises `BadValue` for a vocabulary
        without the two special tokens, rules that do not fit it, a pad outside it, or a length below 3.
        """
        if START not in vocab or END not in vocab:
            raise BadValue("vocabulary", f"has no {START} or {END}", "use a vocabulary made for CLIP")
        if length < 3 or not 0 <= pad < len(vocab):
            raise BadValue("tokenizer", f"pad {pad} or length {length} is out of range", "check the family")
        try:
            pairs = models.BPE(
                vocab=dict(vocab), merges=list(merges), end_of_word_suffix=WORD_END, unk_token=END
            )
        except Exception as error:  # noqa: BLE001 - the library raises its own untyped exceptions
            reason = shorten(str(error), 100)
            raise BadValue("vocabulary", f"is unusable ({reason})", "use files of one model") from None
        encoder = Tokenizer(pairs)
        encoder.normalizer, encoder.pre_tokenizer = normaliser(), splitter()
        special: list[str | AddedToken] = [AddedToken(token, normalized=False) for token in (START, END)]
        encoder.add_special_tokens(special)  # pyright: ignore[reportUnknownMemberType]
        return cls(encoder, vocab, pad, length)

    def ids(self, text: str) -> tuple[int, ...]:
        """The ids of `text`, neither cut nor padded, without start and end. Raises `BadValue` for half a surrogate."""
        return encoded(self._encoder, text)

    @property
    def pairs(self) -> models.Model:
        """The merge rules alone, for another way to find words in a text."""
        return self._encoder.model

    def token(self, id: int) -> str:
        """The token of an id as the vocabulary writes it, `</w>` at the end of a word."""
        return self._encoder.id_to_token(id) or ""

    def padded(self, text: str, taught: Taught = NOTHING) -> tuple[tuple[int, ...], int]:
        """`length` ids (start, text, end, pads), and how many ids at the end of the text did not fit.

        A taught word that does not fit whole is left out with all that follows it.
        """
        kept, lost = cut(units(text, taught, self.ids), self.length - 2)
        row = (self.bos, *kept, self.eos)
        return row + (self.pad,) * (self.length - len(row)), lost


def as_clip(tokenizer: ClipTokenizer) -> Callable[[str], Ids]:
    """`text -> ids` as CLIP's tokenizer reads it."""
    return tokenizer.ids


def encoded(encoder: Tokenizer, text: str) -> tuple[int, ...]:
    """The ids of a text. Raises `BadValue` for half a surrogate."""
    try:
        return tuple(encoder.encode(text, add_special_tokens=False).ids)
    except (TypeError, UnicodeError):
        raise BadValue("prompt", "holds half a surrogate pair", "remove the broken character") from None
